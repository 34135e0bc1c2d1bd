"""Finding and remaking the lost or damaged files of trained members, before anything else is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from modescape import durable, runtime
from modescape.context import StudyContext, StudyRef, epoch_examples
from modescape.engines import Engine
from modescape.errors import DamageError, WorkError
from modescape.pipeline.writing import model_state, rows_of
from modescape.predict import validation_probe
from modescape.progress import Progress
from modescape.study import Member, Study, read_resume, write_checkpoint, write_history, write_member_state
from modescape.study.checkpoints import Resume
from modescape.study.layout import RESUME, RESUME_BEFORE, SPLITS, STATE, checkpoint_name, member_folder, read_file
from modescape.study.writing import PredictionWriter
from modescape.train.loop import of_member
from modescape.train.plan import Group, Plan


@dataclass(frozen=True)
class MendTask:
    """Train a group again up to the last lost checkpoint, and write only the lost ones."""

    group: Group
    lost: dict[int, dict[int, str]]  # member -> epoch -> the checksum that its checkpoint had

    def __str__(self) -> str:
        return f"member {', '.join(map(str, self.lost))}"


def mend(study: Study, engine: Engine, progress: Progress) -> None:
    """Find lost or damaged files of members and make them again; untrained members are not considered.

    States and histories are written from the resume file. Checkpoints are trained again and must have the same checksum
    as before. If they do not (on another machine), the member is deleted, to be trained from the beginning.

    Raises:
        WorkError: if a worker fails, or a file cannot be read: it may be intact, and is not replaced.
    """
    expected = study.recipe.train.members
    members = [member for number in range(expected) if (member := _mended(study, number, progress.line)) is not None]
    lost = {member.number: epochs for member in members if (epochs := _lost(study, member))}
    if not lost:
        return
    for number, epochs in lost.items():
        names = ", ".join(map(checkpoint_name, epochs))
        progress.line(f"member {number}: {names} lost or damaged; made again")
    begun = {member.number: Group(*member.group) for member in members if member.group}
    groups = Plan.of(study.manifest.get("plan")).groups(lost, begun)
    tasks = [MendTask(group, {number: lost[number] for number in own}) for group, own in groups.items()]
    epochs = sum(len(task.lost) * _last(task) for task in tasks)
    progress.stage("making again", epochs * epoch_examples(study), study.word)
    for outcome in engine.map(
        mend_task, tasks, context=StudyRef.of(study), on_event=lambda task, images: progress.advance(images, str(task))
    ):
        if outcome.error is not None:
            raise WorkError(f"{outcome.item}: {outcome.error}")
        for number in outcome.value:
            progress.line(
                f"member {number} is not bit-identical (another machine, or other versions); it is trained again from "
                "the start"
            )
            _forget(study, number)
    progress.finish()


def mend_task(context: StudyContext, task: MendTask, report: Callable[[int], None]) -> list[int]:
    """Carry out a `MendTask` in this process; returns the members whose bits differ."""
    others: list[int] = []
    with context.at_work():
        trainer = context.trainer(lambda line: None)
        own = {member: trainer.initial(member) for member in task.lost}
        starts = [own.get(member, own[min(own)]) for member in task.group.members]
        probe = validation_probe(context.evaluator, context.dataset.validation)

        def step(examples: int) -> None:
            report(examples * len(task.lost))

        for snapshot in trainer.group(task.group.members, probe, starts=starts, progress=step):
            copy = snapshot.copy()
            for position, member in enumerate(task.group.members):
                expected = task.lost.get(member, {}).get(snapshot.epoch)
                if expected is not None and member not in others:
                    state = model_state(context.study, of_member(copy, position))
                    if write_checkpoint(context.study, member, snapshot.epoch, state, expected) != expected:
                        others.append(member)
            if snapshot.epoch == _last(task):
                break
    return others


def _last(task: MendTask) -> int:
    return max(epoch for epochs in task.lost.values() for epoch in epochs)


def _mended(study: Study, number: int, say: Callable[[str], None]) -> Member | None:
    """A member with a state and a history that can be read; None where it is to be trained from its beginning."""
    folder, resume = member_folder(study.path, number), _resume(study, number, say)
    member = None
    try:
        member = study.member(number)
        damage = _damage(study, member, resume)
    except DamageError as error:
        damage = str(error)
    if not damage:
        behind = resume is not None and member is not None and resume.epoch > member.epochs_done
        if resume is not None and behind:  # what people are shown lags behind what the next epoch needs
            return _written(study, number, resume)
        return member if member is not None and member.status != "missing" else None
    if resume is None:
        say(f"{damage}; member {number} is trained again")
        (folder / STATE).unlink(missing_ok=True)
        return None
    say(f"{damage}; written again from {RESUME}")
    return _written(study, number, resume)


def _damage(study: Study, member: Member, resume: Resume | None) -> str:
    """The defect of a member's state or history; "" if there is none.

    Raises:
        WorkError: if the history is damaged.
    """
    if member.status == "missing" and resume is not None and resume.epoch == study.recipe.train.epochs:
        return f"'{member.path / STATE}' is missing"
    member.history()
    done = member.epochs_done - (member.status == "diverged")
    kept = [epoch for epoch in study.recipe.kept_epochs(member.number) if epoch <= done]
    if (
        member.status in ("trained", "diverged")
        and not {checkpoint_name(epoch) for epoch in kept} <= member.checksums.keys()
    ):
        return f"'{member.path / STATE}' lacks checksums"
    return ""


def _resume(study: Study, number: int, say: Callable[[str], None]) -> Resume | None:
    """The state from which the member can resume; a damaged file is deleted."""
    folder = member_folder(study.path, number)
    found = None
    for before, name in ((True, RESUME_BEFORE), (False, RESUME)):
        try:
            found = read_resume(study, number, before=before) or found
        except DamageError:
            say(f"'{folder / name}' is damaged; deleted")
            (folder / name).unlink()
    return found


def _written(study: Study, number: int, resume: Resume) -> Member:
    """Write state and history as a resume file knows them: a diverged member goes on, and diverges again."""
    rows = rows_of(study, Member(number=number, path=member_folder(study.path, number)), resume.record)
    write_member_state(
        study,
        number,
        status="trained" if resume.epoch == study.recipe.train.epochs else "training",
        epochs_done=resume.epoch,
        checksums=resume.record.get("checksums", {}),
        timings={"training_seconds": sum(row["seconds"] for row in rows)},
        history_checksum=write_history(study, number, rows),
        group=resume.record.get("group"),
        stopped=resume.record.get("stopped"),
        machine=resume.record.get("machine", ""),
    )
    return study.member(number)


def _lost(study: Study, member: Member) -> dict[int, str]:
    """Epochs whose checkpoint is not as it was written, and the checksums that they had."""
    names = {epoch: checkpoint_name(epoch) for epoch in study.recipe.kept_epochs(member.number)}
    had = {epoch: member.checksums[name] for epoch, name in names.items() if name in member.checksums}

    def is_lost(epoch: int) -> bool:
        try:
            data = read_file(member.path / names[epoch])
        except (FileNotFoundError, DamageError):
            return True
        return hashlib.sha256(data).hexdigest() != had[epoch]

    with ThreadPoolExecutor(max_workers=runtime.cores()) as threads:
        return {epoch: had[epoch] for epoch, lost in zip(had, threads.map(is_lost, had), strict=True) if lost}


def _forget(study: Study, number: int) -> None:
    """Delete a member and what was predicted of it."""
    for split in SPLITS:
        PredictionWriter(study, split).drop([number])
    durable.remove_tree(member_folder(study.path, number))
