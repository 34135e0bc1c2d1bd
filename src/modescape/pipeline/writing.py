"""The files that training writes after each epoch, and reads back to resume."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from modescape.durable import together
from modescape.errors import DamageError
from modescape.study import Member, Study, write_checkpoint, write_history, write_member_state, write_resume
from modescape.study.layout import HISTORY, checkpoint_name, member_folder
from modescape.study.members import history_columns, read_history
from modescape.train.loop import Snapshot, of_member
from modescape.train.plan import Group
from modescape.types import ModelState, Params

SHOW_SECONDS = 0.5  # shortest time between two writings of the files that people look at
WRITERS = 8  # threads that write a group's files; a disk confirms files of several threads together
AHEAD_BYTES = 1 << 26  # of copies that are to be written; with more, training waits for the disk


def numbers(study: Study) -> list[str]:
    """Columns of a history that a resume file holds: all but the time."""
    return [name for name in history_columns(study.task.column) if name != "seconds"]


@dataclass(frozen=True)
class _Epoch:
    """The record of one epoch of one member."""

    number: int
    rows: list[dict[str, float]]  # of its history; none at epoch 0
    finite: bool
    stopped: tuple[int, int] | None
    copy: Params  # of the group


class GroupWriter:
    """Writes the files of a group's members after each epoch, while the next epochs are trained.

    A disk takes milliseconds to sync a file, and an epoch of a small network takes no longer. So training does not wait
    for it: epochs that end while files are written are written together afterwards, with the checkpoints that are kept
    and the last epoch's resume files. Training waits if more than `AHEAD_BYTES` are pending.

    All members' files are of the same epochs, one batch after another, since a group resumes from an epoch that all of
    them have. Errors in writing are raised by the next call, and at the end of the block.
    """

    def __init__(self, study: Study, group: Group, records: Mapping[int, dict[str, Any]], machine: str = "") -> None:
        """For the members that have a record: what their resume file holds beside tensors.

        Args:
            study: theirs, held by the caller.
            group: that is trained.
            records: member -> its record.
            machine: the kind on which they are trained.
        """
        places = {position: member for position, member in enumerate(group.members) if member in records}
        self.writers = {
            place: MemberWriter(study, member, group, {**records[member], "machine": machine})
            for place, member in places.items()
        }
        self.over: set[int] = set()  # places of members that diverged
        self._threads = ThreadPoolExecutor(max_workers=min(len(places), WRITERS))
        self._order = ThreadPoolExecutor(max_workers=1)  # hands one batch after another to the threads
        self._waiting: list[tuple[dict[int, _Epoch], int]] = []  # with the bytes of the copy
        self._bytes = 0  # of copies that are waiting or being written
        self._changed = threading.Condition()
        self._failed: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._order.shutdown()
        self._threads.shutdown()
        if error is None:
            self._raise()

    def write(self, snapshot: Snapshot) -> bool:
        """Have written what this snapshot adds, as soon as what came before is on the disk.

        Returns:
            whether any of the members is still to be trained.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._bytes <= AHEAD_BYTES)
        self._raise()
        copy = snapshot.copy()
        size = sum(tensor.nbytes for tensor in copy.values())
        places = snapshot.stopping.places() if snapshot.stopping is not None else [None] * len(snapshot.members)
        epochs = {
            place: _Epoch(
                snapshot.epoch, snapshot.history[place : place + 1], snapshot.finite[place], places[place], copy
            )
            for place in self.writers
            if place not in self.over
        }
        self.over |= {place for place, epoch in epochs.items() if not epoch.finite}
        with self._changed:
            self._waiting.append((epochs, size))
            self._bytes += size
            if len(self._waiting) == 1:  # else the batch that is about to begin takes it, too
                self._order.submit(self._write_waiting)
        return len(self.over) < len(self.writers)

    def _write_waiting(self) -> None:
        with self._changed:
            batch, self._waiting = self._waiting, []
        try:
            if self._failed is None:
                own = {place: [epochs[place] for epochs, _ in batch if place in epochs] for place in self.writers}
                written = [
                    self._threads.submit(self.writers[place].write, its, place) for place, its in own.items() if its
                ]
                for one in written:
                    one.result()
        except BaseException as error:
            self._failed = error
        finally:
            with self._changed:
                self._bytes -= sum(size for _, size in batch)
                self._changed.notify()

    def _raise(self) -> None:
        if self._failed is not None:
            raise self._failed


