"""Differences of a score, one a row, the best on top: what the explorer shows of methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modescape.metrics.scores import Score, score_of
from modescape.plots import style
from modescape.plots.charts import Chart, Panel, Series
from modescape.wording.numbers import SPACE
from modescape.wording.scores import difference, unit

if TYPE_CHECKING:
    import xarray as xr

LETTERS = 80  # of a row's name


@dataclass(frozen=True, kw_only=True)
class Row:
    """A difference and its interval, in the score's own unit."""

    name: str
    group: str  # what is set off together, on every view
    value: float
    low: float
    high: float
    colour: str
    marker: tuple[str, str]
    covers: str = ""  # what the interval is for; "": as those of the others
    note: str = ""  # under the pointer


def forest(title: str, score: Score, rows: Sequence[Row], against: str, covers: str, most: int = 40) -> Chart:
    """A chart of one panel, a row a difference.

    Args:
        title: of the panel.
        score: whose differences these are.
        rows: in any order; those without a value are left out.
        against: what the differences are from.
        covers: what the intervals are for.
        most: rows that are drawn, the best ones.
    """
    sign = 1 if score.higher_is_better else -1
    kept = sorted((row for row in rows if np.isfinite(row.value)), key=lambda row: -sign * row.value)[:most]
    zero = Series(
        name=against,
        x=np.zeros(2),
        y=np.array([-0.4, max(len(kept) - 0.6, 0.4)]),
        line="dash",
        width=1,
        in_legend=False,
        silent=True,
    )
    marks = [_mark(row, at, score.factor) for at, row in enumerate(kept)]
    side = "right" if score.higher_is_better else "left"
    panel = Panel(
        title=title,
        x_label=f"{score.of_differences(f'{score.name} minus that of {against}')}; better to the {side}",
        y_label="",
        series=[zero, *marks],
        rows=style.all_shortened([row.name for row in kept], LETTERS),
    )
    return Chart(title=title, panels=[panel], columns=1, panel_height=300, covers=covers)


def _mark(row: Row, at: int, factor: float) -> Series:
    return Series(
        name=row.name,
        group=row.group,
        x=np.array([factor * row.value]),
        y=np.array([float(at)]),
        low=np.array([factor * row.low]),
        high=np.array([factor * row.high]),
        intervals_along_x=True,
        covers=row.covers,
        colour=row.colour,
        marker=row.marker,
        line=None,
        size=6,
        in_legend=False,
        hover=[row.note] if row.note else None,
    )


def takeaway(metric: str, dataset: xr.Dataset, rows: Sequence[Row], against: str, covers: str) -> str:
    """The best row with its interval, and how many are told to be better or worse.

    Args:
        metric: name of the score.
        dataset: the result, which says the unit of targets.
        rows: in any order; those without a value are left out.
        against: what the differences are from.
        covers: what the intervals of most rows are for.
    """
    known, score = [row for row in rows if np.isfinite(row.value)], score_of(metric)
    if not known or score is None:
        return ""
    sign = 1 if score.higher_is_better else -1
    best = max(known, key=lambda row: sign * row.value)
    number, bounds = difference(metric, best.low, best.value, best.high)
    interval = f"95{SPACE}% interval {bounds}" if np.isfinite(best.low) else bounds
    better = sum(sign * (row.low if sign > 0 else row.high) > 0 for row in known)
    worse = sum(sign * (row.high if sign > 0 else row.low) < 0 for row in known)
    open_ = len(known) - better - worse
    told = f"{better} of {len(known)} {_be(better)} better than {against}, {worse} {_be(worse)} worse"
    clear = sign * (best.low if sign > 0 else best.high) > 0
    none = f"None is better than {against} beyond doubt; nearest to it"
    first = "Best" if clear else "Largest difference, inconclusive" if better else none
    gain = f"{score.short} {number}{unit(metric, dataset)}"
    return (
        f"{first}: {best.name}, {gain} ({interval}, {best.covers or covers}). Judged by their own intervals, {told}, "
        f"and {open_} {_be(open_)} inconclusive."
    )


def _be(number: int) -> str:
    return "is" if number == 1 else "are"
