"""The training stage: groups of members dealt out to an engine, each writing its own folder of the study."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from modescape.engines import Engine
from modescape.errors import WorkError
from modescape.pipeline.workplace import Workplace, workplace
from modescape.predict import validation_probe
from modescape.progress import Progress
from modescape.study import (
    Member,
    Study,
    read_resume,
    write_checkpoint,
    write_history,
    write_member_state,
    write_resume,
)
from modescape.study.layout import HISTORY, checkpoint_name
from modescape.study.members import read_history
from modescape.train.loop import Snapshot, Start, Trainer
from modescape.train.plan import Plan
from modescape.types import ModelState

REPORT_SECONDS = 0.2  # shortest time between two messages of progress


@dataclass(frozen=True)
class TrainTask:
    """Train these members of a study to the end."""

    path: str
    recipe_yaml: str
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
        groups = plan.groups([member.number for member in open_members])
        tasks = [TrainTask(str(study.path), recipe.to_yaml(), tuple(group)) for group in groups]
        per_epoch = study.manifest["examples"]["train"]
        left = sum(recipe.train.epochs - member.epochs_done for member in open_members)
        progress.stage("training", left * per_epoch, "images")
        for outcome in engine.map(train_task, tasks, on_event=lambda task, event: progress.advance(*event)):
            if outcome.error is not None:
                _record_failure(study, outcome.item, outcome.error, progress)
        progress.finish()
    for member in (study.member(member.number) for member in wanted):
        if member.status == "diverged":
            progress.line(f"member {member.number} diverged: {member.message}; the analyses leave it out")
    if not study.trained:
        reasons = {study.member(member.number).message for member in wanted}
        raise WorkError(f"no member of '{study.path}' could be trained: {'; '.join(sorted(reasons))}")


def _settled(study: Study, member: Member) -> bool:
    """Whether nothing is left to train: diverged, or trained with every kept checkpoint still there."""
    if member.status == "trained":
        return set(study.recipe.kept_epochs(member.number)) <= set(study.kept(member.number))
    return member.status == "diverged"


def _record_failure(study: Study, task: TrainTask, error: str, progress: Progress) -> None:
    for number in task.members:
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
        )
        progress.line(f"member {number} failed: {error}")


def train_task(task: TrainTask, report: Callable[[Any], None]) -> None:
    """Carry out a `TrainTask` in this process; ``report`` gets (images, note) from time to time."""
    place = workplace(task.path, task.recipe_yaml)
    members = list(task.members)
    recipe = place.study.recipe
    trainer = Trainer(recipe, place.dataset.train, place.dataset.num_classes, place.preparation, device=place.device)
    starts = _starts(place, trainer, members)
    speaker = _Speaker(report, str(task), starts[0].epoch, recipe.train.epochs)
    probe = validation_probe(place.evaluator, place.dataset.validation)
    with place.at_work(), ThreadPoolExecutor(max_workers=1) as thread:
        writers = [MemberWriter(place.study, member, starts[0].epoch, thread) for member in members]
        for snapshot in trainer.group(members, probe, starts=starts, progress=speaker.step):
            for position, writer in enumerate(writers):
                writer.write(snapshot, position)
            speaker.epoch(snapshot.epoch)
        for writer in writers:
            writer.wait()


class _Speaker:
    """Collects progress and reports it a few times a second."""

    def __init__(self, report: Callable[[Any], None], name: str, epoch: int, epochs: int) -> None:
        self.report, self.name, self.at, self.epochs = report, name, epoch, epochs
        self.images, self.last = 0, time.monotonic()

    def step(self, images: int) -> None:
        self.images += images
        if time.monotonic() - self.last >= REPORT_SECONDS:
            self.say()

    def epoch(self, number: int) -> None:
        self.at = number
        self.say()

    def say(self) -> None:
        self.report((self.images, f"{self.name}, epoch {self.at}/{self.epochs}"))
        self.images, self.last = 0, time.monotonic()


def _starts(place: Workplace, trainer: Trainer, members: list[int]) -> list[Start]:
    """Where the members continue: their last finished epoch, or the beginning when a group's members differ."""
    found = [_resumed(place.study, member) for member in members]
    ready = [start for start in found if start is not None]
    if len(ready) == len(members) and len({start.epoch for start in ready}) == 1:
        return ready
    return [trainer.initial(member) for member in members]


