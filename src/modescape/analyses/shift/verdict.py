"""What corrupted images add to the head of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.wording.head import Part

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """What corruptions do not show."""
    limit = "Every kind of shift: corruptions are made from the test images, one per image."
    return Part(limits={70: limit} if "shift" in results else {})
