"""The analysis stage: results and figures, each analysis an item for the engine."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modescape import analyses
from modescape.analyses import figures
from modescape.analyses.costs import Sizes, cost_of, sizes_of
from modescape.analyses.own import Own
from modescape.analyses.sampled_costs import sampled_images
from modescape.context import StudyContext, StudyRef
from modescape.engines import Engine
from modescape.errors import DamageError, NotEnough, WorkError
from modescape.pipeline.auxiliary import auxiliary_checksums, train_auxiliary, trained_checksums
from modescape.pipeline.sampling import sample_missing
from modescape.progress import Progress
from modescape.recipe import canonical_json
from modescape.results import make_result
from modescape.study import Member, Study, layout
from modescape.study.times import ENCODING, write_times
from modescape.version import __version__

REPORT_SECONDS = 0.5  # shortest time between two messages of progress


@dataclass(frozen=True)
class AnalyseTask:
    """One analysis."""

    name: str
    inputs: str  # digest of everything the result depends on
    drawn: bool = False  # the result is there, and its figures alone are to be drawn

    def __str__(self) -> str:
        return self.name


def inputs_digest(study: Study, members: Sequence[Member], name: str) -> str:
    """Digest of everything that a result depends on; stored with it, so that it is made again when that changes."""
    settings = study.recipe.settings.get(name, {})
    trained = trained_checksums([member for member in members if member.number < study.recipe.train.members])
    own = auxiliary_checksums(study, name)
    left_out = [(member.number, member.status) for member in members if member.status != "trained"]
    analysis = analyses.entry(name)
    used = [_used(study, part) for part in analysis.uses if part not in analyses.LATER or _used(study, part, True)]
    parts = [study.recipe_hash, name, settings, trained, own, left_out, __version__, *used]
    if isinstance(analysis, Own):
        parts.append(analysis.code)
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def _used(study: Study, part: Mapping[str, Any], changed: bool = False) -> dict[str, Any]:
    """A part of the recipe; with ``changed``, empty if it is left at its defaults."""
    found = study.recipe.model_dump(mode="json", include=dict(part), exclude_defaults=changed)
    return {name: values for name, values in found.items() if values or not changed}


def analyse_missing(
    study: Study,
    engine: Engine,
    progress: Progress,
    names: Sequence[str] = (),
    anew: bool = False,
    done: Callable[[str], None] = lambda name: None,
) -> None:
    """Carry out the recipe's analyses (or ``names``) that are missing or out of date, or all of them ``anew``.

    ``done`` is called with the name of each when its result and figures are complete; others may still be running.

    Raises:
        WorkError: after all others are done, if one failed.
    """
    names = list(names) or study.recipe.analyses or []
    made = [name for name in names if analyses.suits(name, study.task.kind)]
    if study.trained:  # else every analysis reports that there is nothing to analyse
        train_auxiliary(study, engine, progress, made)
    members = study.members
    tasks = [AnalyseTask(name, inputs_digest(study, members, name)) for name in names]
    if not anew:
        tasks = [replace(task, drawn=_is_current(study, task)) for task in tasks]
        tasks = [task for task in tasks if not (task.drawn and _has_figures(study, task.name))]
    if not tasks:
        return
    sample_missing(study, engine, progress, [task.name for task in tasks if task.name in made and not task.drawn])
    sizes = sizes_of(study)  # the longest first, so that no worker is left alone with one at the end
    tasks.sort(key=lambda task: _left(task.name, sizes), reverse=True)
    progress.stage("analysing", len(tasks), "analyses")
    failures = []
    for outcome in engine.map(
        analyse_task, tasks, context=StudyRef.of(study), on_event=lambda task, note: progress.advance(0, note)
    ):
        progress.advance(1, str(outcome.item))
        if outcome.error is not None:
            progress.detail(outcome.traceback)
            failures.append(f"{outcome.item}, analysis: {outcome.error}")
        elif outcome.value:
            progress.line(f"{outcome.item} left out: {outcome.value}")
        else:
            done(outcome.item.name)
    progress.finish()
    if failures:
        raise WorkError("\n".join(failures))


def _left(name: str, sizes: Sizes) -> float:
    """The cost of an analysis besides the samples that it reads; see `Cost.rank`."""
    return cost_of(name, sizes).rank - sampled_images(sizes, [name])


def _is_current(study: Study, task: AnalyseTask) -> bool:
    """Whether the result is of these inputs."""
    if not study.has_result(task.name):
        return False
    try:
        attributes = study.result(task.name).attrs
    except DamageError:  # made again
        return False
    return attributes.get("inputs") == task.inputs


def _has_figures(study: Study, name: str) -> bool:
    """Whether the figures of a result are there, where it has any."""
    return (
        all(study.figure_path(name, suffix).is_file() for suffix in layout.FIGURE_SUFFIXES)
        or "not_enough" in study.result(name).attrs
        or not figures.has_figure(name)
    )


class _Speaker:
    """Reports a few times a second how many examples an analysis has sent through networks."""

    def __init__(self, name: str, report: Callable[[Any], None]) -> None:
        self.name, self.report, self.images, self.last = name, report, 0, time.monotonic()

    def __call__(self, images: int) -> None:
        self.images += images
        if time.monotonic() - self.last >= REPORT_SECONDS:
            self.report(f"{self.name}: {self.images:,} images")
            self.last = time.monotonic()


def analyse_task(context: StudyContext, task: AnalyseTask, report: Callable[[Any], None]) -> str:
    """Measure, write the result, draw; return why the study is too small for it, else ""."""
    study = context.study
    if task.drawn:
        figures.save(task.name, study.result(task.name), study.path / layout.FIGURES)
        return ""
    try:
        with context.heard_by(_Speaker(task.name, report)):
            result = analyses.measure(task.name, context, **study.recipe.settings.get(task.name, {}))
    except NotEnough as shortage:
        # an empty result that says why: the page, made from results alone, shows the sentence
        provenance = study.provenance(examples=0, members=len(study.trained), repeats=0)
        result = make_result({}, {}, title=task.name, intervals="none", provenance=provenance)
        study.write_result(task.name, result.assign_attrs(inputs=task.inputs, not_enough=str(shortage)))
        for suffix in layout.FIGURE_SUFFIXES:
            study.figure_path(task.name, suffix).unlink(missing_ok=True)
        return str(shortage)
    times = result.encoding.pop(ENCODING, None)
    study.write_result(task.name, result.assign_attrs(inputs=task.inputs))
    if times:
        write_times(study.path, task.name, times)
    if figures.has_figure(task.name):
        figures.save(task.name, result, study.path / layout.FIGURES)
    return ""
