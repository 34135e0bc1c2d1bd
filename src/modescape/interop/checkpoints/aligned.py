"""Aligning members to common steps, and reading their files one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modescape.errors import InputError
from modescape.interop.checkpoints.found import Found
from modescape.interop.checkpoints.held import Held, not_finite
from modescape.interop.checkpoints.matching import Fitted, chosen
from modescape.interop.checkpoints.reading import read
from modescape.models import digest_of
from modescape.plain import MOST_EPOCHS, shown
from modescape.types import ModelState

BUDGET = 1 << 30  # bytes of tensors that are kept between two readings of the same files


@dataclass(frozen=True)
class Aligned:
    """The files of members at the steps that all of them have."""

    names: tuple[str, ...]  # of the members
    steps: tuple[int, ...]  # ascending; 0 is an initialisation, the last one the solution
    paths: tuple[tuple[Path, ...], ...]  # of each member, of each step
    notes: tuple[str, ...] = ()  # sentences: what was left out, and how steps are numbered

    @property
    def files(self) -> list[Path]:
        """All files, member by member."""
        return [path for own in self.paths for path in own]


def aligned(found: Found, first: int = 1) -> Aligned:
    """Align members to common steps.

    Args:
        found: their files.
        first: number of the first epoch's end in file names; if 0, 1 is added to all.

    Raises:
        InputError: if a member has both numbered files and one without a number.
    """
    members = {name: {_shifted(step, first): path for step, path in own.items()} for name, own in found.members.items()}
    for name, own in members.items():
        if None in own and len(own) > 1:
            raise InputError(
                f"'{own[None]}' of '{shown(name, 60)}' has no step in its name, and other files of it have one; leave "
                "it out, or name it as the last step"
            )
    lasts = {name: list(own)[-1] for name, own in members.items()}
    common = set.intersection(*(set(own) for own in members.values()))
    notes: list[str] = []
    if len({*lasts.values()}) > 1 or None in common:
        if len({*lasts.values()}) > 1:
            ends = ", ".join(f"{shown(name, 40)}: {step or 'no number'}" for name, step in list(lasts.items())[:3])
            notes.append(f"the members end at different steps ({ends}, ...): only the last checkpoint of each is used")
        return Aligned(tuple(members), (1,), tuple((own[lasts[name]],) for name, own in members.items()), tuple(notes))
    steps = sorted(step for step in common if step is not None)
    if left := sum(len(own) for own in members.values()) - len(steps) * len(members):
        notes.append(f"checkpoints of steps that not all members have are left out: {left}")
    numbers = _numbered(steps, notes)
    return Aligned(
        tuple(members), numbers, tuple(tuple(own[step] for step in steps) for own in members.values()), tuple(notes)
    )


def _shifted(step: int | None, first: int) -> int | None:
    return step if step is None else step + 1 - first


def _numbered(steps: Sequence[int], notes: list[str]) -> tuple[int, ...]:
    """Steps as epochs of a study: as they are, or counted where they are too large."""
    if steps[-1] == 0:  # a single one of step 0
        return (1,)
    if steps[-1] <= MOST_EPOCHS:
        return tuple(steps)
    start = 0 if steps[0] == 0 else 1
    notes.append(
        f"steps are counted {start}, {start + 1}, ...: in the names of the files {steps[0]:,} to {steps[-1]:,}"
    )
    return tuple(range(start, start + len(steps)))


@dataclass
class Files:
    """Reads files of one format as states of one network; what is small is read once."""

    kind: str
    weights: str  # "raw" or "ema"
    fit: Callable[[Held], Fitted]
    notes: dict[str, None] = field(default_factory=dict)  # sentences, each once, in the order of files
    _kept: dict[Path, Fitted] = field(default_factory=dict)
    _bytes: int = 0

    def __call__(self, path: Path) -> Fitted:
        """The tensors of a file.

        Raises:
            InputError: if it cannot be read, or is of another network.
        """
        if path in self._kept:
            return self._kept[path]
        held = chosen(read(path, self.kind), self.weights)
        found = self.fit(held)
        prefix = [f"'{found.prefix}' is removed from the names of tensors"] if found.prefix else []
        names = shown(", ".join(found.left[:3]), 120)
        left = [f"{len(found.left)} tensors of the files have no counterpart in the network: {names}"]
        self.notes |= dict.fromkeys([*held.notes, *prefix, *(left if found.left else [])])
        size = sum(tensor.nbytes for tensor in found.state.values())
        if self._bytes + size <= BUDGET:
            self._bytes += size
            self._kept[path] = found
        return found


@dataclass(frozen=True)
class Surveyed:
    """A survey of all files."""

    digest: str  # SHA-256 of all tensors, hex
    broken: dict[int, str]  # member -> why it is left out
    notes: tuple[str, ...] = ()


def surveyed(given: Aligned, state: Callable[[Path], ModelState], report: Callable[[int], None]) -> Surveyed:
    """Read every file once, for the digest of all, and to find broken and duplicate ones.

    Args:
        given: the files.
        state: reads one.
        report: called with 1 after each.

    Raises:
        InputError: if a file cannot be read, or all members have non-finite values.
    """
    digest = hashlib.sha256()
    broken: dict[int, str] = {}
    solutions: dict[str, int] = {}
    notes = []
    for member, own in enumerate(given.paths):
        last = ""
        for path in own:
            found = state(path)
            tensors = found.params | found.buffers
            last = digest_of(tensors)
            digest.update(last.encode())
            if (name := not_finite(tensors)) and member not in broken:
                broken[member] = f"'{shown(name, 60)}' in '{path}' holds numbers that are not finite"
            report(1)
        if last in solutions:
            notes.append(f"{given.paths[member][-1]} holds the same weights as {given.paths[solutions[last]][-1]}")
        solutions.setdefault(last, member)
    if len(broken) == len(given.names):
        raise InputError(f"no member can be used: {broken[0]}")
    return Surveyed(digest.hexdigest(), broken, tuple(notes))
