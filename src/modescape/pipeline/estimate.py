"""Estimate of the cost of a run, before it starts: a step and a forward pass are timed, the rest is counted.

The model, stage by stage, each shared out over the workers:
  training     steps x the seconds of a step, and the files of each kept checkpoint
  predicting   checkpoints x images x the seconds of an image's forward pass
  variants     the same two for the networks that analyses train for themselves, all kinds together
  sampling     the choice of scales, and images sent through the networks that analyses draw (`sampled_costs`), once
  analysing    images that each analysis sends through other networks (`costs`), steps of those that train, and a fixed
               time for reading, scoring and drawing
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from modescape import analyses, batches, runtime, tree
from modescape.analyses import sampled_costs
from modescape.analyses.costs import Sizes, cost_of, sizes_of, sweep_images
from modescape.analyses.sampled_costs import sampled_bytes, sampled_files, sampled_images
from modescape.context import StudyContext
from modescape.data.dataset import Dataset
from modescape.data.order import batch_sizes
from modescape.models import split_state
from modescape.pipeline.auxiliary import outdated, wanted_auxiliary
from modescape.recipe import Recipe
from modescape.study import Study, layout, summary
from modescape.train.measuring import remembered, seconds_of
from modescape.train.plan import Plan
from modescape.train.planning import seconds_per_step
from modescape.types import ModelState

START_SECONDS = 2.0  # until worker processes have imported what they need
CHECKPOINT_SECONDS = 0.01  # of writing one and of opening it again (n = 200 of digits)
KIND_SECONDS = 0.3  # of beginning a kind of auxiliary networks: the network is made and looked at, folders are made
DRAWING_SECONDS = 1.8  # of a figure in three formats (mean of the 19 of digits)
SCORING_SECONDS = 1.2  # of an analysis beside passes, for every SCORED probabilities in a prediction of the test images
SCORED = 13_000  # of digits
IMAGES_TIMED = 500  # images whose forward pass is timed
PASSES_TIMED = 3
LONG = 3600.0  # seconds from which it is said what would make a run shorter

SHORTER = {  # stage -> what makes it so
    "training": "--set train.members=N, train.epochs=N or data.train=N",
    "predicting": "--set train.trajectories=N and train.keep_last=N, the checkpoints that are kept",
    "variants": "--set variants.epochs=N, variants.members=N, variants.train=N or variants.long_runs=0",
    "sampling": "--set subspace.samples=N, subspace.choosing=N, subspace.runs=N, or fewer 'analyses=[...]'",
    "analysing": "--set 'analyses=[...]' without {}",
}


@dataclass(frozen=True)
class Estimate:
    """Time and disk of what is still to be done."""

    stages: Mapping[str, float] | None  # seconds, all workers together at work; None where no step could be timed
    bytes: int  # on disk
    longest_analysis: str = ""

    @property
    def seconds(self) -> float | None:
        """The total of all stages."""
        return None if self.stages is None else sum(self.stages.values())

    def lines(self) -> list[str]:
        """For the user: time and disk, the stages, the longest; above an hour also what makes it shorter."""
        disk = f"{self.bytes / 1e6:,.0f} MB on disk"
        if self.stages is None or self.seconds is None:
            return [f"estimated: {disk}"]
        if len(self.stages) == 1:
            return [f"estimated: {duration(self.seconds)} of {next(iter(self.stages))}, {disk}"]
        longest = max(self.stages, key=self.stages.__getitem__)
        parts = ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in self.stages.items())
        lines = [f"estimated: {duration(self.seconds)} ({parts}), {disk}; the longest is {longest}"]
        if self.seconds > LONG:
            shorter = SHORTER[longest].format(self.longest_analysis)
            lines.append(f"shorter: {shorter}; or --quick, a first look in about a tenth of the time")
        return lines


def duration(seconds: float) -> str:
    """A time for people: 50 s, 7 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@dataclass(frozen=True)
class _Speed:
    """The timings on this machine, by the study's plan."""

    step: float  # seconds of a step of a whole group
    image: float  # seconds of an image's pass through one network
    workers: int
    least_batch: int  # examples that a step takes at least


