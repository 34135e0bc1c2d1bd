"""The training stage: groups of members as items of an engine, each writing its members' folders."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from modescape.context import StudyContext, StudyRef, epoch_examples
from modescape.engines import Engine
from modescape.errors import DamageError, InputError, WorkError
from modescape.pipeline.writing import GroupWriter, model_state, part
from modescape.plain import shown
from modescape.predict import validation_probe
from modescape.progress import Progress
from modescape.study import Member, Study, drop_resume_before, read_resume, write_member_state
from modescape.study.layout import checkpoint_name
from modescape.train.loop import Start, Trainer
from modescape.train.plan import Group, Plan

REPORT_SECONDS = 0.2  # shortest time between two messages of progress


@dataclass(frozen=True)
class TrainTask:
    """Train these members of a group of a study to the end."""

    study: StudyRef
    group: Group
    members: tuple[int, ...]
    images: int  # that they are still to see

    def __str__(self) -> str:
        return f"member {', '.join(map(str, self.members))}"


def train_missing(study: Study, engine: Engine, progress: Progress) -> None:
    """Train every member that is neither trained nor diverged; failures are recorded and the run goes on.

    Raises:
        WorkError: if in the end no member is trained.
    """
    tasks = train_tasks(study)
    if tasks:
        progress.stage("training", sum(task.images for task in tasks), study.word)
        carry_out(tasks, engine, progress, {task.study: (study, progress) for task in tasks})
        progress.finish()
    conclude(study, progress)


def train_tasks(study: Study) -> list[TrainTask]:
    """The remaining training of a study."""
    epochs, members = study.recipe.train.epochs, _wanted(study)
    to_go = {one.number: epochs - one.epochs_done for one in members if one.status not in ("trained", "diverged")}
    begun = {member.number: Group(*member.group) for member in members if member.number in to_go and member.group}
    ref, examples = StudyRef.of(study), epoch_examples(study)
    groups = Plan.of(study.manifest.get("plan")).groups(list(to_go), begun)
    return [
        TrainTask(ref, group, tuple(own), examples * sum(to_go[member] for member in own))
        for group, own in groups.items()
    ]


def carry_out(
    tasks: Sequence[TrainTask],
    engine: Engine,
    progress: Progress,
    studies: Mapping[StudyRef, tuple[Study, Progress]],
    over: Callable[[TrainTask], None] = lambda task: None,
) -> None:
    """Train, of one study or of several at a time.

    Args:
        tasks: in the order in which they are begun.
        engine: where the work runs.
        progress: advanced by images.
        studies: of each reference its study, and who is told its lines.
        over: called with each task when it is done or has failed; workers go on meanwhile.
    """
    for outcome in engine.map(
        train_task,
        tasks,
        context=lambda task: task.study,
        on_event=lambda task, event: _hear(progress, studies[task.study][1], event),
    ):
        if outcome.error is not None:
            study, say = studies[outcome.item.study]
            say.detail(outcome.traceback)
            _record_failure(study, outcome.item.members, outcome.error, say.line)
        over(outcome.item)


def conclude(study: Study, progress: Progress) -> None:
    """Say which members diverged.

    Raises:
        WorkError: if no member is trained.
    """
    for member in _wanted(study):
        if member.status == "diverged":
            progress.line(f"member {member.number} diverged: {member.message}; the analyses leave it out")
    if not study.trained:
        reasons = {member.message for member in _wanted(study)}
        raise WorkError(f"no member of '{study.path}' could be trained: {'; '.join(sorted(reasons))}")


def _wanted(study: Study) -> list[Member]:
    return [member for member in study.members if member.number < study.recipe.train.members]


def _hear(progress: Progress, say: Progress, event: tuple[Any, ...]) -> None:
    """What a worker reports: a line for the user, a line and a traceback, or (images, note)."""
    if len(event) == 1:
        say.line(event[0])
    elif isinstance(event[0], str):  # a line, and where what it tells of happened
        say.line(event[0])
        say.detail(event[1])
    else:
        progress.advance(*event)


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
            history_checksum=member.history_checksum,
            group=member.group,
            stopped=member.stopped,
            machine=member.machine,
        )
        say(f"member {number}, training: {error}")


def train_task(context: StudyContext, task: TrainTask, report: Callable[[Any], None]) -> None:
    """Carry out a `TrainTask` in this process; ``report`` gets (images, note) from time to time, or (line,)."""
    with context.at_work():
        _train(context, task.group, list(task.members), report)


def _train(context: StudyContext, group: Group, members: list[int], report: Callable[[Any], None]) -> None:
    """Train a group; if memory runs out, each half of it, from where the whole group got to."""
    try:
        _train_whole(context, group, members, report)
        return
    except torch.OutOfMemoryError as error:
        if group.size == 1:
            raise WorkError(
                f"the GPU's memory does not hold one member at batch size {context.study.recipe.train.batch_size}; "
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
            _train(context, half, own, report)


def _train_whole(context: StudyContext, group: Group, members: list[int], report: Callable[[Any], None]) -> None:
    trainer = context.trainer(lambda line: report((line,)))
    starts, records = _starts(context, trainer, group, members, report)
    members = list(records)
    if not members:
        return
    epochs = context.study.recipe.train.epochs
    speaker = _Speaker(report, f"member {', '.join(map(str, members))}", len(members), starts[0].epoch, epochs)
    probe = validation_probe(context.evaluator, context.dataset.validation)
    with GroupWriter(context.study, group, records, context.machine) as writer:
        for snapshot in trainer.group(group.members, probe, starts=starts, progress=speaker.step):
            going_on = writer.write(snapshot)
            speaker.epoch(snapshot.epoch)
            if not going_on:
                break
    for member in members:
        drop_resume_before(context.study, member)


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
    context: StudyContext, trainer: Trainer, group: Group, members: list[int], report: Callable[[Any], None]
) -> tuple[list[Start], dict]:
    """Where the positions of a group continue, and the record of each member there.

    That is the last epoch that all its members have finished, or the beginning. A position that nobody asked for starts
    like the first member; its results are dropped. So does that of a member whose network cannot be created, which is
    recorded as failed, while the others are trained.
    """
    found = {member: _resumable(context.study, member) for member in members}
    if foreign := _foreign(context, found):
        found = {member: {} for member in members}
        report((foreign,))
    common = set.intersection(*(set(starts) for starts in found.values()))
    own, records = {}, {}
    for member, starts in found.items():
        try:
            own[member], records[member] = starts[max(common)] if common else (trainer.initial(member), {})
        except InputError as error:
            if len(members) == 1:
                raise
            trace = traceback.format_exc()
            _record_failure(context.study, [member], str(error), lambda line, trace=trace: report((line, trace)))
    first = next(iter(own.values()), None)
    return [own.get(member, first) for member in group.members] if first else [], records


def _foreign(context: StudyContext, found: Mapping[int, Mapping[int, tuple[Start, dict[str, Any]]]]) -> str:
    """The message where another kind of machine has begun members of a group; "" where none is known to have.

    Steps with two kinds of rounding could not be repeated, so the members are trained entirely on one machine.
    """
    kinds = {
        member: record.get("machine") or context.machine  # older versions did not say
        for member, starts in found.items()
        for _, record in starts.values()
    }
    others = {member: kind for member, kind in kinds.items() if kind != context.machine}
    if not others:
        return ""
    there = shown(min(others.values()), 200)
    return (
        f"member {', '.join(map(str, others))} was started on another kind of machine ({there}; here "
        f"{context.machine}): trained again here, from the start"
    )


def _resumable(study: Study, member: int) -> dict[int, tuple[Start, dict[str, Any]]]:
    """Epoch -> where a member can go on from, and its record; none where a file of before is lost or damaged."""
    starts = {}
    there = set(study.kept(member))
    for before in (False, True):
        try:
            resume = read_resume(study, member, before=before)
        except DamageError:  # the member starts over and writes the same bytes again
            continue
        if resume is None:
            continue
        epoch, tensors, record = resume
        kept = [one for one in study.recipe.kept_epochs(member) if one <= epoch]
        complete = all(one in there and checkpoint_name(one) in record.get("checksums", {}) for one in kept)
        if complete and epoch < study.recipe.train.epochs:  # else a file was lost: all of them are written again
            state = model_state(study, tensors)
            parts = {kind: part(tensors, kind) for kind in ("optimizer", "best")}
            starts[epoch] = Start(epoch=epoch, state=state, **parts), record
    return starts
