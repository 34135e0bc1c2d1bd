"""How far apart networks end that left one run after k epochs: barriers, disagreement, what averaging two gains."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from modescape.analyses import task_of
from modescape.analyses.likeness import LIKENESS
from modescape.covers import covers_of
from modescape.metrics.scores import Score, score_of
from modescape.plots import steps, style
from modescape.plots.charts import Chart, Panel, Series
from modescape.plots.interval_keys import by_covers
from modescape.plots.scores import in_target_unit, methods

if TYPE_CHECKING:
    import xarray as xr

Look: TypeAlias = "tuple[str, str, tuple[str, str], bool]"  # name, colour, mark, hollow

TITLE = "When one run becomes several functions"
AXIS = "Number of epochs in common"
AS_THEY_ARE: Look = ("As they are", style.BLUE, ("o", "circle"), False)
ALIGNED: Look = ("Aligned", style.ORANGE, ("D", "diamond"), True)
DIFFER: Look = ("Two networks", style.PURPLE, ("s", "square"), False)
PREDICTIONS: Look = ("Mean of predictions", style.GREEN, ("^", "triangle-up"), False)
WEIGHTS: Look = ("Mean of weights", style.VERMILION, ("v", "triangle-down"), False)
FARTHEST = 1.5  # loss by averaging weights that is drawn, over the largest gain by averaging predictions


def caption(dataset: xr.Dataset) -> str:
    """What a row compares, from when on networks are connected, and what a regression's limit is."""
    about = dataset.attrs
    return style.sentences(
        "A row: networks that share their first epochs and then see the examples in orders of their own (with",
        "augmentation and dropout), mean over pairs;",
        f"{_networks(dataset)} on {style.tested_on(dataset)}.",
        "0: one initialisation. The last row is the run itself, where nothing differs by definition.",
        "Independent: from initialisations of their own.",
        f"Barrier: on the straight line, {int(about['points'])} places; dashed: the limit. Aligned: the units of one",
        "network permuted to match the other's. Gain: how much lower the loss is than the mean of the two networks'.",
        connected(dataset),
        _refused(dataset),
        "Averages of weights that lose more than the axis shows are not drawn: their barrier shows how much.",
        steps.batch_norm(dataset),
        style.intervals(dataset),
        style.left_out(dataset),
    )


def connected(dataset: xr.Dataset) -> str:
    """A sentence: from which epoch of branching on no barrier of the error is above the limit."""
    first, low, high = (float(dataset[f"connected_epoch{end}"]) for end in ("", "_low", "_high"))
    score = _quality(dataset)
    value, unit = score.factor * float(dataset.attrs["limit"]), in_target_unit(dataset, score.difference_unit)
    limit = f"{value:.3g} ({unit})" if unit == score.difference_unit and not score.percent else f"{value:.3g} {unit}"
    if not np.isfinite(first):
        return ""
    whom = f" for {covers_of(dataset, 'connected_epoch')}"
    ends = f" (95 % interval{whom}: {low:g} to {high:g})" if np.isfinite([low, high]).all() else ""
    if first == dataset["branch_epoch"].values[-1]:  # that is the run itself, at height 0 whatever was tried
        may = "" if not np.isfinite(low) or low >= first else f" (95 % interval{whom}: they may be from {low:g} on)"
        return f"Branches are connected from none of the epochs tested{may}, at a limit of {limit}."
    epochs = style.counted(int(first), "epoch")
    shared = f"{epochs} in common or more, of those tested" if first else "any number of epochs in common, even 0"
    return f"With {shared}{ends}, the mean barrier of the error is at most {limit}."


def _networks(dataset: xr.Dataset) -> str:
    """How many networks a row has: branches with the run itself, and independent ones."""
    epochs, networks = dataset["branch_epoch"].values, dataset["networks"].values
    apart, branches = networks[np.isnan(epochs)], networks[np.isfinite(epochs)][:-1]
    counts = " or ".join(f"{count}" for count in sorted({int(one) for one in branches}))
    return f"{counts} networks a row{f', {int(apart[0])} independent ones,' if apart.size else ','}"