def estimate(study: Study, dataset: Dataset, workers: int, training_only: bool = False) -> Estimate | None:
    """Estimate what a study still needs; None when nothing is missing.

    Args:
        study: the study.
        dataset: its data.
        workers: processes that share the work.
        training_only: leave out all other stages.
    """
    recipe = study.recipe
    members = [member for member in study.members if member.number < recipe.train.members]
    to_go = {one.number: recipe.train.epochs - one.epochs_done for one in members if one.status not in ENDED}
    # an analysis is made again when a member is added
    wanted = [] if training_only else list(recipe.analyses or [])
    wanted = [name for name in wanted if analyses.suits(name, dataset.task.kind)]
    names = [name for name in wanted if to_go or not study.has_result(name) or _kinds(study, [name])]
    rows = {} if training_only else _unpredicted(study)
    if not (to_go or sum(rows.values()) or names):
        return None
    kinds = {} if training_only else _kinds(study, names)
    plan = Plan.of(study.manifest.get("plan"))
    size = _weight_bytes(study, recipe, to_go) + _prediction_bytes(rows, dataset)
    for own, epochs in kinds.values():
        size += _weight_bytes(study, own, epochs) + _prediction_bytes(_rows(own, epochs), dataset)
    sizes, speed = sizes_of(study), _measured(study, dataset, plan, workers)
    samples = _Samples.of(sizes, names, dataset.task.predicted, speed.image if speed else 0.0)
    size += round(samples.bytes)
    if speed is None:
        return Estimate(stages=None, bytes=size)
    started = START_SECONDS if to_go and workers > 1 else 0.0
    stages = {"training": started + _shared(_training(recipe, plan, to_go, dataset, speed), workers)}
    if training_only:
        return Estimate(stages=stages, bytes=size)
    stages["predicting"] = _predicting(rows, len(members), dataset, speed)
    trained = [one for own, epochs in kinds.values() for one in _training(own, plan, epochs, dataset, speed)]
    predicted = sum(_predicting(_rows(own, epochs), workers, dataset, speed) for own, epochs in kinds.values())
    stages["variants"] = KIND_SECONDS * len(kinds) + _shared(trained, workers) + predicted
    stages["sampling"] = samples.seconds / workers
    costs = _analysing(sizes, dataset.task.predicted, names, speed, plan, samples.left)
    stages["analysing"] = max(max(costs.values(), default=0.0), sum(costs.values()) / workers)
    longest = max(costs, key=costs.__getitem__, default="")
    return Estimate({stage: seconds for stage, seconds in stages.items() if seconds}, size, longest)


ENDED = ("trained", "diverged")


def _kinds(study: Study, names: list[str]) -> dict[str, tuple[Recipe, dict[int, int]]]:
    """Networks that analyses train for themselves, as far as they are to go: folder -> recipe, member -> epochs."""
    wanted = {folder: own for name in names for folder, own in wanted_auxiliary(study, name).items()}
    there = set(layout.auxiliary(study.path)) - set(outdated(study, wanted))
    kinds = {}
    for folder, own in wanted.items():
        left = dict.fromkeys(range(own.train.members), own.train.epochs)
        if folder in there:
            members = study.auxiliary(folder).members
            left = {one.number: own.train.epochs - one.epochs_done for one in members if one.status not in ENDED}
        if left:
            kinds[folder] = (own, left)
    return kinds


def _measured(study: Study, dataset: Dataset, plan: Plan, workers: int) -> _Speed | None:
    """The machine's speed; None where a step or a pass fails: an estimate ends no run."""
    device = torch.device(plan.device)
    some = dataset.test.first(IMAGES_TIMED)

    def seconds_per_image(context: StudyContext) -> float:
        state = split_state(context.module, context.habits.kept_buffers)
        alone = ModelState(tree.stack([state.params]), tree.stack([state.buffers]))
        with context.at_work():
            inputs = batches.moved(some.inputs, device)
            return _seconds(lambda: context.evaluator(alone, inputs), device) / len(some.label)

    about = [
        study.recipe.model.model_dump(),
        plan.as_dict(),
        len(some.label),
        some.shape.as_manifest(),
        dataset.task.predicted,
    ]
    with runtime.one_thread():
        try:
            context = StudyContext(study)
            step = seconds_per_step(study.recipe, dataset, plan, context.habits)
            image = remembered("pass", about, device, lambda: seconds_per_image(context))
        except Exception:  # memory, the data, others' networks: training says what it is, and of which member
            return None
    return _Speed(step, image, workers, context.habits.least_batch)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Seconds of a call; on a CPU the thread's own time, which is independent of other load on the machine."""
    if device.type == "cuda":
        return seconds_of(call, device)
    call()
    started = time.thread_time()
    for _ in range(PASSES_TIMED):
        call()
    return (time.thread_time() - started) / PASSES_TIMED


