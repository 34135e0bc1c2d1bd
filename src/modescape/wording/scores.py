"""Scores as the page writes them, by what `modescape.metrics.SCORES` says of each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from modescape.covers import headed
from modescape.metrics.scores import TARGET_UNIT, Score, score_of
from modescape.plots import style
from modescape.plots.scores import scores
from modescape.wording.numbers import ABSENT, SPACE, accuracy, decimals_for, fixed, least_decimals

if TYPE_CHECKING:
    import xarray as xr


def known(dataset: xr.Dataset | None) -> dict[str, Score]:
    """The scores of a result in its order; none of an absent one."""
    return {} if dataset is None or "metric" not in dataset.coords else scores(dataset)


def short(metric: str) -> str:
    """A score inside a sentence; one that is not known keeps its name."""
    return score.short if (score := score_of(metric)) else metric


def header(metrics: Iterable[object], dataset: xr.Dataset | None = None, covers: str | None = None) -> list[str]:
    """Columns of a table, with units; a score that is not known keeps its name.

    Args:
        metrics: names of scores.
        dataset: the result, which may say in which unit targets are.
        covers: what the intervals in these columns are for (`modescape.covers`); None: they hold none.
    """
    found = [(str(name), _in_unit(str(name), dataset)) for name in metrics]
    names = [score.with_unit(score.short) if score else name for name, score in found]
    return names if covers is None else [headed(name, covers) for name in names]


def _in_unit(metric: str, dataset: xr.Dataset | None) -> Score | None:
    score, unit = score_of(metric), "" if dataset is None else style.one_line(dataset.attrs.get("target_unit", ""))
    return score.in_unit(unit) if score else None


def written(metric: str, value: float) -> str:
    """A score as a table writes it."""
    score = score_of(metric)
    if score and score.percent:
        return accuracy(value)
    return fixed(value, least_decimals(score.unit if score else "", value))


def difference_header(
    metrics: Iterable[object], dataset: xr.Dataset | None = None, covers: str | None = None
) -> list[str]:
    """Columns of differences; arguments as `header`."""
    names = [
        f"difference: {score.of_differences(score.short) if (score := _in_unit(str(name), dataset)) else name}"
        for name in metrics
    ]
    return names if covers is None else [headed(name, covers) for name in names]


def difference(metric: str, low: float, value: float, high: float) -> tuple[str, str]:
    """A difference and its interval, percentages in points; no end that is told apart from 0 is printed as 0."""
    if not math.isfinite(value):
        return ABSENT, ""
    percent = (score := score_of(metric)) is not None and score.percent
    low, value, high = ((100 if percent else 1) * number for number in (low, value, high))
    least = 1 if percent else least_decimals(score.unit if score else "", low, value, high)
    decimals = decimals_for(low, value, high, least=least, most=4)
    bounds = f"{fixed(low, decimals)} to {fixed(high, decimals)}" if math.isfinite(low) else "no interval"
    return fixed(value, decimals, signed=True), bounds


def unit(metric: str, dataset: xr.Dataset | None = None) -> str:
    """The unit after a difference in a sentence, with a leading space; "" where the unit is unknown."""
    score = _in_unit(metric, dataset)
    return f"{SPACE}{score.difference_unit}" if score and score.difference_unit not in ("1", TARGET_UNIT) else ""
