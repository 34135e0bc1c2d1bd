"""Whether one thing is better than another, in words that follow from the interval of their difference."""

from __future__ import annotations

import math
from typing import NamedTuple

from modescape.covers import short
from modescape.metrics.scores import Score
from modescape.wording import scores
from modescape.wording.numbers import SPACE, decimals_for, fixed, interval

ROUNDING = 1e-12  # differences up to this are sums of equal numbers in another order


class Judged(NamedTuple):
    """The conclusion that the interval of a difference allows."""

    short: str  # "better than", "worse than", "not clearly better than"
    phrase: str  # behind "that is"
    better: bool  # beyond doubt


def against(score: Score, low: float, value: float, high: float, whom: str = "") -> Judged:
    """Words for a difference to something else: better or worse only where its interval leaves 0 out.

    Args:
        score: of which the difference is.
        low: lower end of its 95 % interval.
        value: the difference.
        high: upper end.
        whom: what the interval is for (`modescape.covers`).

    >>> from modescape.metrics.scores import SCORES
    >>> against(SCORES["accuracy"], -0.003, -0.0005, 0.002).short
    'not clearly better than'
    >>> against(SCORES["accuracy"], 1.1e-16, 1.1e-16, 1.1e-16).short
    'not clearly better than'
    """
    sign = 1 if score.higher_is_better else -1
    factor = score.factor
    decimals = decimals_for(factor * low, factor * value, factor * high, least=1 if score.percent else 3)
    unit = score.difference_unit
    number = f"{fixed(factor * value, decimals, signed=True)}{'' if unit == '1' else SPACE + unit}"
    change = f"{number} ({interval(factor * low, factor * high, decimals, whom)})"
    known = math.isfinite(low) and math.isfinite(high)
    if known and (low > ROUNDING or high < -ROUNDING):
        better = sign * value > 0
        word = "gain" if better else "loss"
        return Judged("better than" if better else "worse than", f"a {word}: {score.short} {change}", better)
    return Judged("not clearly better than", f"no clear gain: {score.short} {change}", False)


def bounded(metric: str, value: float, low: float, high: float, *, whom: str = "") -> str:
    """A score with its 95 % interval and, where nothing around it says so, what that is for (`modescape.covers`)."""
    behind = f" for {short(whom)}" if whom else ""
    ends = f" ({scores.written(metric, low)} to {scores.written(metric, high)}{behind})" if math.isfinite(low) else ""
    return f"{scores.written(metric, value)}{ends}"
