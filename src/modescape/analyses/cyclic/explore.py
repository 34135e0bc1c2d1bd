"""What cyclic schedules and long runs add to the explorer: their differences at equal training cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.forest import Row, forest, takeaway
from modescape.covers import covers_of
from modescape.plots import style
from modescape.plots.explored import Explored, View, explored_scores
from modescape.plots.scores import methods, scores
from modescape.wording.reading import pick

if TYPE_CHECKING:
    import xarray as xr


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """Differences from independent networks at the same training cost, a row a method."""
    dataset = results["cyclic"]
    known = scores(dataset)
    if "difference" not in dataset or not known:
        return Explored()
    charts, sentences, covers = {}, {}, covers_of(dataset, "difference")
    for name, score in known.items():
        rows = _rows(dataset, name)
        charts[name,] = forest(f"{score.label} at equal training cost", score, rows, "independent networks", covers)
        sentences[name,] = takeaway(name, dataset, rows, "independent networks", covers)
    view = View(
        tab="methods",
        title="Equal training cost: cyclic schedules and long runs",
        choices=[explored_scores(known)],
        charts=charts,
        sentences=sentences,
        about="Each has the training cost of the independent networks it is compared with. "
        "With a single repeat, and for the ensemble of all members, intervals are for these members.",
        place=30,
    )
    return Explored(views=[view])


def _rows(dataset: xr.Dataset, metric: str) -> list[Row]:
    rows = []
    for method in methods(dataset):
        ends = [pick(dataset, f"difference{end}", approach=method, metric=metric) for end in ("", "_low", "_high")]
        look = style.method_look(method)
        value, low, high = ends
        rows.append(
            Row(
                name=look.name,
                group=method,
                value=value,
                low=low,
                high=high,
                colour=look.colour,
                marker=look.marker,
                covers=covers_of(dataset, "difference", method),
            )
        )
    return rows
