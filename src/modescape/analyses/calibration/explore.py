"""What calibration adds to the explorer: its figure, and what sizes are worth after calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses import task_of
from modescape.plots.explored import Explored, View

if TYPE_CHECKING:
    import xarray as xr

AFTER, OVER_ONE = (2, 3), (6,)  # panels of classes: calibrated NLL and equivalents against size; each over one network


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """The figure as it stands below, a panel at a time, and the panels of sizes beside other sizes."""
    title = "Calibration of one network and of the ensemble"
    views = [View(tab="reliability", title=title, figure="calibration", layers=True)]
    if task_of(results["calibration"]) == "classification":
        after = "After calibration: NLL and what methods are worth"
        about = "Intervals: these members on new examples."
        views.append(View(tab="size", title=after, figure="calibration", only=AFTER, about=about, place=30))
        over = "After calibration: all networks of each method against one"
        views.append(View(tab="methods", title=over, figure="calibration", only=OVER_ONE, about=about, place=40))
    return Explored(views=views)
