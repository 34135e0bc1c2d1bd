"""The training stage: groups of members dealt out to an engine, each writing its members' folders of the study."""

from __future__ import annotations

import gc
import math
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from modescape.engines import Engine
from modescape.errors import InputError, WorkError
from modescape.predict import validation_probe
from modescape.progress import Progress
from modescape.study import (
    Member,
    Study,
    drop_resume_before,
    read_resume,
    together,
    write_checkpoint,
    write_history,
    write_member_state,
    write_resume,
)
from modescape.study.layout import HISTORY, checkpoint_name, member_folder
from modescape.study.members import HISTORY_COLUMNS, read_history
from modescape.train.loop import Snapshot, Start, Trainer, of_member
from modescape.train.plan import Group, Plan
from modescape.types import ModelState, Params
from modescape.workplace import Workplace, workplace

REPORT_SECONDS = 0.2  # shortest time between two messages of progress
SHOW_SECONDS = 0.5  # shortest time between two writings of the files that people look at
NUMBERS = [name for name in HISTORY_COLUMNS if name != "seconds"]
WRITERS = 8  # threads that write a group's files; a disk confirms files of several threads together


@dataclass(frozen=True)
class TrainTask:
    """Train these members of a group of a study to the end."""

    path: str
    recipe_yaml: str
    group: Group
    members: tuple[int, ...]

    def __str__(self) -> str:
        return f"member {', '.join(map(str, self.members))}"


def train_missing(study: Study, engine: Engine, progress: Progress) -> None:
    """Train every member that is neither trained nor diverged; failures are recorded and the run goes on.

    Raises:
        WorkError: if in the end no member is trained.
    """
    recipe = study.recipe
    plan = Plan(**study.manifest["plan"])
    wanted = [member for member in study.members if member.number < recipe.train.members]
    open_members = [member for member in wanted if not _settled(study, member)]
    if open_members:
        begun = {member.number: Group(*member.group) for member in open_members if member.group}
        groups = plan.groups([member.number for member in open_members], begun)
        tasks = [TrainTask(str(study.path), recipe.to_yaml(), group, tuple(own)) for group, own in groups.items()]
        left = sum(recipe.train.epochs - member.epochs_done for member in open_members)
        progress.stage("training", left * study.manifest["examples"]["train"], "images")
        for outcome in engine.map(train_task, tasks, on_event=lambda task, event: _hear(progress, event)):
            if outcome.error is not None:
                progress.detail(outcome.traceback)
                _record_failure(study, outcome.item.members, outcome.error, progress.line)
        progress.finish()
    for member in (study.member(member.number) for member in wanted):
        if member.status == "diverged":
            progress.line(f"member {member.number} diverged: {member.message}; the analyses leave it out")
    if not study.trained:
        reasons = {study.member(member.number).message for member in wanted}
        raise WorkError(f"no member of '{study.path}' could be trained: {'; '.join(sorted(reasons))}")


def _hear(progress: Progress, event: tuple[Any, ...]) -> None:
    """What a worker reports: a line for the user, a line and a traceback, or (images, note)."""
    if len(event) == 1:
        progress.line(event[0])
    elif isinstance(event[0], str):  # a line, and where what it tells of happened
        progress.line(event[0])
        progress.detail(event[1])
    else:
        progress.advance(*event)


def _settled(study: Study, member: Member) -> bool:
    """Whether nothing is left to train: diverged, or trained with every kept checkpoint still there."""
    if member.status == "trained":
        return set(study.recipe.kept_epochs(member.number)) <= set(study.kept(member.number))
    return member.status == "diverged"


def _record_failure(study: Study, members: Iterable[int], error: str, say: Callable[[str], None]) -> None:
    for number in members:
        member = study.member(number)
        if member.status in ("trained", "diverged"):
            continue
        write_member_state(
            study,
            number,
            status="failed",
            epochs_done=member.epochs_done,
            message=error,
            checksums=member.checksums,
            timings=member.timings,
            group=member.group,
        )
        say(f"member {number}, training: {error}")


