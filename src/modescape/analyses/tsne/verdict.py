"""What the embedding adds to the head of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.wording.head import Part

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """What its picture does not show."""
    limit = "Distances: t-SNE can create spurious arms; PCA beside it preserves distances."
    return Part(limits={90: limit} if "tsne" in results else {})
