"""Everything that is computed from scores of repeated runs about methods and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from modescape.errors import InputError
from modescape.metrics.intervals import LEVEL
from modescape.metrics.paired import holm
from modescape.metrics.seeds.best import best_of_normal, best_of_seen, chance_of_better_best, chance_seen
from modescape.metrics.seeds.copies import Runs, answerable, quoted
from modescape.metrics.seeds.differences import Difference, paired_difference, welch_difference
from modescape.metrics.seeds.needed import Needed, noise_of, runs_for_power, runs_for_width
from modescape.metrics.seeds.sequential import anytime_p, confidence_sequence, e_values
from modescape.metrics.seeds.summary import Summary, summarize
from modescape.metrics.seeds.tasks import means_of_tasks

ALPHA = 1 - LEVEL
BEST_OF = 5  # number of runs of which people report the best
POWER = 0.8
MOST_PAIRS = 10_000  # differences: half a minute
SHARED = 2 / 3  # of the larger method's runs that must occur in both for them to be paired


@dataclass(frozen=True, kw_only=True)
class Question:
    """Settings besides means and differences."""

    lower_is_better: bool = False
    against: str | None = None  # the method that all others are compared with; None: all pairs
    paired: bool | None = None  # None: if runs have the same names
    width: float | None = None  # wanted width of intervals, in the unit of the scores
    power: float | None = None  # wanted; None: .8
    difference: float | None = None  # to be detected with this power; None: the observed one
    best_of: int | None = None  # number of runs of which the best is reported; None: 5, or as many as there are
    mean_of_tasks: bool = False  # also each method's mean over tasks, run by run
    sequential: bool = False  # also the sequential test


@dataclass(frozen=True)
class Method:
    """The results for one method."""

    runs: Runs
    summary: Summary
    best_of: int
    best_expected: float  # of ``best_of`` runs, under a normal distribution
    best_seen: float | None  # of ``best_of`` of the actual runs; None: there are fewer
    for_width: Needed | None


@dataclass(frozen=True)
class Looked:
    """The result of the sequential test, which is valid after every run."""

    runs: int  # pairs of runs in the order of the file
    evidence: float  # after the last of them
    largest: float
    p: float  # anytime-valid, corrected for many comparisons
    low: float  # confidence sequence after the last run
    high: float
    decision: str  # "stop: difference", "stop: smaller than asked for", "go on"


@dataclass(frozen=True)
class Pair:
    """The difference of two methods on one task."""

    first: Runs
    second: Runs
    difference: Difference
    p_holm: float
    better_best: float  # probability that the best of `best_of` runs of the first beats that of the second
    better_best_seen: float | None
    for_width: Needed | None
    for_power: Needed | None
    asked: tuple[float, float]  # power and difference of that
    looked: Looked | None

    @property
    def more_than_noise(self) -> bool:
        """Whether the difference is more than the noise of seeds, corrected for many comparisons."""
        return self.p_holm <= ALPHA


@dataclass(frozen=True)
class Judgement:
    """The answer of `judge`."""

    question: Question
    methods: tuple[Method, ...]
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...]


def judge(columns: Sequence[Runs], question: Question | None = None) -> Judgement:
    """Analyse runs of methods: spread, differences, runs needed, luck of the best, and whether to stop.

    Args:
        columns: one for each method and task.
        question: what else is asked.

    Raises:
        InputError: (a ValueError) if it cannot be answered: single runs, copies, an unknown method, a value out of
            range.

    >>> a, b = Runs("a", "", (91.0, 92.1, 93.2)), Runs("b", "", (80.3, 81.1, 80.2))
    >>> found = judge([a, b])
    >>> [pair.more_than_noise for pair in found.pairs]
    [True]
    """
    question = question or Question()
    if question.mean_of_tasks:
        columns = [*columns, *means_of_tasks(columns)]
    columns, warnings = answerable(columns)
    if not columns:
        raise InputError("there are no scores; expected two runs or more of a method")
    fewest = min(len(one.scores) for one in columns)
    best_of = min(BEST_OF, fewest) if question.best_of is None else question.best_of
    if best_of < 1:
        raise InputError(f"the best of {best_of} runs was asked for; expected 1 or more")
    methods = tuple(_method(one, best_of, question) for one in columns)
    compared, more = _differences(methods, question)
    p_holm = holm([difference.p for _, _, difference in compared]).tolist()
    looks: list[Looked | None] = [None] * len(compared)
    if question.sequential:
        looks = list(_looked(compared, question))
    pairs = [
        _pair(one, other, difference, p, look, question)
        for (one, other, difference), p, look in zip(compared, p_holm, looks, strict=True)
    ]
    return Judgement(question, methods, tuple(pairs), (*warnings, *more))


def _method(runs: Runs, best_of: int, question: Question) -> Method:
    scores = np.array(runs.scores)
    summary, sign = summarize(scores), -1 if question.lower_is_better else 1
    seen = sign * best_of_seen(sign * scores, best_of) if best_of <= len(scores) else None
    expected = summary.mean + sign * (best_of_normal(summary, best_of) - summary.mean)
    wanted = None if question.width is None else runs_for_width(*noise_of(summary), question.width)
    return Method(runs, summary, best_of, expected, seen, wanted)


Compared = tuple[Method, Method, Difference]


def _differences(methods: Sequence[Method], question: Question) -> tuple[list[Compared], list[str]]:
    names = {one.runs.method for one in methods}
    if question.against is not None and question.against not in names:
        listed = ", ".join(sorted(map(quoted, names)))
        raise InputError(f"there is no method {quoted(question.against)} to compare with; expected one of {listed}")
    found, warnings = [], []
    for task in dict.fromkeys(one.runs.task for one in methods):
        own = [one for one in methods if one.runs.task == task]
        if question.against is None and len(own) * (len(own) - 1) // 2 > MOST_PAIRS:
            raise InputError(
                f"{len(own):,} methods have more than {MOST_PAIRS:,} differences; name one to compare with, --against, "
                "or choose columns (--score)"
            )
        for first, second in combinations(own, 2):
            if question.against is not None and question.against not in (first.runs.method, second.runs.method):
                continue
            if first.runs.method == question.against:
                first, second = second, first
            difference, said = _difference(first.runs, second.runs, question.paired)
            warnings += said
            if difference is None:
                warnings.append(f"{quoted(first.runs.label)} and {quoted(second.runs.label)} have no spread; left out.")
            else:
                found.append((first, second, difference))
    return found, warnings


def _difference(first: Runs, second: Runs, paired: bool | None) -> tuple[Difference | None, list[str]]:
    pairs = pairs_of(first, second, paired)
    if pairs is not None:
        difference = paired_difference(*pairs)
        if difference is not None:
            return difference, []
        said = (
            f"{quoted(first.label)} and {quoted(second.label)} differ by the same {pairs[0][0] - pairs[1][0]:g} in "
            "every run: they are compared as unpaired; was one made from the other?"
        )
        return welch_difference(np.array(first.scores), np.array(second.scores)), [said]
    return welch_difference(np.array(first.scores), np.array(second.scores)), []


def pairs_of(first: Runs, second: Runs, paired: bool | None = None) -> tuple[np.ndarray, np.ndarray] | None:
    """Scores of the runs that two methods share, in the order of the first; None where runs are not paired.

    Args:
        first: runs of one method.
        second: runs of the other.
        paired: True: by name, or in the order of runs without names; False: never; None: by name, where at least two
            runs, and two thirds of them, are in both.

    Raises:
        InputError: (a ValueError) if pairs are asked for and there are none.
    """
    if paired is False:
        return None
    if first.names is None or second.names is None:
        if not paired:
            return None
        if len(first.scores) != len(second.scores):
            raise InputError(
                f"pairs were asked for, and {quoted(first.label)} has {len(first.scores)} runs without names, "
                f"{quoted(second.label)} {len(second.scores)}; name the runs in a column, or give --unpaired"
            )
        return np.array(first.scores), np.array(second.scores)
    other = dict(zip(second.names, second.scores, strict=True))
    shared = [(score, other[name]) for name, score in zip(first.names, first.scores, strict=True) if name in other]
    enough = len(shared) >= SHARED * max(len(first.scores), len(second.scores))
    if len(shared) < 2 or not (paired or enough):
        if paired:
            raise InputError(
                f"pairs were asked for, and {quoted(first.label)} and {quoted(second.label)} share {len(shared)} runs "
                "by name; expected two or more"
            )
        return None
    return np.array([one for one, _ in shared]), np.array([two for _, two in shared])


def _pair(
    first: Method, second: Method, difference: Difference, p_holm: float, looked: Looked | None, question: Question
) -> Pair:
    sign, best_of = -1 if question.lower_is_better else 1, first.best_of
    turned = [replace(one.summary, mean=sign * one.summary.mean) for one in (first, second)]
    scores = [sign * np.array(one.runs.scores) for one in (first, second)]
    seen = chance_seen(scores[0], scores[1], best_of) if best_of <= min(map(len, scores)) else None
    noise = noise_of(difference, (first.summary.sd, second.summary.sd))
    power = POWER if question.power is None else question.power
    wanted = difference.value if question.difference is None else question.difference
    return Pair(
        first.runs,
        second.runs,
        difference,
        p_holm,
        chance_of_better_best(turned[0], turned[1], best_of),
        seen,
        None if question.width is None else runs_for_width(*noise, question.width),
        None if question.difference is None and wanted == 0 else runs_for_power(*noise, wanted, power),
        (power, wanted),
        looked,
    )


def _looked(compared: Sequence[Compared], question: Question) -> list[Looked]:
    """The sequential test of each comparison; runs without a common name are paired in the order of the file.

    Two independent normal runs have a normal difference, whatever the two spreads, so that the test stays exact.
    """
    rows = []
    for first, second, _ in compared:
        pairs = pairs_of(first.runs, second.runs, question.paired)
        if pairs is None:
            count = min(len(first.runs.scores), len(second.runs.scores))
            pairs = np.array(first.runs.scores[:count]), np.array(second.runs.scores[:count])
        rows.append(pairs[0] - pairs[1])
    p = holm([anytime_p(e_values(row)) for row in rows]).tolist()
    found = []
    for row, corrected in zip(rows, p, strict=True):
        evidence = e_values(row)
        low, high = (float(end[-1]) for end in confidence_sequence(row))
        within = [float(end[-1]) for end in confidence_sequence(row, ALPHA / len(rows))]
        limit = question.difference
        small = limit is not None and -abs(limit) < within[0] and within[1] < abs(limit)
        decision = "stop: difference" if corrected <= ALPHA else "stop: smaller than asked for" if small else "go on"
        found.append(Looked(len(row), float(evidence[-1]), float(evidence.max()), corrected, low, high, decision))
    return found
