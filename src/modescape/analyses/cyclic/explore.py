"""What cyclic schedules and long runs add to the explorer: their differences at equal training cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.forest import Row, forest
from modescape.plots import style
from modescape.plots.charts import Chart
from modescape.plots.explored import Explored, View, explored_scores
from modescape.plots.scores import methods, scores
from modescape.wording.reading import pick

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """Differences from independent networks at the same training cost, a row a method."""
    dataset = results["cyclic"]
    known = scores(dataset)
    if "difference" not in dataset or not known:
        return Explored()
    view = View(
        tab="methods",
        title="Equal training cost: cyclic schedules and long runs",
        choices=[explored_scores(known)],
        charts={(name,): _chart(dataset, name, score) for name, score in known.items()},
        about="Each has the training cost of the independent networks it is compared with. Intervals: new repeats on "
        "new examples; for a single repeat, and for the ensemble of all members, these networks on new examples.",
        place=30,
    )
    return Explored(views=[view])


def _chart(dataset: xr.Dataset, metric: str, score: Score) -> Chart:
    rows = []
    for method in methods(dataset):
        ends = [pick(dataset, f"difference{end}", approach=method, metric=metric) for end in ("", "_low", "_high")]
        look = style.method_look(method)
        value, low, high = ends
        rows.append(
            Row(name=look.name, group=method, value=value, low=low, high=high, colour=look.colour, marker=look.marker)
        )
    return forest(f"{score.label} at equal training cost", score, rows, "independent networks")
