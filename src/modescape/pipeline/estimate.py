"""What a run will cost, before it starts: a few steps are timed, the rest is counted."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from modescape import rng, runtime
from modescape.data.dataset import Dataset
from modescape.data.prepare import Preparation
from modescape.predict import BATCH, Evaluator
from modescape.study import Study
from modescape.train.loop import Trainer

TIMED = 2  # calls after one that is not counted


@dataclass(frozen=True)
class Estimate:
    """Time and disk of what is still to be done."""

    seconds: float  # training and predicting, all workers together at work
    bytes: int  # on disk

    def __str__(self) -> str:
        return f"estimated: {duration(self.seconds)} of training and predicting, {self.bytes / 1e6:,.0f} MB on disk"


def duration(seconds: float) -> str:
    """A time for people: 50 s, 7 min, 2.5 h."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def estimate(study: Study, dataset: Dataset, workers: int) -> Estimate | None:
    """Estimate what a study still needs; None when every member is trained or diverged."""
    recipe = study.recipe
    members = [member for member in study.members if member.number < recipe.train.members]
    left = [member for member in members if member.status not in ("trained", "diverged")]
    if not left:
        return None
    with runtime.one_thread():
        per_step, per_image, steps = _timed(study, dataset)
    epochs = sum(recipe.train.epochs - member.epochs_done for member in left)
    rows = sum(len(recipe.kept_epochs(member.number)) for member in left)
    examples = len(dataset.test.label) + len(dataset.validation.label)
    images = rows * examples + epochs * len(dataset.validation.label)
    model = study.manifest["model"]
    sizes = [math.prod(shape) for kind in ("parameters", "buffers") for shape in model[kind].values()]
    resume = (3 if recipe.train.optimizer == "adam" else 2) * sum(sizes) * 4
    predictions = rows * examples * dataset.num_classes * 4
    return Estimate(
        seconds=(epochs * steps * per_step + images * per_image) / min(workers, len(left)),
        bytes=rows * sum(sizes) * 4 + len(left) * resume + predictions,
    )


def _timed(study: Study, dataset: Dataset) -> tuple[float, float, int]:
    """Seconds of a training step and of evaluating an image, one member on one thread; steps of an epoch."""
    recipe = study.recipe
    preparation = Preparation.of(recipe.data, dataset.train)
    trainer = Trainer(recipe, dataset.train, dataset.num_classes, preparation)
    count, size = len(dataset.train.label), recipe.train.batch_size
    index = torch.arange(min(size, count) if recipe.train.batches == "permutation" else size)[None] % count
    keys = torch.tensor([rng.key(recipe.seed, "estimate")])
    state, step = trainer.stacked([trainer.initial(0).state]), trainer.step([0])

    def train() -> None:
        step(state, preparation(dataset.train.image[index], keys), dataset.train.label[index], keys)

    evaluator = Evaluator(module=copy.deepcopy(step.module), preparation=preparation)
    images = dataset.test.image[:BATCH]
    return _seconds(train), _seconds(lambda: evaluator(state, images)) / len(images), trainer.steps


def _seconds(work: Callable[[], object]) -> float:
    """Mean time of `TIMED` calls after one that is not counted."""
    work()
    started = time.perf_counter()
    for _ in range(TIMED):
        work()
    return (time.perf_counter() - started) / TIMED
