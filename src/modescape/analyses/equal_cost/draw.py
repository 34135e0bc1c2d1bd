"""Gain of every candidate, and its cost of training and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.decision.candidates import Table
from modescape.decision.labelled import table_of_result
from modescape.decision.rules import best_of, scale_of
from modescape.decision.words import baseline
from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.wording.numbers import fixed

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

TITLE = "What the cost of several networks buys"
LOOKS = {  # advice -> name in the legend, colour, mark
    "ensemble": ("Average several", style.BLUE, ("o", "circle")),
    "keep_one": ("One network", style.NEUTRAL, ("X", "x")),
    "calibrate": ("One network, calibrated", style.SKY, ("s", "square")),
    "train_longer": ("Train longer", style.VERMILION, ("^", "triangle-up")),
    "train_wider": ("Train wider", style.GREEN, ("D", "diamond")),
    "average_weights": ("Average the weights", style.PURPLE, ("v", "triangle-down")),
    "align_and_average": ("Align and average", style.ORANGE, ("P", "cross")),
}


BEST, RAW, CALIBRATED = "best", "raw", "calibrated"  # predictions that are shown
OFF_SCALE = 1.5  # times the largest gain: worse candidates would compress the scale for all others


def caption(dataset: xr.Dataset) -> str:
    """What is shown, and what the intervals cover."""
    table = table_of_result(dataset)
    return style.sentences(
        f"{how_chosen(table)}, minus {baseline(table)}; judged on",
        f"{table.judged_on}. Costs are times those of one network.",
        off_scale(dataset),
        f"Averages of weights were not scored: {missing}." if (missing := dataset.attrs.get("not_averaged")) else "",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def how_chosen(table: Table) -> str:
    """The examples on which each candidate was chosen; the start of a sentence."""
    if all(one.calibration == "none" for one in table.candidates):
        return f"Candidates as chosen on {table.chosen_on}"
    return f"Each candidate in the calibration that was best on {table.chosen_on}"


def off_scale(dataset: xr.Dataset) -> str:
    """Which candidates are worse than the axes show, in a sentence; "" where none is."""
    table = table_of_result(dataset)
    unit = str(dataset.attrs.get("target_unit", ""))
    told = [f"{table.candidates[place].label}, {_lost(table, place, unit)}" for place in shown(table)[1]]
    return f"Worse than the axes show: {'; '.join(told)}." if told else ""


def _lost(table: Table, place: int, unit: str) -> str:
    score = table.score.in_unit(unit)
    numbers = fixed(score.factor * table.difference(place, 0).value, 1 if score.percent else 3, signed=True)
    return f"{score.short} {numbers}"


def shown(table: Table, way: str = BEST) -> tuple[list[int], list[int]]:
    """One candidate per name, with the calibration that was best where it was chosen, best first; and those off scale.

    Args:
        table: what was measured.
        way: `BEST`, `RAW` or `CALIBRATED`: all of them, or those alone whose predictions are (not) calibrated.

    A candidate that loses more than `OFF_SCALE` times the largest gain (or half of one network's loss, if more), like
    the mean weights of networks that share no basin, is named in the caption and not drawn.
    """
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(table.candidates):
        if place and way in (BEST, RAW if one.calibration == "none" else CALIBRATED):
            groups.setdefault(one.name, []).append(place)
    best = [best_of(table, places) for places in groups.values()]
    gain = {place: float(np.nan_to_num(table.gain(place).value, nan=-np.inf)) for place in best}
    best.sort(key=lambda place: -gain[place])
    most = -OFF_SCALE * max([*gain.values(), scale_of(table) / (2 * OFF_SCALE)])
    return [place for place in best if gain[place] >= most], [place for place in best if gain[place] < most]


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Gains in every score, and in the deciding one against both costs."""
    table = table_of_result(dataset)
    places = shown(table)[0]
    unit = str(dataset.attrs.get("target_unit", ""))
    rows = [_gains(table, places, name, score.in_unit(unit)) for name, score in table.scores.items()]
    costs = [
        against(table, places, "training", "Training (times one network's)"),
        against(table, places, "passes", "Passes (times one network's)"),
    ]
    return [*rows, *(panel for panel in costs if panel.series)]


def _ends(table: Table, places: list[int], name: str, factor: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    found = [table.difference(place, 0, name) for place in places]
    ends = [(factor * one.low, factor * one.value, factor * one.high) for one in found]
    low, middle, high = np.array(ends).reshape(-1, 3).T
    return low, middle, high


def _gains(table: Table, places: list[int], name: str, score: Score) -> Panel:
    low, middle, high = _ends(table, places, name, score.factor)
    zero = Series(
        name=baseline(table).capitalize(),
        x=np.zeros(2),
        y=np.array([0.0, max(len(places) - 1, 1)]),
        colour=style.NEUTRAL,
        line="dash",
        width=1,
    )
    marks = []
    for row, place in enumerate(places):
        label, colour, marker = LOOKS[table.candidates[place].advice]
        at = slice(row, row + 1)
        marks.append(
            Series(
                name=label,
                group=label,
                x=middle[at],
                y=np.array([float(row)]),
                low=low[at],
                high=high[at],
                intervals_along_x=True,
                colour=colour,
                marker=marker,
                line=None,
                size=6,
            )
        )
    side = "right" if score.higher_is_better else "left"
    return Panel(
        title=f"{score.name}: {side} of 0 is better",
        x_label=score.of_differences("Difference"),
        y_label="Candidate",
        series=[zero, *marks],
        rows=style.all_shortened([table.candidates[place].label for place in places], 60),
    )


def against(table: Table, places: list[int], what: str, label: str) -> Panel:
    """The deciding score against a cost; candidates without a known cost are left out."""
    low, middle, high = _ends(table, places, table.deciding, table.score.factor)
    cost = np.array([getattr(table.candidates[place].price, what) for place in places], dtype=float)
    series = []
    for advice, (name, colour, marker) in LOOKS.items():
        of_kind = np.array([table.candidates[place].advice == advice for place in places], dtype=bool)
        chosen = np.flatnonzero(of_kind & np.isfinite(cost))
        if not len(chosen):
            continue
        chosen = chosen[np.argsort(cost[chosen], kind="stable")]
        series.append(
            Series(
                name=name,
                group=name,
                x=cost[chosen],
                y=middle[chosen],
                low=low[chosen],
                high=high[chosen],
                colour=colour,
                marker=marker,
                line=None,
                size=6,
                hover=[table.candidates[places[at]].label for at in chosen],
            )
        )
    return Panel(
        title=f"{table.score.name} against {what}",
        x_label=label,
        y_label=table.score.of_differences(f"Difference in {table.score.short}"),
        series=series,
        whole_x=True,
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Gains, and what they cost."""
    return Chart(title=TITLE, panels=panels(dataset), columns=2)
