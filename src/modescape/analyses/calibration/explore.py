"""What calibration adds to the explorer: its figure, and what each method gains after calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses import task_of
from modescape.analyses.calibration.draw import OVER_ONE, over_one, panels
from modescape.analyses.forest import Row, forest, takeaway
from modescape.covers import covers_of
from modescape.metrics.scores import CALIBRATED
from modescape.plots import style
from modescape.plots.explored import Explored, View

if TYPE_CHECKING:
    import xarray as xr

METRIC = "calibrated_nll"
AGAINST = "one network"


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """The figure as it stands below, a panel at a time; of classes its comparison of methods beside others instead."""
    dataset = results["calibration"]
    of_classes = task_of(dataset) == "classification"
    title = "Calibration of one network and of the ensemble"
    layers = [at for at in range(len(panels(dataset))) if at != OVER_ONE] if of_classes else ()
    views = [View(tab="reliability", title=title, figure="calibration", layers=True, only=layers)]
    if of_classes:
        views.append(_after(dataset))
    return Explored(views=views)


def _after(dataset: xr.Dataset) -> View:
    """All networks of each method against one, after calibration."""
    rows, covers = [], covers_of(dataset, "behind")
    for value, low, high, method, size in over_one(dataset):
        look = style.method_look(method)
        looks = {"colour": look.colour, "marker": look.marker, "note": style.counted(size, "network")}
        rows.append(Row(name=look.name, group=method, value=value, low=low, high=high, **looks))
    chart = forest("All networks of each method against one", CALIBRATED[METRIC], rows, AGAINST, covers)
    return View(
        tab="methods",
        title="After calibration: all networks of each method against one",
        charts={(): chart},
        sentences={(): takeaway(METRIC, dataset, rows, AGAINST, covers)},
        about=f"Intervals: {covers}.",
        place=40,
    )