def train_task(task: TrainTask, report: Callable[[Any], None]) -> None:
    """Carry out a `TrainTask` in this process; ``report`` gets (images, note) from time to time, or (line,)."""
    place = workplace(task.path, task.recipe_yaml)
    with place.at_work():
        _train(place, task.group, list(task.members), report)


def _train(place: Workplace, group: Group, members: list[int], report: Callable[[Any], None]) -> None:
    """Train a group; where memory runs out, each half of it, from where the whole got to."""
    try:
        _train_whole(place, group, members, report)
        return
    except torch.OutOfMemoryError as error:
        if group.size == 1:
            raise WorkError(
                f"the GPU's memory does not hold one member at batch size {place.study.recipe.train.batch_size}; "
                "choose a smaller train.batch_size or model, or --device cpu"
            ) from error
    gc.collect()  # here, where the error no longer holds on to what was on the GPU
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    halves = group.halves()
    report((f"the GPU's memory does not hold {group.size} members at a time; going on with {halves[0].size}",))
    for half in halves:
        own = [member for member in members if member in half.members]
        if own:
            _train(place, half, own, report)


def _train_whole(place: Workplace, group: Group, members: list[int], report: Callable[[Any], None]) -> None:
    trainer = place.trainer(lambda line: report((line,)))
    starts, records = _starts(place, trainer, group, members, report)
    members = list(records)
    if not members:
        return
    epochs = place.study.recipe.train.epochs
    speaker = _Speaker(report, f"member {', '.join(map(str, members))}", len(members), starts[0].epoch, epochs)
    probe = validation_probe(place.evaluator, place.dataset.validation)
    with ThreadPoolExecutor(max_workers=min(len(members), WRITERS)) as threads:
        writers = {
            position: MemberWriter(place.study, member, group, records[member], threads)
            for position, member in enumerate(group.members)
            if member in members
        }
        for snapshot in trainer.group(group.members, probe, starts=starts, progress=speaker.step):
            for writer in writers.values():
                writer.wait()
            copy = snapshot.copy()
            for position, writer in writers.items():
                writer.write(snapshot, position, copy)
            speaker.epoch(snapshot.epoch)
            if all(writer.over for writer in writers.values()):
                break
        for writer in writers.values():
            writer.wait()
    for member in members:
        drop_resume_before(place.study, member)


class _Speaker:
    """Collects progress and reports it a few times a second."""

    def __init__(self, report: Callable[[Any], None], name: str, members: int, epoch: int, epochs: int) -> None:
        self.report, self.name, self.members, self.at, self.epochs = report, name, members, epoch, epochs
        self.images, self.last = 0, time.monotonic()

    def step(self, images: int) -> None:
        self.images += images * self.members
        if time.monotonic() - self.last >= REPORT_SECONDS:
            self.say()

    def epoch(self, number: int) -> None:
        self.at = number
        self.say()

    def say(self) -> None:
        self.report((self.images, f"{self.name}, epoch {self.at}/{self.epochs}"))
        self.images, self.last = 0, time.monotonic()


def _starts(
    place: Workplace, trainer: Trainer, group: Group, members: list[int], report: Callable[[Any], None]
) -> tuple[list[Start], dict]:
    """Where the places of a group continue, and the record of each member there.

    That is the last epoch that all its members have finished, or the beginning. A place that nobody asked for starts as
    the first member does; its results are dropped. So does that of a member whose network cannot be made, which is
    recorded as failed: the others are trained all the same.
    """
    found = {member: _resumable(place.study, member) for member in members}
    common = set.intersection(*(set(starts) for starts in found.values()))
    own, records = {}, {}
    for member, starts in found.items():
        try:
            own[member], records[member] = starts[max(common)] if common else (trainer.initial(member), {})
        except InputError as error:
            if len(members) == 1:
                raise
            trace = traceback.format_exc()
            _record_failure(place.study, [member], str(error), lambda line, trace=trace: report((line, trace)))
    first = next(iter(own.values()), None)
    return [own.get(member, first) for member in group.members] if first else [], records