def _resumed(study: Study, member: int) -> Start | None:
    try:
        resume = read_resume(study, member)
    except WorkError:  # damaged: the member starts over and writes the same bytes again
        return None
    if resume is None:
        return None
    epoch, tensors = resume
    there, checksums = set(study.kept(member)), study.member(member).checksums
    before = [kept for kept in study.recipe.kept_epochs(member) if kept <= epoch]
    complete = all(kept in there and checkpoint_name(kept) in checksums for kept in before)
    if not complete or epoch >= study.recipe.train.epochs:  # a file was lost: start over and write all of them again
        return None
    return Start(epoch=epoch, state=_model_state(study, tensors), optimizer=_part(tensors, "optimizer"))


class MemberWriter:
    """Writes one member's files after each epoch: checkpoint, history, state, and last what the next epoch needs.

    A crash between two of them costs the epoch in flight: the next run starts from the resume file and writes the same
    bytes again. Files are written by a thread while the next epoch is trained (a disk takes about 8 ms to confirm a
    file), at most one epoch behind.
    """

    def __init__(self, study: Study, member: int, epoch: int, thread: Executor) -> None:
        self.study, self.member, self.thread = study, member, thread
        self.kept = set(study.recipe.kept_epochs(member))
        before = study.member(member)
        self.checksums = dict(before.checksums) if epoch else {}
        self.rows = read_history(before.path / HISTORY)[:epoch] if epoch else []
        self.over = False
        self.behind: Future[None] | None = None

    def write(self, snapshot: Snapshot, position: int) -> None:
        """Have written what this snapshot adds, once the one before is on the disk."""
        if self.over:
            return
        self.wait()
        self.over = not snapshot.finite[position]
        state = snapshot.member_state(position)
        copies = {
            **{f"param/{name}": _copy(tensor) for name, tensor in state.params.items()},
            **{f"buffer/{name}": _copy(tensor) for name, tensor in state.buffers.items()},
            **{f"optimizer/{name}": _copy(tensor) for name, tensor in snapshot.optimizer(position).items()},
        }
        rows = snapshot.history[position : position + 1]
        self.behind = self.thread.submit(self._write, snapshot.epoch, copies, rows, self.over)

    def wait(self) -> None:
        """Until everything is on the disk; raises what writing raised."""
        if self.behind is not None:
            self.behind.result()

    def _write(self, epoch: int, copies: dict[str, Tensor], rows: list[dict[str, float]], diverged: bool) -> None:
        self.rows += rows
        if diverged:
            write_history(self.study, self.member, self.rows)
            self._state("diverged", epoch, f"the training loss or the weights were not finite in epoch {epoch}")
            return
        if epoch in self.kept:
            state = _model_state(self.study, copies)
            self.checksums[checkpoint_name(epoch)] = write_checkpoint(self.study, self.member, epoch, state)
        write_history(self.study, self.member, self.rows)
        self._state("trained" if epoch == self.study.recipe.train.epochs else "training", epoch, "")
        write_resume(self.study, self.member, epoch, copies)

    def _state(self, status: str, epoch: int, message: str) -> None:
        write_member_state(
            self.study,
            self.member,
            status=status,
            epochs_done=epoch,
            message=message,
            checksums=self.checksums,
            timings={"training_seconds": sum(row["seconds"] for row in self.rows)},
        )


def _copy(tensor: Tensor) -> Tensor:
    """A copy on the CPU that later steps do not change."""
    return tensor.detach().to("cpu", copy=True)


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
