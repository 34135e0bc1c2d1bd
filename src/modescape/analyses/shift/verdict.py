"""What corrupted images add to the head of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.wording.head import Part

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """What corruptions do not show."""
    limit = "Every shift: corruptions are made from the test images, and each image gets one of them."
    return Part(limits={70: limit} if "shift" in results else {})
