"""What calibration adds to the explorer: its figure, and what sizes are worth after calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses import task_of
from modescape.plots.explored import Explored, View

if TYPE_CHECKING:
    import xarray as xr

AFTER = (2, 3)  # panels of classes: calibrated NLL against size, and equivalents


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """The figure as it stands below, a panel at a time, and the panels of sizes beside other sizes."""
    title = "Calibration of one network and of the ensemble"
    views = [View(tab="reliability", title=title, figure="calibration", layers=True)]
    if task_of(results["calibration"]) == "classification":
        after = "After calibration: NLL and what methods are worth"
        about = "Intervals: these networks on new examples."
        views.append(View(tab="size", title=after, figure="calibration", only=AFTER, about=about, place=30))
    return Explored(views=views)
