"""The rule: which candidate is worth its price where candidates are chosen, and whether that holds where it is judged.

docs/decision.md says it in words, with the reason for every threshold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from modescape.decision.budgets import Budget, Machine, affordable
from modescape.decision.candidates import Advice, Candidate, Difference, Table, Z
from modescape.errors import InputError

SMALLEST = 1e-12  # what rounding leaves of no difference


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Thresholds; shares are of the loss of one network (`scale_of`)."""

    least_gain: float = 0.01  # share that anything else than one network as it is must gain, whatever it costs
    pass_price: float = 0.005  # share that each further forward pass of a prediction must gain
    training_price: float = 0.005  # share that each further training of one member must gain
    doubt: float = 0.02  # share that another candidate leaves more where they are judged, above which it is undecided
    unconverged: float = 0.5  # share of members whose validation loss still falls, from which on that comes first

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0 <= value <= 1):
                raise InputError(f"the threshold {name} is {value!r}; expected a share from 0 to 1")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Members whose validation loss still falls as training ends, of so many."""

    falling: int = 0
    members: int = 0


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The advice, and its basis."""

    advice: Advice
    chosen: int  # candidate that is advised; of "undecided" the one that could not be told
    gain: Difference  # its score minus that of one network as it is, in the deciding score
    net: Difference  # what it is better by, less its price; above 0 is worth it
    needed: int | None = None  # examples that would tell, about; None: it is told, or nothing can be said
    rival: int | None = None  # the best of another kind where candidates are chosen
    beaten_by: tuple[int, ...] = ()
    # better than the ensemble of all members at its training cost: the interval leaves 0 out
    left_out: tuple[int, ...] = ()  # candidates that the budget does not allow
    unconverged: bool = False
    overruled: int | None = None
    """The candidate first chosen, if the examples that judge show another to be better, at 95 % for all candidates."""
    widened: float = 1.0  # factor of the lengths of intervals that is due to that
    between: int | None = None
    """The candidate that leaves more than the chosen one where they are judged, if which is better is undecided."""

    def candidate(self, table: Table) -> Candidate:
        """The candidate that is advised."""
        return table.candidates[self.chosen]

    def kept(self, table: Table) -> list[int]:
        """Candidates that the budget allows; intervals that are widened are for these together."""
        return [place for place in range(len(table.candidates)) if place not in self.left_out]


def scale_of(table: Table) -> float:
    """The loss of one network, of which thresholds are shares: where candidates are chosen, calibrated if that is less.

    Of a density's negative log-likelihood, which has no zero, it is 1 nat; of the accuracy the share of errors. A loss
    that is less than that of one wrong answer among the examples that judge is taken for that: less cannot be seen.
    """
    if table.score.smallest == -math.inf:
        return 1.0
    own = [place for place, one in enumerate(table.candidates) if one.name == table.candidates[0].name]
    best = min((1 - value if table.score.higher_is_better else value) for value in table.chosen[own])
    return float(max(best, 1 / table.examples if table.score.unit in ("1", "nats") else 0.0))


def price_of(table: Table, place: int, rules: Rules) -> float:
    """The smallest gain in the deciding score that is worth a candidate's cost."""
    if place == 0:
        return 0.0
    price = table.candidates[place].price
    training = price.training - 1 if math.isfinite(price.training) else 0.0
    shares = rules.least_gain + rules.pass_price * (price.passes - 1) + rules.training_price * max(training, 0.0)
    return scale_of(table) * shares


def net_gain(table: Table, place: int, rules: Rules, other: int = 0) -> Difference:
    """How much better a candidate is than another, each less its price, where candidates are judged."""
    gain = table.gain(place, other)
    price = price_of(table, place, rules) - price_of(table, other, rules)
    return Difference(gain.value - price, gain.low - price, gain.high - price)


def decide(
    table: Table,
    rules: Rules | None = None,
    budget: Budget | None = None,
    machine: Machine | None = None,
    ending: Ending | None = None,
) -> Decision:
    """Choose where candidates are chosen, judge where they are judged.

    Raises:
        InputError: if the budget does not allow one network.
    """
    rules, ending = rules or Rules(), ending or Ending()
    kept = affordable(table, budget or Budget(), machine or Machine())
    left_out = tuple(place for place in range(len(table.candidates)) if place not in kept)
    net = {place: table.gain_where_chosen(place) - price_of(table, place, rules) for place in kept}
    net = {place: value for place, value in net.items() if math.isfinite(value)}
    best = max(net, key=lambda place: (net[place], -place), default=0)
    found = _doubted(table, rules, _overruled(table, rules, _judged(table, rules, best, net), list(net)), list(net))
    unconverged = bool(ending.members) and ending.falling >= rules.unconverged * ending.members
    if unconverged and not any(one.advice == "train_longer" for one in table.candidates):
        zero = Decision(advice="train_longer", chosen=0, gain=table.difference(0, 0), net=table.gain(0))
        found = replace(zero, rival=found.rival)
    return replace(
        found,
        rival=_rival(table, net, best if found.overruled is None else found.chosen)
        if found.rival is None
        else found.rival,
        beaten_by=beaten_by(table, kept),
        left_out=left_out,
        unconverged=unconverged,
    )


