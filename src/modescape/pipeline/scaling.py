"""The choice of scales: each subspace method swept around each of the first members, once for all analyses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from modescape.analyses.sampling import available, neighbourhood
from modescape.analyses.scales import STEPS, Tried, setting, swept_of, tried_at, wider
from modescape.analyses.stored import (
    SWEEP_MEMBERS,
    Reach,
    reach_digest,
    reach_name,
    stored_choice,
    stored_reach,
    sweep_digest,
)
from modescape.context import StudyContext, StudyRef
from modescape.engines import Engine
from modescape.methods import METHODS, SCALED
from modescape.pipeline.shortfalls import Failures
from modescape.progress import Progress
from modescape.study import Study
from modescape.study.choices import write_choice


@dataclass(frozen=True)
class ReachTask:
    """How far methods reach around one solution."""

    member: int
    methods: tuple[str, ...]

    def __str__(self) -> str:
        return f"member {self.member}, reach of its methods"


@dataclass(frozen=True)
class SweepTask:
    """A method at several steps around one solution."""

    method: str
    member: int
    scales: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.method} around member {self.member}"


def choose_missing(study: Study, engine: Engine, progress: Progress, context: StudyContext) -> None:
    """Measure and choose what is not stored, or was chosen from other checkpoints or by other settings.

    What fails is left out and said once: an analysis that asks for it tries again.

    Args:
        study: the study, held by the caller.
        engine: where the work runs.
        progress: what is said.
        context: the study in this process.
    """
    methods, failures = available(context, SCALED), Failures(progress, "choosing scales")
    _reach(study, engine, failures, context, methods)
    members = context.trained[:SWEEP_MEMBERS]
    if study.recipe.subspace.variant == "swept" and not any(_unmeasured(context, one, methods) for one in members):
        _sweep(study, engine, failures, context, methods, members)
    failures.say()


def _unmeasured(context: StudyContext, member: int, methods: list[str]) -> bool:
    """Whether the reach of a method around a member is not stored."""
    return any(stored_reach(context, member, method) is None for method in methods)


def _sweep(
    study: Study, engine: Engine, failures: Failures, context: StudyContext, methods: list[str], members: list[int]
) -> None:
    """Sweep methods around the first members, each until its best step is inside."""
    progress, digest = failures.progress, sweep_digest(context)
    left = [method for method in methods if stored_choice(context, method, digest) is None]
    tried: dict[str, dict[int, list[Tried]]] = {method: {member: [] for member in members} for method in left}
    steps = {method: list(STEPS) for method in left}
    if left:
        progress.stage("choosing scales", len(left) * len(members) * len(STEPS), "steps")
    while left:
        tasks = []
        for method in sorted(left, key=lambda method: not METHODS[method].judged):  # which take longest
            new = steps[method][min(map(len, tried[method].values())) :]
            scales = tuple(setting(context, method, step) for step in new)
            tasks += [SweepTask(method, member, scales) for member in members]
        for task, found in _mapped(study, engine, failures, sweep_task, tasks):
            tried[task.method][task.member] += found
        left = [method for method in left if _widened(study, method, steps[method], tried[method], digest)]
    progress.finish()


def _widened(study: Study, method: str, steps: list[float], tried: dict[int, list[Tried]], digest: str) -> bool:
    """Write a sweep that has its best step inside; else add the next step to it, and say so."""
    if any(len(own) != len(steps) for own in tried.values()):  # a worker failed
        return False
    swept = swept_of(steps, [list(row) for row in zip(*tried.values(), strict=True)])
    step = wider(swept)
    if step is None:
        write_choice(study.path, method, swept._asdict(), digest)
        return False
    steps.append(step)
    return True


def _reach(study: Study, engine: Engine, failures: Failures, context: StudyContext, methods: list[str]) -> None:
    """Measure how far methods reach around each member, and store it, one file per member."""
    members = [member for member in context.trained if _unmeasured(context, member, methods)]
    if not members:
        return
    failures.progress.stage("measuring methods", len(members), "members")
    tasks = [ReachTask(member, tuple(methods)) for member in members]
    for task, found in _mapped(study, engine, failures, reach_task, tasks):
        values = {method: np.array(reach, dtype=np.float64) for method, reach in found.items()}
        write_choice(study.path, reach_name(task.member), values, reach_digest(context, task.member))
    failures.progress.finish()


def _mapped(
    study: Study, engine: Engine, failures: Failures, function: Callable[..., Any], tasks: Iterable[Any]
) -> Iterable[tuple[Any, Any]]:
    """Each item with what the function gave for it, where it gave anything."""
    progress = failures.progress
    for outcome in engine.map(
        function, tasks, context=StudyRef.of(study), on_event=lambda task, count: progress.advance(count, str(task))
    ):
        if outcome.error is None:
            yield outcome.item, outcome.value
        else:
            failures.add(outcome.item, outcome.error, outcome.traceback)


def reach_task(context: StudyContext, task: ReachTask, report: Callable[[Any], None]) -> dict[str, Reach]:
    """Carry out a `ReachTask`."""
    with threadpool_limits(limits=1), context.at_work():
        around = neighbourhood(context, task.member)
        found = {method: around.measured_reach(method) for method in task.methods}
    report(1)
    return found


def sweep_task(context: StudyContext, task: SweepTask, report: Callable[[Any], None]) -> list[Tried]:
    """Carry out a `SweepTask`."""
    found = []
    with threadpool_limits(limits=1), context.at_work():
        for scale in task.scales:
            found.append(tried_at(context, task.member, task.method, scale, CHOOSING))
            report(1)
    return found


CHOOSING = "choosing"  # purpose of the streams, as `sweep` has it
