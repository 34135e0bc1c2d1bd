"""Barriers between every two solutions, their means over pairs, and networks along paths between two."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses import task_of
from modescape.analyses.likeness import LIKENESS
from modescape.covers import covers_of, tagged
from modescape.metrics.scores import TARGET_UNIT, score_of
from modescape.plots import charts, steps, style
from modescape.plots.charts import Chart, HeatMap, Panel, Series
from modescape.plots.scores import better, in_target_unit

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Barriers and paths between solutions"
COLUMNS = 3
X_LABEL = "Position on path (share)"
LABELS = 11  # members a side
KINDS = {  # of barriers -> name, colour, marker
    "raw": ("As they are", style.PURPLE, ("o", "circle")),
    "raw_reset": ("Reset", style.ORANGE, ("s", "square")),
    "aligned": ("Aligned", style.SKY, ("^", "triangle-up")),
    "aligned_reset": ("Aligned and reset", style.BLUE, ("D", "diamond")),
}
PATHS: dict[str, tuple[str, str, style.LineKind]] = {
    "straight": ("Straight line", style.PURPLE, "dash"),
    "aligned": ("Straight line, aligned", style.SKY, "dash"),
    "bezier": ("Bezier curve", style.GREEN, "solid"),
    "polychain": ("Polychain", style.VERMILION, "dot"),
}


def caption(dataset: xr.Dataset) -> str:
    """What the barriers are of, how networks were aligned and paths fitted, and what the panels do not show."""
    pairs = style.counted(len(pairs_of(dataset)), "pair")
    members = style.counted(dataset.sizes["member"], "member")
    start, end = (int(member) for member in dataset["member"].values[:2])
    return style.sentences(
        f"Above: barriers on the straight line between two solutions ({pairs} of {members}), the largest height of",
        f"the loss, or of the error, on {style.tested_on(dataset)} above the line between both ends, from",
        f"{dataset.attrs['points']} points. To the left: means over pairs with their intervals, and",
        f"small marks for the pairs. {_reset(dataset)} {_aligned(dataset)}",
        f"Below: networks along paths from member {start} to member {end}; bent paths have one bend and were fitted",
        f"to the training loss in {dataset.attrs['steps']} steps. {_shift(dataset)} {steps.similar(dataset)}",
        _unrelated(dataset),
        "A network with itself is grey.",
        f"{style.counted(int(dataset.attrs['gaps']), 'place')} without a finite loss." if dataset.attrs["gaps"] else "",
        style.intervals(dataset),
        steps.control(dataset),
        style.left_out(dataset),
    )


def _reset(dataset: xr.Dataset) -> str:
    seen = style.counted(int(dataset.attrs["reset_examples"]), "training example")
    if dataset.attrs["reset"] == "REPAIR":
        return (
            f"Reset: REPAIR, units of every layer get the mean and spread between those of the ends' (on {seen}); the "
            "paths below are without it."
        )
    return (
        f"Reset: batch-norm statistics recomputed at every point (on {seen}), as along the paths below; "
        "elsewhere they are interpolated like the weights."
    )


def _aligned(dataset: xr.Dataset) -> str:
    if refused := style.one_line(dataset.attrs["refused"]):
        return f"Not aligned: {refused}."
    return (
        "Aligned: the units of one network permuted to match the other's weights; a good permutation, "
        "not necessarily the best."
    )


def _shift(dataset: xr.Dataset) -> str:
    shift = style.one_line(dataset.attrs["shift"])
    if shift.startswith("none"):
        return f"There is no loss on corrupted examples ({shift.removeprefix('none: ').rstrip('.')})."
    return f"Corrupted, severity {dataset.attrs['severity']}: {shift.replace('_', ' ')}."


def _unrelated(dataset: xr.Dataset) -> str:
    others = dataset.sizes["member"] - 2
    if not others:
        return "There is no unrelated solution."
    whose = "the mean over the other members, which are" if others > 1 else "the third member, which is"
    return f"Unrelated: {whose} not on the path."


def pairs_of(dataset: xr.Dataset) -> list[tuple[int, int]]:
    """Indices of the members of every pair."""
    first, second = np.triu_indices(dataset.sizes["member"], 1)
    return list(zip(first.tolist(), second.tolist(), strict=True))


def kinds_of(dataset: xr.Dataset) -> list[str]:
    """Kinds of barriers that were measured."""
    kinds = [str(kind) for kind in dataset["approach"].values if str(kind) in KINDS]
    return [kind for kind in kinds if not (kind.startswith("aligned") and dataset.attrs["refused"])]


def factor_of(dataset: xr.Dataset) -> float:
    """The factor by which an error is drawn: 100 for shares, shown in percentage points."""
    return 100.0 if task_of(dataset) == "classification" else 1.0


def error_unit(dataset: xr.Dataset) -> str:
    """The unit of an error's barrier."""
    return "points" if task_of(dataset) == "classification" else in_target_unit(dataset, TARGET_UNIT)


def mean_of(dataset: xr.Dataset, kind: str, metric: str) -> tuple[float, float, float]:
    """Mean over pairs of a barrier, and both ends of its interval."""
    place = {"approach": kind, "metric": metric}
    mean, low, high = (float(dataset[f"mean_barrier{end}"].sel(place)) for end in ("", "_low", "_high"))
    return mean, low, high


def describe(dataset: xr.Dataset) -> Chart:
    """Matrices and means of barriers, then panels of paths."""
    matrices, means = _matrices(dataset), [_means(dataset, metric) for metric in ("loss", "error")]
    above = [means[0], *matrices[:2], means[1], *matrices[2:]]
    panels = [*above, *_along(dataset), *_similar(dataset)]
    covers = covers_of(dataset, "mean_barrier")
    return Chart(title=TITLE, panels=panels, columns=COLUMNS, panel_size=(3.3, 2.9), panel_height=400, covers=covers)


