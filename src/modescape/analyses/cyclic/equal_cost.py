"""The comparison at equal training cost in words: pure functions of the result of `cyclic`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from modescape.analyses.auxiliary import WHOLE
from modescape.covers import covers_of
from modescape.methods import label_of
from modescape.metrics.scores import Score, score_of
from modescape.wording import scores
from modescape.wording.numbers import count, decimals_for, fixed, interval, listing
from modescape.wording.reading import pick
from modescape.wording.takeaways import for_whom

if TYPE_CHECKING:
    from collections.abc import Iterable

    import xarray as xr

State = Literal["better", "worse", "equal"]
DECIDING = ("accuracy", "rmse", "calibrated_nll", "nll")  # scores that decide a winner, in the order of sentences
BESIDE = ("brier", "crps")  # told where it tells methods apart; it decides no sentence that names a winner
PLURAL = "snapshots"  # what the one name begins with that takes "are"


@dataclass(frozen=True)
class Against:
    """One score of a method against networks of equal training cost."""

    metric: str
    value: float
    reference: float
    difference: float  # value - reference
    low: float
    high: float
    unit: str = ""  # behind a difference, with the space before it

    @property
    def score(self) -> Score:
        """The record of the score."""
        return score_named(self.metric)

    @property
    def words(self) -> str:
        """The score inside a sentence."""
        return words_of(self.metric)

    @property
    def state(self) -> State:
        """Whether the method is better; "equal" where the interval includes 0 or there is none."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)) or self.low <= 0 <= self.high:
            return "equal"
        return "better" if (self.difference > 0) == self.score.higher_is_better else "worse"

    def __str__(self) -> str:
        """Both values, the difference and its interval."""
        numbers = [self.score.factor * number for number in (self.difference, self.low, self.high)]
        decimals = decimals_for(*numbers) if self.score.percent else 3
        both = [scores.written(self.metric, number) for number in (self.value, self.reference)]
        bounds = interval(numbers[1], numbers[2], decimals)
        return (
            f"{both[0]} against {both[1]}; difference {fixed(numbers[0], decimals, signed=True)}{self.unit}, {bounds}"
        )


def score_named(metric: str) -> Score:
    """The record of a score that this version knows."""
    found = score_of(metric)
    assert found is not None, metric
    return found


def words_of(metric: str) -> str:
    """A score inside a sentence: the NLL that stands beside the calibrated one is raw."""
    return f"raw {score_named(metric).short}" if metric == "nll" else score_named(metric).short


def compared(cyclic: xr.Dataset | None, method: str, metrics: Iterable[str] = DECIDING) -> list[Against]:
    """A method's scores against its reference, in the order of `metrics`; those that were not measured are absent."""
    if cyclic is None or "reference" not in cyclic.coords or method not in cyclic["approach"].values:
        return []
    reference = str(cyclic["reference"].sel({"approach": method}).values)
    found = []
    for metric in metrics:
        values = [pick(cyclic, "score", approach=name, metric=metric) for name in (method, reference)]
        than = [pick(cyclic, f"difference{end}", approach=method, metric=metric) for end in ("", "_low", "_high")]
        if math.isfinite(than[0]):
            found.append(Against(metric, *values, *than, unit=scores.unit(metric, cyclic)))
    return found


def beaten(cyclic: xr.Dataset | None) -> bool:
    """Whether one network trained at the ensemble's cost is better in some score and worse in none."""
    states = [one.state for one in compared(cyclic, WHOLE)]
    return "better" in states and "worse" not in states


def cost_answer(cyclic: xr.Dataset | None, whole: bool = True) -> str:
    """What wins at equal training cost, in a sentence or two; "" where nothing was compared.

    Args:
        cyclic: the result.
        whole: with the run that is as long as all members; False where the decision weighs it.
    """
    long = _long_run_answer(compared(cyclic, WHOLE)) if whole else ""
    return " ".join(filter(None, [long, _others_answer(cyclic)]))


def _long_run_answer(found: list[Against]) -> str:
    if not found:
        return ""
    better, worse, equal = (_metrics(found, state) for state in ("better", "worse", "equal"))
    if better and worse:
        start = f"neither wins: one long run is better in {listing(better)}, the ensemble in {listing(worse)}"
    elif better:
        start = f"one long run beats the ensemble in {listing(better)}"
    elif worse:
        start = f"the ensemble beats one long run in {listing(worse)}"
    else:
        return f"At equal training cost the ensemble and one long run cannot be told apart in {listing(equal, 'or')}."
    rest = f"; in {listing(equal)} they cannot be told apart" if equal else ""
    return f"At equal training cost {start}{rest}."