def _training(recipe: Recipe, plan: Plan, to_go: Mapping[int, int], dataset: Dataset, speed: _Speed) -> list[float]:
    """Seconds of each group on one worker."""
    examples = len(dataset.train.label)
    if isinstance(recipe.data.train, int):  # of auxiliary networks
        examples = min(examples, recipe.data.train)
    steps = len(batch_sizes(recipe.train, examples, speed.least_batch))
    seconds = []
    for members in plan.groups(to_go).values():
        own = {member: to_go[member] for member in members}
        probes = sum(own.values()) * len(dataset.validation.label) * speed.image
        files = _checkpoints(recipe, own) * CHECKPOINT_SECONDS
        seconds.append(max(own.values()) * steps * speed.step + files + probes)
    return seconds


def _shared(seconds: Sequence[float], workers: int) -> float:
    """Until the last of these items is done, dealt to whichever worker is idle, the longest first."""
    return max(max(seconds), sum(seconds) / min(workers, len(seconds))) if seconds else 0.0


def _unpredicted(study: Study) -> dict[str, int]:
    """Split -> checkpoints whose predictions are not there, of members that are trained and of those to be trained."""
    return {split: max(0, rows.expected - rows.done) for split, rows in summary(study.path).predictions.items()}


def _rows(recipe: Recipe, to_go: Mapping[int, int]) -> dict[str, int]:
    """The estimate for a study that has not begun."""
    return dict.fromkeys(layout.SPLITS, _checkpoints(recipe, to_go))


def _predicting(rows: Mapping[str, int], members: int, dataset: Dataset, speed: _Speed) -> float:
    images = sum(count * len(getattr(dataset, split).label) for split, count in rows.items())
    seconds = images * speed.image + max(rows.values(), default=0) * CHECKPOINT_SECONDS
    return seconds / max(1, min(speed.workers, members))


def _checkpoints(recipe: Recipe, to_go: Mapping[int, int]) -> int:
    return sum(len(recipe.kept_epochs(member)) for member in to_go)


@dataclass(frozen=True)
class _Samples:
    """Networks that analyses draw, predicted once."""

    bytes: float  # on disk
    seconds: float  # on one worker, with the choice of scales
    left: float  # share that the disk budget does not hold: made again by each that asks

    @classmethod
    def of(cls, sizes: Sizes, names: list[str], classes: int, image: float) -> _Samples:
        """The sampling for these analyses; ``image`` is the seconds of one forward pass."""
        budget = sizes.recipe.compute.stored_predictions * 1e6
        wanted = sampled_bytes(sizes, names, classes)
        held = min(1.0, budget / wanted) if wanted else 1.0
        sweeps = sweep_images(sizes) if wanted else 0
        files = sampled_files(sizes, names) * sampled_costs.SECONDS
        return cls(held * wanted, (sweeps + held * sampled_images(sizes, names)) * image + held * files, 1 - held)


def _analysing(
    sizes: Sizes, classes: int, names: list[str], speed: _Speed, plan: Plan, left: float
) -> dict[str, float]:
    """Analysis -> seconds on one worker, without the share of its samples that is not ``left`` to it."""
    scored = max(1.0, sizes.test * classes / SCORED)
    costs = {name: cost_of(name, sizes) for name in names}
    step = speed.step / plan.group_size
    return {
        name: max(0.0, cost.images - (1 - left) * sampled_images(sizes, [name])) * speed.image
        + cost.steps * step
        + cost.seconds
        + SCORING_SECONDS * scored
        + DRAWING_SECONDS
        for name, cost in costs.items()
    }


def _weight_bytes(study: Study, recipe: Recipe, to_go: Mapping[int, int]) -> int:
    """Checkpoints, and what the next epoch needs."""
    model = study.manifest["model"]
    common = model.get("shared", {}).get("names", ())
    shapes = {**model["parameters"], **{name: one for name, one in model["buffers"].items() if name not in common}}
    sizes = sum(math.prod(shape) for shape in shapes.values())
    copies = (2 if recipe.train.optimizer == "sgd" else 3) + (recipe.train.early_stopping is not None)
    resume = len(to_go) * copies
    return (_checkpoints(recipe, to_go) + resume) * sizes * 4


def _prediction_bytes(rows: Mapping[str, int], dataset: Dataset) -> int:
    return sum(count * len(getattr(dataset, split).label) * dataset.task.predicted * 4 for split, count in rows.items())
