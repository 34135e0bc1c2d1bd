"""Input that cannot be answered: single runs, and scores that are copies of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from modescape.errors import InputError
from modescape.plain import shown

TELLING = 8  # shared significant digits from which two runs count as copies
DIGITS_OF_ONE = 5  # significant digits of a repeated score that is reported


@dataclass(frozen=True)
class Runs:
    """Scores of one method on one task, in the order in which the runs were made."""

    method: str
    task: str  # "" where there is one alone
    scores: tuple[float, ...]
    names: tuple[str, ...] | None = None  # of the runs; None: unnamed
    where: tuple[str, ...] = field(default=(), repr=False)  # each score's line in the file, for messages

    @property
    def label(self) -> str:
        """Method, and task where there is one, as messages name them."""
        return f"{self.method} on {self.task}" if self.task else self.method


def answerable(columns: Sequence[Runs]) -> tuple[list[Runs], list[str]]:
    """The columns with two or more different scores, and warnings about the rest.

    A method whose runs all have the same score is left out, with a warning, if two others remain.

    Raises:
        InputError: (a ValueError) if a method has one run, if methods or runs are copies, or if too few scores differ.
    """
    for one in columns:
        if len(one.scores) < 2:
            raise InputError(
                f"{quoted(one.label)} has one run{_at(one, 0)}: the spread over seeds is unknown; two runs are the "
                "least, five say something"
            )
    flat = [one for one in columns if len(set(one.scores)) == 1]
    kept = [one for one in columns if len(set(one.scores)) > 1]
    if flat and len(kept) < 2:
        raise InputError(f"{_flat(flat[0])}: copies of one run, or a score that no seed changes")
    _refuse_methods(kept)
    _refuse_runs(kept)
    warnings = [f"{_flat(one)}: this says nothing about seeds, so it is left out." for one in flat[:5]]
    if len(flat) > 5:
        warnings.append(f"Likewise {len(flat) - 5} others: {shown(', '.join(one.label for one in flat[5:]), 200)}.")
    return kept, [*warnings, *_repeated(kept)]


def quoted(text: object) -> str:
    """A name, quoted for messages."""
    return shown(repr(text), 80)


def _at(one: Runs, run: int) -> str:
    return f" ({one.where[run]})" if one.where else ""


def _flat(one: Runs) -> str:
    return f"{quoted(one.label)} has the same score, {one.scores[0]:g}, in all {len(one.scores)} runs"


def _refuse_methods(columns: Sequence[Runs]) -> None:
    """Refuse two methods with the same scores, run by run, unless so few distinct values make that chance."""
    seen: dict[tuple[str, tuple[float, ...]], Runs] = {}
    for one in columns:
        other = seen.setdefault((one.task, one.scores), one)
        if other is not one and (len(set(one.scores)) > 2 or len(one.scores) < 4):
            on = f" on {quoted(one.task)}" if one.task else ""
            raise InputError(
                f"{quoted(one.method)} is {quoted(other.method)}{on}: the same scores in all {len(one.scores)} runs; "
                "leave one out"
            )


def _refuse_runs(columns: Sequence[Runs]) -> None:
    """Refuse two runs with the same scores on everything, if so many digits agree that it is not chance."""
    vectors: dict[str, list[tuple[int, float, str]]] = {}
    for number, one in enumerate(columns):
        for place, name in enumerate(one.names or ()):
            vectors.setdefault(name, []).append((number, one.scores[place], one.where[place] if one.where else ""))
    seen: dict[tuple[tuple[int, float], ...], str] = {}
    for name, cells in vectors.items():
        key = tuple((number, score) for number, score, _ in cells)
        other = seen.setdefault(key, name)
        if other != name and len(key) > 1 and sum(map(digits, (score for _, score in key))) >= TELLING:
            places = [f" ({where})" if where else "" for where in (cells[0][2], vectors[other][0][2])]
            raise InputError(
                f"run {quoted(name)}{places[0]} is run {quoted(other)}{places[1]}: the same scores in all {len(key)} "
                "columns; leave one out"
            )


def _repeated(columns: Sequence[Runs]) -> list[str]:
    """Warnings about repeated scores of many digits: perhaps one run twice."""
    said = []
    for one in columns:
        score, times = Counter(one.scores).most_common(1)[0]
        if digits(score) >= DIGITS_OF_ONE and 2 * len(set(one.scores)) <= len(one.scores) + 1 and times > 1:
            said.append(
                f"{quoted(one.label)} has {score!r} in {times} of {len(one.scores)} runs: are these separate runs?"
            )
    return said


def digits(score: float) -> int:
    """Significant digits with which a score is written.

    >>> digits(0.8476821), digits(90.0), digits(1.0)
    (7, 1, 1)
    """
    return len(Decimal(repr(float(score))).normalize().as_tuple().digits)
