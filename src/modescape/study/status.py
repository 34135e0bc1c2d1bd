"""What a study holds and what it lacks, cheaply; and the check of every byte."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modescape.errors import InputError, ModescapeError, WorkError
from modescape.plain import file_name, in_session, is_name, shown
from modescape.storage import ObjectPath
from modescape.study import layout
from modescape.study.members import read_member
from modescape.study.study import Study


@dataclass(frozen=True, kw_only=True)
class MemberStatus:
    """One line of the table of members."""

    number: int
    status: str  # one of `layout.STATUSES`, or "damaged" when state.json cannot be read
    epochs_done: int
    epochs: int  # of the whole training
    checkpoints: int  # kept ones that are there
    expected_checkpoints: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How much exists of what is expected."""

    done: int
    expected: int


@dataclass(frozen=True, kw_only=True)
class StudyStatus:
    """What is there, missing, failed."""

    name: str
    path: Path
    recipe_hash: str
    members: tuple[MemberStatus, ...]
    predictions: dict[str, Progress]  # split -> rows; members that diverged or failed are not expected
    results: tuple[str, ...]  # names that are there
    missing_results: tuple[str, ...]  # expected and not there
    expected_results: tuple[str, ...]  # in the order of the page
    report: bool
    variants: tuple[str, ...]  # studies inside this one
    again: str  # how to resume: a command, or a call if the network is defined in a session

    @property
    def complete(self) -> bool:
        """Whether running the study again would do nothing."""
        settled = all(
            member.status == "diverged"
            or (member.status == "trained" and member.checkpoints >= member.expected_checkpoints)
            for member in self.members
        )
        predicted = all(progress.done >= progress.expected for progress in self.predictions.values())
        return settled and predicted and not self.missing_results and self.report


def summary(path: str | Path) -> StudyStatus:
    """Read the status of a study: state files and listings, no arrays.

    Args:
        path: folder of the study.

    Raises:
        InputError: if there is no study.
    """
    study = Study.open(path)
    values = layout.read_recipe_values(study.path)
    numbers = sorted({*range(values["train"]["members"]), *layout.member_numbers(study.path)})
    members = tuple(_member_status(study.path, values, number) for number in numbers)
    waited_for = [member for member in members if member.status not in ("diverged", "failed")]
    expected_rows = sum(member.expected_checkpoints for member in waited_for)
    expected = tuple(values.get("analyses") or ())
    results = _results(study.path)
    splits = layout.SPLITS if (values.get("imported") or {}).get("network", True) else ()  # weights alone say nothing
    return StudyStatus(
        name=str(values.get("name", "study")),
        path=study.path,
        recipe_hash=study.recipe_hash,
        members=members,
        predictions={split: Progress(done=_rows(study, split), expected=expected_rows) for split in splits},
        results=results,
        missing_results=tuple(name for name in expected if file_name(name) not in results),
        expected_results=expected,
        report=(study.path / layout.REPORT).is_file(),
        variants=tuple(layout.auxiliary(study.path)),
        again=_again(study.path, values),
    )


def verify(path: str | Path) -> list[str]:
    """Read every byte that has a checksum.

    Returns:
        One plain line per problem, naming the file; empty if there are none. Missing files are not problems.

    Raises:
        InputError: if there is no study.
    """
    study = Study.open(path)
    problems, epochs = _problem(lambda: study.recipe), -1
    if not problems:
        epochs = study.recipe.train.epochs
    problems += _problem(lambda: study.shared)
    for number in layout.member_numbers(study.path):
        problems += _verify_member(study, number, epochs)
    for split in layout.SPLITS:
        problems += _verify_predictions(study, split)
    for images in layout.sampled_sets(study.path):
        problems += _verify_sampled(study, images)
    for name in layout.choices(study.path):
        problems += _verify_choice(study, name)
    for name in _results(study.path):
        problems += _problem(lambda name=name: study.result(name))
    for name in layout.auxiliary(study.path):
        try:
            problems += verify(study.path / layout.AUXILIARY / name)
        except InputError as error:
            problems.append(str(error))
    return problems