def _resumable(study: Study, member: int) -> dict[int, tuple[Start, dict[str, Any]]]:
    """Epoch -> where a member can go on from, and its record; none where a file of before is lost or damaged."""
    starts = {}
    there = set(study.kept(member))
    for before in (False, True):
        try:
            resume = read_resume(study, member, before=before)
        except WorkError:  # damaged: the member starts over and writes the same bytes again
            continue
        if resume is None:
            continue
        epoch, tensors, record = resume
        kept = [one for one in study.recipe.kept_epochs(member) if one <= epoch]
        complete = all(one in there and checkpoint_name(one) in record.get("checksums", {}) for one in kept)
        if complete and epoch < study.recipe.train.epochs:  # else a file was lost: all of them are written again
            state = _model_state(study, tensors)
            starts[epoch] = Start(epoch=epoch, state=state, optimizer=_part(tensors, "optimizer")), record
    return starts


class MemberWriter:
    """Writes one member's files after each epoch: a kept checkpoint, and last what the next epoch needs.

    The state and the history, which are for people, are written twice a second and at the end; the resume file holds
    what they may not say yet. A crash between two files costs the epoch in flight: the next run starts from the resume
    file and writes the same bytes again. Files are written by a thread while the next epoch is trained (a disk takes up
    to 8 ms to confirm one), at most one epoch behind.
    """

    def __init__(self, study: Study, member: int, group: Group, record: dict[str, Any], threads: Executor) -> None:
        self.study, self.member, self.group, self.threads = study, member, group, threads
        self.kept = set(study.recipe.kept_epochs(member))
        self.checksums = dict(record.get("checksums", {}))
        self.rows = _rows(study.member(member), record)
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
        self.behind = self.threads.submit(self._write, snapshot.epoch, of_member(copy, position), rows)

    def wait(self) -> None:
        """Until everything is on the disk; raises what writing raised."""
        if self.behind is not None:
            self.behind.result()

    def _write(self, epoch: int, copy: Params, rows: list[dict[str, float]]) -> None:
        self.rows += rows
        with together(member_folder(self.study.path, self.member)):
            if self.over:
                reason = f"the training loss or the weights were not finite in epoch {epoch}"
                self._show("diverged", epoch, reason)
                return
            if epoch in self.kept:
                state = _model_state(self.study, copy)
                self.checksums[checkpoint_name(epoch)] = write_checkpoint(self.study, self.member, epoch, state)
            if epoch == self.study.recipe.train.epochs:
                self._show("trained", epoch)
            elif time.monotonic() - self.shown >= SHOW_SECONDS:
                self._show("training", epoch)
            numbers = [[row[name] for name in NUMBERS] for row in self.rows]
            record = {"checksums": self.checksums, "rows": numbers}
            write_resume(self.study, self.member, epoch, copy, record, keep_before=self.group.size > 1)

    def _show(self, status: str, epoch: int, message: str = "") -> None:
        write_history(self.study, self.member, self.rows)
        write_member_state(
            self.study,
            self.member,
            status=status,
            epochs_done=epoch,
            message=message,
            checksums=self.checksums,
            timings={"training_seconds": sum(row["seconds"] for row in self.rows)},
            group=(self.group.first, self.group.size) if self.group.size > 1 else None,
        )
        self.shown = time.monotonic()


def _rows(member: Member, record: dict[str, Any]) -> list[dict[str, float]]:
    """The history up to a resume file, which holds no clock time: equal runs, equal bytes.

    An epoch whose time was not shown before a run was cut off counts 0 seconds.
    """
    times = {row["epoch"]: row["seconds"] for row in read_history(member.path / HISTORY)}
    rows = [dict(zip(NUMBERS, row, strict=True)) for row in record.get("rows", [])]
    return [{**row, "seconds": times.get(row["epoch"], 0.0)} for row in rows]


def _part(tensors: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Tensors named "kind/name", by name."""
    return {name.partition("/")[2]: tensor for name, tensor in tensors.items() if name.startswith(f"{kind}/")}


def _model_state(study: Study, tensors: dict[str, Tensor]) -> ModelState:
    """Parameters and buffers among resume tensors, in the manifest's order."""
    params, buffers = _part(tensors, "param"), _part(tensors, "buffer")
    order = study.manifest["model"]
    return ModelState(
        {name: params[name] for name in order["parameters"]}, {name: buffers[name] for name in order["buffers"]}
    )
