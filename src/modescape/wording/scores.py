"""Scores as the page writes them, by what `modescape.metrics.SCORES` says of each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from modescape.metrics.scores import Score, score_of
from modescape.plots.scores import scores
from modescape.wording.numbers import ABSENT, SPACE, accuracy, decimals_for, fixed

if TYPE_CHECKING:
    import xarray as xr


def known(dataset: xr.Dataset | None) -> dict[str, Score]:
    """The scores of a result in its order; none of an absent one."""
    return {} if dataset is None or "metric" not in dataset.coords else scores(dataset)


def header(metrics: Iterable[object]) -> list[str]:
    """Columns of a table, with units; a score that is not known keeps its name."""
    return [score.with_unit(score.short) if (score := score_of(str(name))) else str(name) for name in metrics]


def written(metric: str, value: float) -> str:
    """A score as a table writes it."""
    return accuracy(value) if (score := score_of(metric)) and score.percent else fixed(value, 3)


def difference_header(metrics: Iterable[object]) -> list[str]:
    """Columns of differences."""
    return [
        f"difference: {score.short if score.difference_unit == '1' else f'{score.short} ({score.difference_unit})'}"
        if (score := score_of(str(name)))
        else f"difference: {name}"
        for name in metrics
    ]


def difference(metric: str, low: float, value: float, high: float) -> tuple[str, str]:
    """A difference and its interval, percentages in points; no end that is told apart from 0 is printed as 0."""
    if not math.isfinite(value):
        return ABSENT, ""
    percent = (score := score_of(metric)) is not None and score.percent
    factor, least = (100, 1) if percent else (1, 3)
    low, value, high = (factor * number for number in (low, value, high))
    decimals = decimals_for(low, value, high, least=least, most=4)
    bounds = f"{fixed(low, decimals)} to {fixed(high, decimals)}" if math.isfinite(low) else "no interval"
    return fixed(value, decimals, signed=True), bounds


def unit(metric: str) -> str:
    """What stands behind a difference in a sentence, with the space before it."""
    score = score_of(metric)
    return f"{SPACE}{score.difference_unit}" if score and score.difference_unit != "1" else ""
