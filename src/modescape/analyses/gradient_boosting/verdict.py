"""What gradient boosting adds to the head of the page: said first where it beats the ensemble."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.gradient_boosting.words import seconds_of
from modescape.covers import covers_of, short
from modescape.metrics.scores import TARGET_UNIT, Score
from modescape.wording import scores
from modescape.wording.head import Card, Part
from modescape.wording.reading import pick
from modescape.wording.takeaways import for_whom

if TYPE_CHECKING:
    import xarray as xr

BOOSTING = "gradient boosting"


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """Which of the two is better in the first score, by how much, and in what time."""
    found = results.get("gradient_boosting")
    known = scores.known(found)
    if found is None or not known:
        return Part()
    metric, score = next(iter(known.items()))
    low, value, high = (
        pick(found, f"difference{end}", approach="ensemble", metric=metric) for end in ("_low", "", "_high")
    )
    if not math.isfinite(value):
        return Part()
    told_apart = low * high > 0
    better = told_apart and (value > 0) == score.higher_is_better
    return Part(
        answer={15: "Gradient boosting does better than the ensemble here." if better else ""},
        sentences={15 if better or _lower_nll(found) else 45: _sentence(found, metric, score, (low, value, high))},
        cards={35: [_card(found, metric, score, (low, value, high))]},
        beaten=better,
    )


def _sentence(found: xr.Dataset, metric: str, score: Score, ends: tuple[float, float, float]) -> str:
    """Scores, difference and times of the trees and of the ensemble."""
    trees, ensemble = (_written(found, metric, score, name) for name in (BOOSTING, "ensemble"))
    times = [seconds_of(found, name) for name in (BOOSTING, "ensemble")]
    cost = f" Training took {times[0]}, that of the ensemble {times[1]}, on one thread each." if all(times) else ""
    change, bounds = scores.difference(metric, *ends)
    told = f"{change} {_unit(score)}(95\N{NO-BREAK SPACE}% interval {bounds}{for_whom(covers_of(found, 'difference'))})"
    state = "" if ends[0] * ends[2] > 0 else ": inconclusive"
    return (
        f"Gradient boosting on the same rows: {score.short} {trees}, the ensemble {ensemble}, a difference of "
        f"{told}{state}.{_likelihood(found)}{cost}"
    )


def _likelihood(found: xr.Dataset) -> str:
    """The negative log-likelihood, where it tells the two apart."""
    ends = [pick(found, f"difference{end}", approach="ensemble", metric="nll") for end in ("_low", "", "_high")]
    if not ends[0] * ends[2] > 0:
        return ""
    change, bounds = scores.difference("nll", *ends)
    return f" Its NLL is {'lower' if ends[1] < 0 else 'higher'}: {change} nats ({bounds})."


def _lower_nll(found: xr.Dataset) -> bool:
    """Whether the whole interval of the difference of negative log-likelihoods is below 0."""
    return pick(found, "difference_high", approach="ensemble", metric="nll") < 0


def _unit(score: Score) -> str:
    known = score.difference_unit not in ("1", TARGET_UNIT)
    return f"{score.difference_unit} " if known else ""


def _written(found: xr.Dataset, metric: str, score: Score, name: str) -> str:
    value = scores.written(metric, pick(found, "score", approach=name, metric=metric))
    return value if score.percent else f"{value} {_unit(score)}".strip()


def _card(found: xr.Dataset, metric: str, score: Score, ends: tuple[float, float, float]) -> Card:
    change, bounds = scores.difference(metric, *ends)
    state = "" if ends[0] * ends[2] > 0 else ": inconclusive"
    whom = for_whom(short(covers_of(found, "difference")))
    note = f"{change} {_unit(score)}against the ensemble, 95\N{NO-BREAK SPACE}% interval {bounds}{whom}{state}"
    return Card("Gradient boosting", _written(found, metric, score, BOOSTING), note)