class MemberWriter:
    """Writes one member's files: kept checkpoints, what the next epoch needs, what people look at.

    The state and the history, which are for people, are written twice a second and at the end; the resume file holds
    what they may not say yet. A crash between two files costs the epochs in flight: the next run starts from the resume
    file and writes the same bytes again. A member is called trained once all its other files are confirmed.
    """

    def __init__(self, study: Study, member: int, group: Group, record: dict[str, Any]) -> None:
        self.study, self.member, self.group = study, member, group
        self.kept = set(study.recipe.kept_epochs(member))
        self.checksums = dict(record.get("checksums", {}))
        self.rows = rows_of(study, study.member(member), record)
        self.machine: str = record.get("machine", "")
        self.stopped: tuple[int, int] | None = None
        self.shown = -math.inf

    def write(self, epochs: list[_Epoch], place: int) -> None:
        """Write what these epochs add, neighbours in order.

        Args:
            epochs: of the member; after one that is not finite there are no others.
            place: of the member in the group.
        """
        folder = member_folder(self.study.path, self.member)
        if whole := [epoch for epoch in epochs if epoch.finite]:
            self._write(whole, place, folder)
        if not epochs[-1].finite:
            self.rows += epochs[-1].rows
            number = epochs[-1].number
            with together(folder):
                self._show("diverged", number, f"the training loss or the weights were not finite in epoch {number}")

    def _write(self, epochs: list[_Epoch], place: int, folder: Path) -> None:
        end = epochs[-1]
        last = end.number == self.study.recipe.train.epochs
        with together(folder):
            for epoch in epochs:
                self.rows += epoch.rows
                if epoch.number in self.kept:
                    state = model_state(self.study, of_member(epoch.copy, place))
                    written = write_checkpoint(self.study, self.member, epoch.number, state)
                    self.checksums[checkpoint_name(epoch.number)] = written
            self.stopped = end.stopped or self.stopped
            held = [[row[name] for name in numbers(self.study)] for row in self.rows]
            record = {"checksums": self.checksums, "rows": held, **self._marks()}
            state, group = of_member(end.copy, place), self.group.size > 1
            write_resume(self.study, self.member, end.number, state, record, keep_before=group)
            if not last and time.monotonic() - self.shown >= SHOW_SECONDS:
                self._show("training", end.number)  # after it, so that people are never told of more than is there
        if last:
            with together(folder):
                self._show("trained", end.number)

    def _show(self, status: str, epoch: int, message: str = "") -> None:
        write_member_state(
            self.study,
            self.member,
            status=status,
            epochs_done=epoch,
            message=message,
            checksums=self.checksums,
            timings={"training_seconds": sum(row["seconds"] for row in self.rows)},
            history_checksum=write_history(self.study, self.member, self.rows),
            **self._marks(),
        )
        self.shown = time.monotonic()

    def _marks(self) -> dict[str, Any]:
        """The name in state and resume file: the group of several, whether it stopped, the kind of machine."""
        group = (self.group.first, self.group.size) if self.group.size > 1 else None
        marks = {"group": group, "stopped": self.stopped, "machine": self.machine or None}
        return {name: value for name, value in marks.items() if value is not None}


def rows_of(study: Study, member: Member, record: dict[str, Any]) -> list[dict[str, float]]:
    """The history up to a resume file, which holds no clock time: equal runs, equal bytes.

    An epoch whose time was not shown before a run was cut off, or is unreadable, counts 0 seconds.
    """
    try:
        times = {row["epoch"]: row["seconds"] for row in read_history(member.path / HISTORY)}
    except DamageError:
        times = {}
    rows = [dict(zip(numbers(study), row, strict=True)) for row in record.get("rows", [])]
    return [{**row, "seconds": times.get(row["epoch"], 0.0)} for row in rows]


def part(tensors: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Tensors named "kind/name", by name."""
    return {name.partition("/")[2]: tensor for name, tensor in tensors.items() if name.startswith(f"{kind}/")}


def model_state(study: Study, tensors: dict[str, Tensor]) -> ModelState:
    """Parameters and buffers among resume tensors, in the manifest's order."""
    params, buffers = part(tensors, "param"), part(tensors, "buffer")
    order = study.manifest["model"]
    return ModelState(
        {name: params[name] for name in order["parameters"]}, {name: buffers[name] for name in order["buffers"]}
    )
