"""What a member's training leaves on the disk after each epoch, and what is read back to go on from."""

from __future__ import annotations

import math
import time
from concurrent.futures import Executor, Future
from typing import Any

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


def numbers(study: Study) -> list[str]:
    """Columns of a history that a resume file holds: all but the time."""
    return [name for name in history_columns(study.task.column) if name != "seconds"]


class MemberWriter:
    """Writes one member's files after each epoch: a kept checkpoint, what the next epoch needs, what people look at.

    The state and the history, which are for people, are written twice a second and at the end; the resume file holds
    what they may not say yet. A crash between two files costs the epoch in flight: the next run starts from the resume
    file and writes the same bytes again. A member is called trained once all its other files are confirmed. Files are
    written by a thread while the next epoch is trained (a disk takes up to 8 ms to confirm one), at most one epoch
    behind.
    """

    def __init__(self, study: Study, member: int, group: Group, record: dict[str, Any], threads: Executor) -> None:
        self.study, self.member, self.group, self.threads = study, member, group, threads
        self.kept = set(study.recipe.kept_epochs(member))
        self.checksums = dict(record.get("checksums", {}))
        self.rows = rows_of(study, study.member(member), record)
        self.stopped: tuple[int, int] | None = None
        self.over = False
        self.shown = -math.inf
        self.behind: Future[None] | None = None

    def write(self, snapshot: Snapshot, position: int, copy: Params) -> None:
        """Have written what this snapshot adds, once the one before is on the disk.

        Args:
            snapshot: of the group.
            position: the member's place in the group.
            copy: what `Snapshot.copy` gave; shared by the group's writers, changed by nobody.
        """
        if self.over:
            return
        self.wait()
        self.over = not snapshot.finite[position]
        rows = snapshot.history[position : position + 1]
        if snapshot.stopping is not None:
            self.stopped = snapshot.stopping.places()[position]
        self.behind = self.threads.submit(self._write, snapshot.epoch, of_member(copy, position), rows)

    def wait(self) -> None:
        """Until everything is on the disk; raises what writing raised."""
        if self.behind is not None:
            self.behind.result()

    def _write(self, epoch: int, copy: Params, rows: list[dict[str, float]]) -> None:
        self.rows += rows
        folder, last = member_folder(self.study.path, self.member), epoch == self.study.recipe.train.epochs
        if self.over:
            with together(folder):
                self._show("diverged", epoch, f"the training loss or the weights were not finite in epoch {epoch}")
            return
        with together(folder):
            if epoch in self.kept:
                state = model_state(self.study, copy)
                self.checksums[checkpoint_name(epoch)] = write_checkpoint(self.study, self.member, epoch, state)
            held = [[row[name] for name in numbers(self.study)] for row in self.rows]
            record = {"checksums": self.checksums, "rows": held, **self._marks()}
            write_resume(self.study, self.member, epoch, copy, record, keep_before=self.group.size > 1)
            if not last and time.monotonic() - self.shown >= SHOW_SECONDS:
                self._show("training", epoch)  # after it, so that people are never told of more than is there
        if last:
            with together(folder):
                self._show("trained", epoch)

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
        """The group, where it is more than the member, and whether it stopped: as state and resume file name it."""
        marks = {"group": (self.group.first, self.group.size) if self.group.size > 1 else None, "stopped": self.stopped}
        return {name: pair for name, pair in marks.items() if pair is not None}


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