def _matrices(dataset: xr.Dataset) -> list[HeatMap]:
    members = [str(member) for member in dataset["member"].values]
    kinds, found = kinds_of(dataset), []
    values = {kind: dataset["barrier"].sel({"approach": kind}) for kind in kinds}
    cells = {kind: _off_diagonal(values[kind].sel(metric="loss")) for kind in kinds}
    scale = dataclasses.replace(style.from_zero(*cells.values()), label="Barrier (nats)", colours="viridis_r")
    for kind in kinds:
        mean, low, high = mean_of(dataset, kind, "loss")
        there = math.isfinite(low) and math.isfinite(high)
        tag = tagged(covers_of(dataset, "mean_barrier"))
        interval = f" ({low:.2f} to {high:.2f};\n{tag})" if there else ""
        title = f"{_title(dataset, kind)}\nmean {mean:.2f}{interval}"
        panel = charts.square(title, "Member", members, cells[kind], scale, LABELS)
        error = factor_of(dataset) * _off_diagonal(values[kind].sel(metric="error"))
        found.append(dataclasses.replace(panel, extra=error, extra_unit=f"{error_unit(dataset)} of error"))
    return found


def _title(dataset: xr.Dataset, kind: str) -> str:
    name = KINDS[kind][0]
    return name.replace("reset", "REPAIR").replace("Reset", "REPAIR") if dataset.attrs["reset"] == "REPAIR" else name


def _off_diagonal(matrix: xr.DataArray) -> np.ndarray:
    cells = matrix.transpose("member", "other_member").values.astype(float).copy()
    np.fill_diagonal(cells, np.nan)
    return cells


def _means(dataset: xr.Dataset, metric: str) -> Panel:
    """Means over pairs with their intervals, one row per kind; each pair as a small mark."""
    kinds, series = kinds_of(dataset), []
    factor = factor_of(dataset) if metric == "error" else 1.0
    for row, kind in enumerate(kinds):
        name, colour, marker = KINDS[kind]
        cells = dataset["barrier"].sel({"approach": kind, "metric": metric}).transpose("member", "other_member").values
        every = factor * cells[np.triu_indices(len(cells), 1)]
        looks: dict[str, Any] = {"colour": colour, "line": None, "in_legend": False}
        series.append(Series(name=f"{name}, pairs", x=every, y=np.full(len(every), row + 0.2), size=2.5,
                             marker=("o", "circle"), **looks))  # fmt: skip
        ends = [np.array([factor * value]) for value in mean_of(dataset, kind, metric)]
        series.append(Series(name=name, x=ends[0], y=np.array([row - 0.1]), low=ends[1], high=ends[2], size=6,
                             intervals_along_x=True, marker=marker, **looks))  # fmt: skip
    unit = "nats" if metric == "loss" else error_unit(dataset)
    return Panel(
        title=f"Barrier of the {metric}:\nmean over pairs",
        x_label=f"Barrier ({unit})",
        y_label="Straight line between solutions",
        series=series,
        rows=[_title(dataset, kind) for kind in kinds],
    )


def _line(dataset: xr.Dataset, path: str, values: np.ndarray, **more: Any) -> Series:
    name, colour, line = PATHS[path]
    return Series(name=name, x=dataset["t"].values, y=values, colour=colour, line=line, group=path, **more)


def _along(dataset: xr.Dataset) -> list[Panel]:
    """Loss, accuracy (or RMSE) and the loss on corrupted examples along every path."""
    quality = score_of(LIKENESS[task_of(dataset)].quality.name)
    assert quality is not None
    shown = [
        ("loss", "Loss: lower is better", "Loss (nats per example)", 1.0),
        (
            LIKENESS[task_of(dataset)].quality.name,
            better(quality, quality.name),
            "Accuracy (%)" if quality.percent else in_target_unit(dataset, f"RMSE ({TARGET_UNIT})"),
            quality.factor,
        ),
        ("shifted_loss", "Loss on corrupted examples", "Loss (nats per example)", 1.0),
    ]
    if not np.isfinite(dataset["shifted_loss"].values).any():
        shown = shown[:2]
    return [_of_paths(dataset, title, label, factor * dataset[name]) for name, title, label, factor in shown]


def _of_paths(dataset: xr.Dataset, title: str, label: str, values: xr.DataArray, **more: Any) -> Panel:
    """One line per path, of values [other_approach, t]."""
    lines = [_line(dataset, path, values.sel(other_approach=path).values) for path in _paths(dataset)]
    return Panel(title=title, x_label=X_LABEL, y_label=label, series=lines, **more)


def _paths(dataset: xr.Dataset) -> list[str]:
    return [str(path) for path in dataset["other_approach"].values if str(path) in PATHS]


def _similar(dataset: xr.Dataset) -> list[Panel]:
    """Similarity to both ends, and to solutions unrelated to the path."""
    similarity = dataset["similarity"]
    towards = [
        ("Similarity to the start", similarity.isel(member=0)),
        ("Similarity to the end", similarity.isel(member=1)),
    ]
    if dataset.sizes["member"] > 2:
        towards.append(("Similarity to unrelated solutions", similarity.isel(member=slice(2, None)).mean("member")))
    label = "Similarity (0 to 1)"
    return [_of_paths(dataset, title, label, values, y_range=(-0.03, 1.03)) for title, values in towards]