def _member_status(study: Path, values: dict[str, Any], number: int) -> MemberStatus:
    there = layout.checkpoint_epochs(layout.member_folder(study, number))
    try:
        member = read_member(study, number)
        status, epochs_done, message = member.status, member.epochs_done, member.message
        if member.stopped and not message:
            message = "back after epoch {} to the weights of its best one, {}".format(*member.stopped)
    except WorkError as error:
        status, epochs_done, message = "damaged", 0, str(error)
    return MemberStatus(
        number=number,
        status=status,
        epochs_done=epochs_done,
        epochs=values["train"]["epochs"],
        checkpoints=sum(layout.is_kept(values, number, epoch) for epoch in there),
        expected_checkpoints=layout.kept_count(values, number),
        message=message,
    )


def _again(study: Path, values: dict[str, Any]) -> str:
    model = values.get("model")
    factory = model.get("factory") if isinstance(model, dict) else None
    if isinstance(factory, str) and in_session(factory):
        return f"modescape.run({str(study)!r}), in the session that defines {shown(factory.partition(':')[2])}"
    return layout.run_again(study)


def _rows(study: Study, split: str) -> int:
    """Rows of predictions that have a chunk of the array that is written last."""
    folder = str(
        layout.chunk_folder(study.path, split, study.task.stored.fields[-1].name)
    )  # text: building 50,000 paths takes longer than asking for them
    if isinstance(study.path, ObjectPath):
        there = layout.chunk_folder(study.path, split, study.task.stored.fields[-1].name)
        return sum(name.endswith("/0/0") for name in there.below())  # type: ignore[attr-defined]
    return sum(os.access(f"{folder}/{name}/0/0", os.F_OK) for name in layout.names(folder) if name.isdigit())


def _results(study: Path) -> tuple[str, ...]:
    files = layout.names(study / layout.RESULTS)
    found = (name.removesuffix(".nc") for name in files if name.endswith(".nc"))
    return tuple(name for name in found if is_name(name))  # nothing of ours has another name


def _problem(check: Any) -> list[str]:
    try:
        check()
    except ModescapeError as error:
        return [str(error)]
    return []


def _verify_member(study: Study, number: int, epochs: int) -> list[str]:
    from modescape.study.checkpoints import read_resume

    folder, resume = layout.member_folder(study.path, number), None
    problems = _problem(lambda: read_resume(study, number, before=True))
    try:
        resume = read_resume(study, number)
    except WorkError as error:
        problems.append(str(error))
    try:
        member = read_member(study.path, number)
    except WorkError as error:
        return [*problems, str(error)]
    if member.status == "missing" and resume is not None and resume.epoch == epochs:
        problems.append(f"'{folder / layout.STATE}' is missing")
    problems += _problem(member.history)
    for name, checksum in sorted(member.checksums.items()):
        try:
            data = layout.read_file(folder / name)
        except FileNotFoundError:
            problems.append(f"'{folder / name}' is missing")
            continue
        except WorkError as error:
            problems.append(str(error))
            continue
        if hashlib.sha256(data).hexdigest() != checksum:
            problems.append(f"'{folder / name}' is damaged: its SHA-256 is not the one in {layout.STATE}")
    return problems


def _verify_predictions(study: Study, split: str) -> list[str]:
    try:
        predictions = study.predictions(split)
    except InputError:  # none yet
        return []
    except WorkError as error:
        return [str(error)]
    problems = []
    for row in range(len(predictions)):
        if predictions.is_begun(row):  # absent rows are missing, not damaged
            problems += _problem(lambda row=row: predictions.predictive(row))
    return problems


def _verify_sampled(study: Study, images: str) -> list[str]:
    from modescape.study.sampled import SampledPredictions

    try:
        predictions = SampledPredictions(study, images)
    except WorkError as error:
        return [str(error)]
    problems = []
    for row in range(len(predictions.distance)):
        if predictions.is_begun(row):
            problems += _problem(lambda row=row: predictions.predictive(row))
    return problems


def _verify_choice(study: Study, name: str) -> list[str]:
    from modescape.study.choices import read_choice

    return _problem(lambda: read_choice(study.path, name))
