"""What this analysis adds to the explorer: its figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.plots.explored import Explored, View

if TYPE_CHECKING:
    import xarray as xr


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """The figure as it stands below, one panel at a time."""
    return Explored(views=[View(tab="landscape", title="The loss surface", figure="surface", layers=True)])
