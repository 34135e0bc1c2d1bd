"""The common form of every table layout: the score of one run of one method on one task, and its line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modescape.errors import InputError
from modescape.metrics.seeds import Runs
from modescape.plain import shown


class Entry(NamedTuple):
    """One score."""

    method: str
    task: str  # "" where there is one alone
    run: str | None  # None: the table names no runs
    score: float
    where: str  # in messages: "'mine.csv', line 3"


class Table(NamedTuple):
    """Scores as they were read."""

    entries: list[Entry]
    notes: list[str]  # what was taken for what, and what was left out


def gathered(entries: Sequence[Entry]) -> tuple[Runs, ...]:
    """The scores of each method on each task, in the order in which they first come.

    Raises:
        InputError: if a run of a method comes twice on a task, naming both lines.
    """
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        found.setdefault((entry.task, entry.method), []).append(entry)
    tasks = list(dict.fromkeys(entry.task for entry in entries))
    ordered = sorted(found.items(), key=lambda one: tasks.index(one[0][0]))  # stable: methods as they come
    return tuple(_runs(method, task, own) for (task, method), own in ordered)


def _runs(method: str, task: str, entries: list[Entry]) -> Runs:
    named: dict[str, Entry] = {}
    for entry in entries:
        if entry.run is None:
            continue
        if entry.run in named:
            on = f" on {shown(repr(task), 60)}" if task else ""
            raise InputError(
                f"{entry.where}: run {shown(repr(entry.run), 60)} of {shown(repr(method), 60)}{on} comes twice (first: "
                f"{named[entry.run].where}); one score per run, so name the column that tells them apart with "
                "--method, --run or --task"
            )
        named[entry.run] = entry
    names = tuple(named) if len(named) == len(entries) else None
    return Runs(method, task, tuple(entry.score for entry in entries), names, tuple(entry.where for entry in entries))
