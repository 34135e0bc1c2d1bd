"""What calibration adds to the explorer: its figure, and what each method gains after calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses import task_of
from modescape.plots.explored import Explored, View

if TYPE_CHECKING:
    import xarray as xr

OVER_ONE = (6,)  # panel of classes: each method over one network


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """The figure as it stands below, a panel at a time, and its comparison of methods beside others."""
    title = "Calibration of one network and of the ensemble"
    views = [View(tab="reliability", title=title, figure="calibration", layers=True)]
    if task_of(results["calibration"]) == "classification":
        about = "Intervals: these networks on new examples."
        over = "After calibration: all networks of each method against one"
        views.append(View(tab="methods", title=over, figure="calibration", only=OVER_ONE, about=about, place=40))
    return Explored(views=views)
