"""Conclusions from a value and its interval: the first sentence of a section."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from modescape.wording import scores
from modescape.wording.numbers import SPACE, count
from modescape.wording.reading import pick

if TYPE_CHECKING:
    import xarray as xr

ROUNDING = 1e-12  # differences up to this are sums of equal numbers in another order


class Ends(NamedTuple):
    """A number with its 95 % interval; NaN where there is none."""

    low: float
    value: float
    high: float

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on that side of 0, else 0."""
        if not self.known:
            return 0
        return 1 if self.low > ROUNDING else -1 if self.high < -ROUNDING else 0


def ends(dataset: xr.Dataset | None, name: str, suffix: str = "", **labels: object) -> Ends:
    """A number of a result and its interval.

    Args:
        dataset: the result.
        name: of the variable; its ends are ``name_low`` and ``name_high``.
        suffix: behind the names of the ends: "_these" for these members.
        labels: where it stands.
    """
    variables = (f"{name}_low{suffix}", name, f"{name}_high{suffix}")
    return Ends(*(pick(dataset, one, **labels) for one in variables))


def sample(dataset: xr.Dataset) -> str:
    """The examples that a result stands on: 10,000 test images."""
    return count(int(dataset.attrs["examples"]), f"{dataset.attrs.get('split', 'test')} image")


def effect(what: str, metric: str, found: Ends, dataset: xr.Dataset, whom: str) -> str:
    """The effect of something on a score, as far as the interval shows.

    Args:
        what: begins the sentence: "Averaging 10 networks".
        metric: name of the score.
        found: the change of the score.
        dataset: the result, which says n and the unit of targets.
        whom: what the interval is for (`modescape.covers`); "" where that is not known.
    """
    short, number, _ = _written(metric, found, dataset)
    said = _Cases(
        unknown=f"{what} changes {short} by {number}",
        told=f"{what} {'raises' if found.sign > 0 else 'lowers'} {short} by {number}",
        same=f"{what} leaves {short} unchanged",
        open=f"Whether {what[:1].lower()}{what[1:]} changes {short} is unclear: {number}",
    )
    return _by_interval(said, metric, found, dataset, whom)


def comparison(one: str, other: str, metric: str, found: Ends, dataset: xr.Dataset, whom: str) -> str:
    """Which of two things has the higher score, as far as the interval of their difference says.

    Args:
        one: begins the sentence.
        other: what it is compared with.
        metric: name of the score.
        found: the score of one minus that of the other.
        dataset: the result, which says n and the unit of targets.
        whom: what the interval is for.
    """
    short, number, _ = _written(metric, found, dataset)
    said = _Cases(
        unknown=f"{one} differs from {other} by {number} in {short}",
        told=f"{one} has {number} {'higher' if found.sign > 0 else 'lower'} {short} than {other}",
        same=f"{one} and {other} have the same {short}",
        open=f"{one} and {other} cannot be told apart in {short}: {number}",
    )
    return _by_interval(said, metric, found, dataset, whom)


class _Cases(NamedTuple):
    """How a sentence begins, by what an interval says."""

    unknown: str  # there is none
    told: str  # it leaves 0 out
    same: str  # it is 0 and nothing else
    open: str  # it includes 0


def _by_interval(said: _Cases, metric: str, found: Ends, dataset: xr.Dataset, whom: str) -> str:
    """The sentence, with its interval and n; "" where there is no number."""
    _, number, bounds = _written(metric, found, dataset)
    if not number:
        return ""
    if not found.known:
        return f"{said.unknown}; there is no interval ({sample(dataset)})."
    if found.sign:
        return f"{said.told} (95{SPACE}% interval{for_whom(whom)}: {bounds}; {sample(dataset)})."
    if max(abs(found.low), abs(found.high)) <= ROUNDING:
        return f"{said.same} ({sample(dataset)})."
    return f"{said.open}, {_includes(whom, bounds, dataset)}"


def tally(signs: Sequence[int]) -> tuple[int, int, int]:
    """How many intervals lie above 0, below 0, and include it."""
    return signs.count(1), signs.count(-1), signs.count(0)


def joined(*parts: str) -> str:
    """Sentences in a row; empty ones are dropped."""
    return " ".join(filter(None, parts))


def for_whom(whom: str) -> str:
    """Behind "95 % interval": what it is for; "" where that is not known."""
    return f" for {whom}" if whom else ""


def _includes(whom: str, bounds: str, dataset: xr.Dataset) -> str:
    return f"and the 95{SPACE}% interval{for_whom(whom)} includes 0 ({bounds}; {sample(dataset)})."


def _written(metric: str, found: Ends, dataset: xr.Dataset) -> tuple[str, str, str]:
    """The score, the size of the difference with its unit, and its interval, both turned to be positive where told."""
    low, value, high = found
    if found.sign < 0:
        low, value, high = -high, -value, -low
    if not math.isfinite(value):
        return scores.short(metric), "", ""
    number, bounds = scores.difference(metric, low, value, high)
    number = number.lstrip("+") if found.sign else number
    return scores.short(metric), f"{number}{scores.unit(metric, dataset)}", bounds
