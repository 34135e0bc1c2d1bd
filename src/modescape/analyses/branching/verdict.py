"""What branching adds to the head of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.wording.head import Part, trained_less

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """Where its networks are trained less than members are."""
    return Part(trained_less={25: trained_less(results.get("branching"), "the branches of a run")})
