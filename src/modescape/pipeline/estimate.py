"""What a run will cost, before it starts: a few steps are timed, the rest is counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from modescape import runtime
from modescape.data.dataset import Dataset
from modescape.data.order import steps_per_epoch
from modescape.errors import InputError
from modescape.study import Study
from modescape.train.plan import Plan
from modescape.train.planning import seconds_per_step

FORWARD_SHARE = 1 / 3  # of a training step's time: the gradient takes about two forward passes


@dataclass(frozen=True)
class Estimate:
    """Time and disk of what is still to be done."""

    seconds: float | None  # training and predicting, all workers together at work; None where no step could be timed
    bytes: int  # on disk

    def __str__(self) -> str:
        disk = f"{self.bytes / 1e6:,.0f} MB on disk"
        if self.seconds is None:
            return f"estimated: {disk}"
        return f"estimated: {duration(self.seconds)} of training and predicting, {disk}"


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
    plan, train = Plan.of(study.manifest.get("plan")), recipe.train
    with runtime.one_thread():
        try:
            per_step = seconds_per_step(recipe, dataset, plan)
        except (torch.OutOfMemoryError, InputError):  # the group is halved then, or training says whose network fails
            per_step = None
    count, batch = len(dataset.train.label), min(train.batch_size, len(dataset.train.label))
    steps = steps_per_epoch(count, train.batch_size, train.batches)
    to_go = {member.number: train.epochs - member.epochs_done for member in left}
    groups = plan.groups(to_go)
    group_epochs = sum(max(to_go[member] for member in members) for members in groups.values())
    rows = sum(len(recipe.kept_epochs(member)) for member in to_go)
    examples = len(dataset.test.label) + len(dataset.validation.label)
    images = rows * examples + sum(to_go.values()) * len(dataset.validation.label)
    seconds = None
    if per_step is not None:
        per_image = per_step / (batch * plan.group_size) * FORWARD_SHARE
        seconds = (group_epochs * steps * per_step + images * per_image) / min(workers, len(groups))
    model = study.manifest["model"]
    sizes = [math.prod(shape) for kind in ("parameters", "buffers") for shape in model[kind].values()]
    resume = (3 if train.optimizer == "adam" else 2) * sum(sizes) * 4
    predictions = rows * examples * dataset.num_classes * 4
    return Estimate(
        seconds=seconds,
        bytes=rows * sum(sizes) * 4 + len(left) * resume + predictions,
    )
