"""Losses of single points of weight space on a part of the training images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from modescape.analyses.drawing import predict, scoring_of_study
from modescape.analyses.sampling import Neighbourhood
from modescape.analyses.stored import TOGETHER
from modescape.data.dataset import Split
from modescape.paths import barrier


def losses(around: Neighbourhood, weights: Tensor, split: Split) -> np.ndarray:
    """Loss (NLL) of points [point, parameter] on a split, nats, [point]; batch-norm statistics are made for each."""
    label = split.label.cpu().numpy()
    parts = [predict(around.context, around.installed(some.float()), split.inputs) for some in weights.split(TOGETHER)]
    return np.asarray(scoring_of_study(around.context).scores["nll"](np.concatenate(parts), label))


def barrier_between(around: Neighbourhood, one: Tensor, other: Tensor, split: Split, points: int) -> float:
    """Barrier of the loss on the straight line between two points [parameter], from this many places on it."""
    t = torch.linspace(0, 1, points, dtype=torch.float64)
    line = torch.stack([torch.lerp(one.double(), other.double(), place) for place in t])
    return float(barrier(t.numpy(), losses(around, line, split)))


def some_training_images(around: Neighbourhood, examples: int) -> Split:
    """The first training images."""
    return around.context.dataset.train.first(examples)