def _rival(table: Table, net: dict[int, float], best: int) -> int | None:
    """The best of another advice where candidates are chosen."""
    own = table.candidates[best].advice
    others = [place for place in net if table.candidates[place].advice != own]
    return max(others, key=lambda place: net[place], default=None)


def _judged(table: Table, rules: Rules, best: int, net: dict[int, float]) -> Decision:
    """Whether the choice holds where it is judged; else the best of another kind that does, or that it is not told."""
    if best == 0:
        return _kept(table, rules, net)
    gain, left = table.difference(best, 0), net_gain(table, best, rules)
    if left.low > 0:
        return Decision(advice=table.candidates[best].advice, chosen=best, gain=gain, net=left)
    if left.high < max(rules.least_gain * scale_of(table), SMALLEST):
        zero = table.difference(0, 0)
        return Decision(advice="keep_one", chosen=0, gain=zero, net=table.gain(0), rival=best)
    other = _rival(table, net, best)
    if other and (own := net_gain(table, other, rules)).low > 0:
        advice = table.candidates[other].advice
        return Decision(advice=advice, chosen=other, gain=table.difference(other, 0), net=own, rival=best)
    away = abs(left.value)
    return Decision(advice="undecided", chosen=best, gain=gain, net=left, needed=_needed(table, left, away))


def _overruled(table: Table, rules: Rules, found: Decision, kept: Sequence[int]) -> Decision:
    """The same, or what the examples that judge tell to leave more than that, at 95 % for all candidates together."""
    against, wider = 0 if found.advice == "undecided" else found.chosen, _for_all(kept)
    left = {place: net_gain(table, place, rules, against).widened(wider) for place in kept if place != against}
    told = [place for place, own in left.items() if own.low > SMALLEST]
    if not told:
        return found
    best = max(told, key=lambda place: left[place].value)
    return Decision(
        advice=table.candidates[best].advice,
        chosen=best,
        gain=table.difference(best, 0).widened(wider),
        net=net_gain(table, best, rules).widened(wider),
        overruled=found.chosen,
        widened=wider,
    )


def _for_all(kept: Sequence[int]) -> float:
    """Factor of an interval's length that makes it hold for all candidates against one, by Bonferroni's correction."""
    return NormalDist().inv_cdf(1 - 0.025 / max(len(kept) - 1, 1)) / Z


def _doubted(table: Table, rules: Rules, found: Decision, kept: Sequence[int]) -> Decision:
    """The same, or undecided: another candidate leaves clearly more where they are judged, which is not told."""
    if found.advice == "undecided" or found.overruled is not None:
        return found
    left = {place: net_gain(table, place, rules, found.chosen) for place in kept if place != found.chosen}
    most = max(left, key=lambda place: left[place].value, default=None)
    if most is None or not left[most].value > rules.doubt * scale_of(table):
        return found
    told = left[most].widened(_for_all(kept))
    return replace(found, advice="undecided", needed=_needed(table, told, told.value), between=most, rival=None)


def _kept(table: Table, rules: Rules, net: dict[int, float]) -> Decision:
    """One network as it is, unless what comes next to it is told to be worth its price, or might be."""
    rival = max((place for place in net if place), key=lambda place: net[place], default=None)
    zero = Decision(advice="keep_one", chosen=0, gain=table.difference(0, 0), net=table.gain(0), rival=rival)
    if rival is None:
        return zero
    left, least = net_gain(table, rival, rules), rules.least_gain * scale_of(table)
    if left.high < max(least, SMALLEST):
        return zero
    gain = table.difference(rival, 0)
    if left.low > 0:
        return Decision(advice=table.candidates[rival].advice, chosen=rival, gain=gain, net=left, rival=0)
    away = abs(left.value) if left.value > least else least - left.value
    return Decision(advice="undecided", chosen=rival, gain=gain, net=left, needed=_needed(table, left, away))


def _needed(table: Table, left: Difference, away: float) -> int | None:
    """Examples with which the interval would be short enough, if the estimate stayed; rounded up to two digits."""
    half = (left.high - left.low) / 2
    if not (math.isfinite(half) and away > 0 and half > 0):
        return None
    count = table.examples * (half / away) ** 2
    digits = 10 ** max(math.floor(math.log10(max(count, 1))) - 1, 0)
    return int(math.ceil(count / digits) * digits)


def at_full_cost(table: Table, kept: Sequence[int]) -> list[int]:
    """The best calibration, where candidates are chosen, of all that cost as much training as all members together."""
    groups: dict[str, list[int]] = {}
    for place in kept:
        one = table.candidates[place]
        if one.at_full_cost:
            groups.setdefault(one.name, []).append(place)
    return [best_of(table, places) for places in groups.values()]


def best_of(table: Table, places: list[int]) -> int:
    """The candidate with the best deciding score where they are chosen."""
    values = [float(table.sign * table.chosen[place]) for place in places]
    return places[int(np.nanargmax(np.where(np.isfinite(values), values, -np.inf)))]


def beaten_by(table: Table, kept: Sequence[int]) -> tuple[int, ...]:
    """Candidates that beat the ensemble of all members at its training cost: their intervals exclude 0."""
    found = at_full_cost(table, kept)
    ensemble = next((place for place in found if table.candidates[place].advice == "ensemble"), None)
    if ensemble is None:
        return ()
    return tuple(place for place in found if place != ensemble and table.gain(place, ensemble).low > 0)