def _refused(dataset: xr.Dataset) -> str:
    reason = style.one_line(dataset.attrs.get("not_aligned", "")).rstrip(".")
    return f"Not aligned: {reason}." if reason else ""


def _quality(dataset: xr.Dataset) -> Score:
    found = score_of(LIKENESS[task_of(dataset)].quality.name)
    assert found is not None
    return found


def describe(dataset: xr.Dataset) -> Chart:
    """Both barriers, the disagreement, and gains."""
    likeness, score = LIKENESS[task_of(dataset)], _quality(dataset)
    numbers = not likeness.higher_is_better
    unit = in_target_unit(dataset, score.difference_unit)
    names, rows = _names(dataset), np.arange(dataset.sizes["approach"], dtype=float)
    edge = np.array([rows[0] - 0.5, rows[-1] + 0.5])
    at = np.full(2, score.factor * float(dataset.attrs["limit"]))
    limit = Series(name="Limit", x=at, y=edge, colour=style.NEUTRAL, line="dash", width=1)
    zero = Series(name="No gain", x=np.zeros(2), y=edge, colour=style.NEUTRAL, line="dot", width=1)
    held = [
        (
            "Barrier of the loss",
            "Barrier (nats)",
            [("aligned_barrier", ALIGNED, 1.0), ("barrier", AS_THEY_ARE, 1.0)],
            [],
        ),
        (
            "Barrier of the error",
            f"Barrier ({unit})",
            [("aligned_error_barrier", ALIGNED, score.factor), ("error_barrier", AS_THEY_ARE, score.factor)],
            [limit],
        ),
        (
            f"{'Distance' if numbers else 'Disagreement'} of predictions",
            f"{'Distance / RMSE' if numbers else 'Disagreement / error'} (ratio)",
            [(likeness.normalized.name, DIFFER, 1.0)],
            [],
        ),
        (
            "What averaging two networks gains",
            "Gain (nats)",
            [("ensemble_gain", PREDICTIONS, 1.0), ("average_gain", WEIGHTS, 1.0)],
            [zero],
        ),
    ]
    panels = [
        Panel(
            title=title,
            x_label=label,
            y_label=AXIS,
            rows=names,
            shared_y=bool(place % 2),
            series=[*lines, *(mark for one in shown for mark in _marks(dataset, *one))],
        )
        for place, (title, label, shown, lines) in enumerate(held)
    ]
    return Chart(title=TITLE, panels=panels, columns=2, covers=covers_of(dataset, "barrier"))


def _names(dataset: xr.Dataset) -> list[str]:
    """Names of the rows: epochs, and independent networks."""
    epochs = dataset["branch_epoch"].values
    return [
        f"{epoch:g}" if np.isfinite(epoch) else method
        for method, epoch in zip(methods(dataset), epochs.tolist(), strict=True)
    ]


def _marks(dataset: xr.Dataset, variable: str, look: Look, factor: float) -> list[Series]:
    """One mark per row, with its interval; branches and independent networks apart."""
    low, middle, high = (factor * dataset[f"{variable}{end}"].values.astype(float) for end in ("_low", "", "_high"))
    if variable == "average_gain":  # which may lose as much as a barrier is high
        most = np.nanmax(np.append(dataset["ensemble_gain_high"].values, 0.0))
        middle = np.where(middle < -FARTHEST * most, np.nan, middle)
        low = np.where(np.isnan(middle), np.nan, np.maximum(low, -FARTHEST * most))
    name, colour, marker, hollow = look
    marks = Series(
        name=name,
        group=name,
        x=middle,
        y=np.arange(len(middle), dtype=float),
        low=low,
        high=high,
        intervals_along_x=True,
        colour=colour,
        marker=marker,
        line=None,
        size=7 if hollow else 5,
        hollow=hollow,
    )
    return by_covers(marks, [covers_of(dataset, variable, method) for method in methods(dataset)])
