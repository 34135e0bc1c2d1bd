"""The stage between predicting and analysing: every network that analyses draw is predicted once, and stored.

Analyses say what they draw (``draws`` beside ``measure``). What several of them ask for is made once; what the disk
budget (``compute.stored_predictions``) does not hold is left to whoever asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from threadpoolctl import threadpool_limits

from modescape import analyses
from modescape.analyses.costs import draws_networks
from modescape.analyses.image_sets import ImageSet
from modescape.analyses.sampling import neighbourhood
from modescape.analyses.stored import Request, inputs_digest
from modescape.context import StudyContext, StudyRef
from modescape.engines import Engine
from modescape.errors import ModescapeError, NotEnough
from modescape.methods import METHODS
from modescape.pipeline.scaling import choose_missing
from modescape.pipeline.shortfalls import Failures
from modescape.progress import Progress
from modescape.study import Study, layout
from modescape.study.chunks import chunk_bytes
from modescape.study.sampled import Drawn, SampledWriter, sampled_group

MEGABYTE = 1_000_000
MOST_FAILURES = 3  # tasks, after which the stage is given up
NOTED = 20  # tasks after which distances are written down

Group = tuple[Drawn, ...]


@dataclass(frozen=True)
class Wanted:
    """Networks that are drawn together, and the sets on which they are to be predicted."""

    group: Group
    images: tuple[ImageSet, ...]


@dataclass(frozen=True)
class SampleTask:
    """Networks of one method around one solution, and the rows that their predictions have on each set."""

    groups: tuple[tuple[Group, tuple[tuple[ImageSet, tuple[int, ...]], ...]], ...]
    shapes: Mapping[ImageSet, tuple[int, int]]

    def __str__(self) -> str:
        first = self.groups[0][0][0]
        return f"{first.approach} around member {first.member}"


def sample_missing(study: Study, engine: Engine, progress: Progress, names: Sequence[str]) -> None:
    """Choose scales, then predict what these analyses draw and is not stored, or is damaged.

    What fails is left out and said once: an analysis that asks for it tries again.

    Args:
        study: the study, held by the caller.
        engine: where the work runs.
        progress: what is said.
        names: of the analyses.
    """
    failures = Failures(progress, "predicting samples")
    tasks, shapes = _prepared(study, engine, failures, names) if study.trained else ([], {})
    if tasks:
        _predict(study, engine, failures, tasks, shapes)
    failures.say()


def _predict(
    study: Study,
    engine: Engine,
    failures: Failures,
    tasks: Sequence[SampleTask],
    shapes: Mapping[ImageSet, tuple[int, int]],
) -> None:
    progress, before = failures.progress, failures.count
    total = sum(shapes[images][0] * len(own) for task in tasks for _, sets in task.groups for images, own in sets)
    progress.stage("predicting samples", total, study.word)
    writers = {images: SampledWriter(study, str(images), shape) for images, shape in shapes.items()}
    distances: dict[ImageSet, dict[int, float]] = {images: {} for images in shapes}

    def note() -> None:
        for images, own in distances.items():
            writers[images].note(own)
            own.clear()

    try:
        for number, outcome in enumerate(
            engine.map(
                sample_task,
                tasks,
                context=StudyRef.of(study),
                on_event=lambda task, count: progress.advance(count, str(task)),
            ),
            start=1,
        ):
            if outcome.error is not None:
                failures.add(outcome.item, outcome.error, outcome.traceback)
            if failures.count - before == MOST_FAILURES:  # a full disk, say: nothing would come of the rest
                break
            for images, own in (outcome.value or {}).items():
                distances[images] |= own
            if not number % NOTED:
                note()
    finally:
        note()
    progress.finish()


def _prepared(
    study: Study, engine: Engine, failures: Failures, names: Sequence[str]
) -> tuple[list[SampleTask], dict[ImageSet, tuple[int, int]]]:
    """The work to do, each network with its rows, and the shapes of predictions on each set."""
    kind = study.task.kind
    modules = {name: _module(name, kind) for name in names if draws_networks(name, kind)}
    if not modules:
        return [], {}
    context = StudyRef.of(study).open()
    with threadpool_limits(limits=1), context.at_work():
        try:
            choose_missing(study, engine, failures.progress, context)
        except Exception as error:  # the data is gone; and what a network raises may be anything
            failures.raised("the choice of scales", error)
            return [], {}
        asked = {name: _asked(context, name, module, failures) for name, module in modules.items()}
        wanted, shapes = within_budget(context, shared(context, asked))
        make_room(study, wanted, shapes)
        rows = {
            images: _rows(context, images, [one.group for one in wanted if images in one.images], shape)
            for images, shape in shapes.items()
        }
    return make_tasks(wanted, rows, shapes), shapes


def _module(name: str, task: str) -> Any:
    return analyses.entry(name).part("measure", task)


def _asked(context: StudyContext, name: str, module: Any, failures: Failures) -> list[Request]:
    """The networks that an analysis samples; none where the study is too small (it reports that) or it fails."""
    settings = analyses.defaults(name) | dict(context.study.recipe.settings.get(name, {}))
    try:
        return module.draws(context, **settings)
    except NotEnough:
        return []
    except Exception as error:  # what a network raises may be anything
        failures.raised(name, error)
        return []


def shared(context: StudyContext, asked: Mapping[str, Sequence[Request]]) -> list[Wanted]:
    """Every group of networks on every set once; those that most analyses ask for come first.

    Args:
        context: the study.
        asked: analysis -> what it draws.
    """
    askers: dict[tuple[Group, ImageSet], set[str]] = {}
    for name, requests in asked.items():
        for request in requests:
            for group in request.groups(context):
                for images in request.images:
                    askers.setdefault((group, images), set()).add(name)
    order = sorted(askers, key=lambda one: -len(askers[one]))  # stable: else as they were asked for
    return [Wanted(group, (images,)) for group, images in order]


def within_budget(
    context: StudyContext, wanted: Sequence[Wanted]
) -> tuple[list[Wanted], dict[ImageSet, tuple[int, int]]]:
    """As many of them, from the first on, as the budget holds; and the shapes of predictions on each set."""
    left = context.study.recipe.compute.stored_predictions * MEGABYTE
    shapes: dict[ImageSet, tuple[int, int]] = {}
    refused: set[ImageSet] = set()
    kept: list[Wanted] = []
    for one in wanted:
        (images,) = one.images
        if images not in shapes and images not in refused:
            try:
                shapes[images] = len(images.label(context)), context.dataset.task.predicted
            except ModescapeError:  # other data that is not there: the analysis says so
                refused.add(images)
        if images in refused:
            continue
        size = len(one.group) * chunk_bytes(shapes[images])
        if size > left:
            break
        left -= size
        kept.append(one)
    used = {images for one in kept for images in one.images}
    return kept, {images: shape for images, shape in shapes.items() if images in used}


def make_room(study: Study, wanted: Sequence[Wanted], shapes: Mapping[ImageSet, tuple[int, int]]) -> None:
    """Delete sets that hold other networks, too, where those do not fit into the budget beside what is wanted."""
    own: dict[str, set[Drawn]] = {str(images): set() for images in shapes}
    size = 0
    for one in wanted:
        for images in one.images:
            own[str(images)] |= set(one.group)
            size += len(one.group) * chunk_bytes(shapes[images])
    others: dict[str, int] = {}
    for name in layout.sampled_sets(study.path):
        try:
            there = study.sampled_predictions(name)
            others[name] = len(there.rows.keys() - own.get(name, set())) * chunk_bytes(there.shape)
        except ModescapeError:  # made again
            continue
    if size + sum(others.values()) > study.recipe.compute.stored_predictions * MEGABYTE:
        for name in (name for name, rest in others.items() if rest):
            sampled_group(study, name).delete()


def _rows(context: StudyContext, images: ImageSet, groups: Sequence[Group], shape: tuple[int, int]) -> dict[Drawn, int]:
    """Rows of the networks of a set that are to be predicted."""
    writer = SampledWriter(context.study, str(images), shape)
    every = [one for group in groups for one in group]
    return writer.create_or_extend(every, images.label(context), inputs_digest(context, images), images.group(context))


def make_tasks(
    wanted: Sequence[Wanted], rows: Mapping[ImageSet, Mapping[Drawn, int]], shapes: Mapping[ImageSet, tuple[int, int]]
) -> list[SampleTask]:
    """A task a method and member, the longest first: so that workers end together."""
    sets: dict[Group, list[ImageSet]] = {}
    for one in wanted:
        missing = [images for images in one.images if any(network in rows[images] for network in one.group)]
        if missing:
            sets.setdefault(one.group, []).extend(missing)
    tasks: dict[tuple[int, str], list[Any]] = {}
    for group, own in sets.items():
        entries = tuple((images, tuple(rows[images].get(one, ABSENT) for one in group)) for images in own)
        tasks.setdefault((group[0].member, group[0].approach), []).append((group, entries))

    def cost(groups: Sequence[tuple[Group, Any]]) -> int:
        judged = 2 if METHODS[groups[0][0][0].approach].judged else 1
        return judged * sum(len(group) * shapes[images][0] for group, entries in groups for images, _ in entries)

    ordered = sorted(tasks.values(), key=cost, reverse=True)
    return [
        SampleTask(tuple(groups), {images: shapes[images] for _, entries in groups for images, _ in entries})
        for groups in ordered
    ]


ABSENT = -1  # row of a network whose predictions are there already


def sample_task(
    context: StudyContext, task: SampleTask, report: Callable[[Any], None]
) -> dict[ImageSet, dict[int, float]]:
    """Carry out a `SampleTask`; returns how far the networks lie from their solution, a row of each set."""
    distances: dict[ImageSet, dict[int, float]] = {}
    writers = {images: SampledWriter(context.study, str(images), shape) for images, shape in task.shapes.items()}
    with threadpool_limits(limits=1), context.at_work():
        around = neighbourhood(context, task.groups[0][0][0].member)
        for group, entries in task.groups:
            found, apart = around.predicted(group, {str(images): images for images, _ in entries})
            for images, rows in entries:
                for row, log_prob, distance in zip(rows, found[str(images)], apart.tolist(), strict=True):
                    if row != ABSENT:
                        writers[images].write(row, log_prob)
                        distances.setdefault(images, {})[row] = distance
                report(len(rows) * task.shapes[images][0])
    return distances