def _others_answer(cyclic: xr.Dataset | None) -> str:
    """Other methods that beat independent networks at equal cost."""
    if cyclic is None:
        return ""
    winners = []
    for method in _others(cyclic):
        found = compared(cyclic, method)
        if _metrics(found, "better") and not _metrics(found, "worse"):
            winners.append(f"{_name(method)} (in {listing(_metrics(found, 'better'))})")
    if not winners:
        return ""
    networks = count(int(cyclic.attrs["networks"]), "independent network")
    verb = "are" if len(winners) > 1 or winners[0].startswith(PLURAL) else "is"
    return f"At the training cost of {networks}, better than these {verb} {listing(winners)}."


def cost_sentences(cyclic: xr.Dataset | None, whole: bool = True) -> list[str]:
    """The comparisons with their figures; arguments as `cost_answer`."""
    long = _long_run_sentence(cyclic) if whole else ""
    return [sentence for sentence in (long, _others_sentence(cyclic)) if sentence]


def _long_run_sentence(cyclic: xr.Dataset | None) -> str:
    found = compared(cyclic, WHOLE)
    if cyclic is None or not found:
        return ""
    epochs = pick(cyclic, "training_epochs", approach=WHOLE)
    members, runs = int(cyclic.attrs["ensemble_members"]), int(cyclic.attrs["long_runs"])
    who = "one network" if runs == 1 else f"one network (mean of {runs})"
    subject = (
        f"At equal training cost, {count(round(epochs), 'epoch')} in all, {who} that was trained for all of them "
        f"{_clauses(found, f'the ensemble of {members}', 'it')}."
    )
    passes = f"It predicts in one forward pass, the ensemble in {members}."
    covers = covers_of(cyclic, "difference", WHOLE)
    beside = (
        f"{text[0].upper()}{text[1:]}. " if (text := _beside(cyclic, [WHOLE], f"the ensemble of {members}")) else ""
    )
    return f"{subject} {beside}{passes} The intervals are{for_whom(covers)}."


def _beside(cyclic: xr.Dataset, methods: list[str], reference: str) -> str:
    """Methods that differ from their reference in other scores, with their figures; "" where there are none."""
    told = []
    for metric in BESIDE:
        found = [(method, one) for method in methods for one in compared(cyclic, method, [metric])]
        parts = [
            f"{_name(method)} is {one.state} than {reference} ({one})" for method, one in found if one.state != "equal"
        ]
        if parts:
            told.append(f"in the {found[0][1].score.short}, {listing(parts)}")
    return "; ".join(told)


def _clauses(found: list[Against], reference: str, pronoun: str, verb: str = "is") -> str:
    words = {"better": f"{verb} better than {reference} in", "worse": f"{verb} worse than {reference} in"}
    words["equal"] = f"cannot be told apart from {reference} in"
    parts = []
    for state, start in words.items():
        own = [f"{one.words} ({one})" for one in found if one.state == state]
        if own:
            start = start.replace(reference, pronoun) if parts else start
            parts.append(f"{start} {listing(own, 'or' if state == 'equal' else 'and')}")
    return listing(parts)


def _others_sentence(cyclic: xr.Dataset | None) -> str:
    if cyclic is None:
        return ""
    told, alike = [], []
    for method in _others(cyclic):
        found = compared(cyclic, method)
        apart = [one for one in found if one.state != "equal"]
        if apart:
            name = _name(method)
            told.append(f"{name} {_clauses(apart, 'them', 'them', 'are' if name.startswith(PLURAL) else 'is')}")
        elif found:
            alike.append(_name(method))
    if not told and not alike:
        return ""
    epochs = pick(cyclic, "training_epochs", approach="independent")
    networks = count(int(cyclic.attrs["networks"]), "independent network")
    values = {metric: pick(cyclic, "score", approach="independent", metric=metric) for metric in DECIDING}
    own = [f"{words_of(key)} {scores.written(key, value)}" for key, value in values.items() if math.isfinite(value)]
    start = f"At {count(round(epochs), 'epoch')}, the training cost of {networks} ({', '.join(own)}),"
    deciding = [words_of(metric) for metric in DECIDING if metric in cyclic["metric"].values]
    if alike:
        told.append(f"{listing(alike)} cannot be told apart from them in {listing(deciding, 'or')}")
    told += filter(None, [_beside(cyclic, _others(cyclic), "them")])
    repeats = count(int(cyclic.attrs["repeats"]), "repeat")
    return f"{start} {'; '.join(told)}. Means of {repeats}; intervals are{for_whom(covers_of(cyclic, 'difference'))}."


def _others(cyclic: xr.Dataset) -> list[str]:
    return [str(name) for name in cyclic["approach"].values if str(name) not in ("independent", "ensemble", WHOLE)]


def _name(method: str) -> str:
    """In the middle of a sentence."""
    name, _, setting = label_of(method).partition(", ")
    return name[:1].lower() + name[1:] + (f" ({setting})" if setting else "")


def _metrics(found: list[Against], state: State) -> list[str]:
    return [one.words for one in found if one.state == state]
