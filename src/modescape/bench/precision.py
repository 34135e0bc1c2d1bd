"""Does arithmetic of fewer bits move what the studies are about? Accuracy of members, and disagreement between them.

The members have the same streams in every arithmetic, so each is compared with itself: differences that come from
rounding alone, grown by the chaos of training, have a mean of zero. Members in float32 with another seed show what
chance does. bfloat16 is the processor's own here; tf32, which only GPUs have, is emulated: the operands of products, in
the forward pass and in both gradients, are cut to 10 bits of fraction (hardware rounds or cuts; cutting is the worse).
`modescape.bench.gpu` makes the same comparison in a GPU's own arithmetic.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function

from modescape import pipeline
from modescape.bench.harness import Options, Result, Row
from modescape.functionspace import disagreement
from modescape.metrics.intervals import LEVEL, jackknife_variance
from modescape.models import cnn

SOLUTIONS = ("train.trajectories=0", "train.keep_last=1")  # overrides: nothing else is kept
TF32 = -1 << 13  # mask of a float32's bits that tf32 keeps: sign, exponent and 10 of 23 bits of fraction


@dataclass(frozen=True)
class Scores:
    """The members at the end of training."""

    accuracy: np.ndarray  # of each on the test images, [member]
    disagreement: np.ndarray  # share of test images on which two differ, [member, member]

    @property
    def pairs(self) -> np.ndarray:
        """Disagreement of each pair once."""
        return self.disagreement[np.triu_indices(len(self.disagreement), 1)]

    @property
    def mean_disagreement(self) -> float:
        """Over pairs."""
        return float(self.pairs.mean())

    def without(self, member: int) -> Scores:
        """The scores of the other members."""
        keep = np.arange(len(self.accuracy)) != member
        return Scores(self.accuracy[keep], self.disagreement[np.ix_(keep, keep)])


def scores(name: str, settings: Sequence[str]) -> Scores:
    """Train a study and score its members."""
    with tempfile.TemporaryDirectory() as folder:
        study = pipeline.run(name, Path(folder) / "study", overrides=[*settings, "analyses=[]"])
        predictions = study.predictions("test")
        last = study.recipe.train.epochs
        rows = [predictions.index(member, last) for member in study.trained]
        predicted = np.stack([predictions.log_prob(row).argmax(1) for row in rows])
    return Scores((predicted == predictions.label).mean(1), disagreement(predicted))


def compare(one: Scores, other: Scores) -> dict[str, float]:
    """How far the second's means lie from the first's, with half widths of 95 % intervals, and whether they are alike.

    The interval of accuracy is Student's for the differences of equal members; that of disagreement is the jackknife's
    over members, since pairs share them. ``ks_p``: two-sided Kolmogorov-Smirnov test of the accuracies.
    """
    from scipy import stats

    members = len(one.accuracy)
    student = float(stats.t.ppf(0.5 + LEVEL / 2, members - 1))
    moved = other.accuracy - one.accuracy
    apart = [
        other.without(member).mean_disagreement - one.without(member).mean_disagreement for member in range(members)
    ]
    test: Any = stats.ks_2samp(one.accuracy, other.accuracy)
    return {
        "accuracy": float(moved.mean()),
        "accuracy_half_width": student * float(moved.std(ddof=1)) / math.sqrt(members),
        "disagreement": other.mean_disagreement - one.mean_disagreement,
        "disagreement_half_width": student * math.sqrt(float(jackknife_variance(np.array(apart)))),
        "ks_p": float(test.pvalue),
    }


def measure(options: Options) -> Result:
    """Members of the digits recipe in each arithmetic; with images, of the paper's SmallCNN on these."""
    members, epochs = (3, 2) if options.small else (50, 40)
    name, settings = "digits", []
    if options.data is not None:
        name, members, epochs = "cifar10-smallcnn", min(members, 16), min(epochs, 10)
        settings = [f"data.source={options.data}", "data.scaling=unit"]
    settings += [f"train.members={members}", f"train.epochs={epochs}", *SOLUTIONS, "compute.device=cpu"]
    variants = {
        "float32": ["train.arithmetic=float32"],
        "float32, another seed": ["train.arithmetic=float32", "seed=1"],
        "tf32, emulated": ["train.arithmetic=float32", "model.factory=modescape.bench.precision:tf32_small_cnn"],
        "bf16": ["train.arithmetic=bf16"],
    }
    found = {}
    for variant, more in variants.items():
        options.say(f"{members} members in {variant}")
        found[variant] = scores(name, [*settings, *more])
    moved = {variant: compare(found["float32"], one) for variant, one in found.items() if variant != "float32"}
    rows = [Row(name=f"accuracy, {variant}", values=list(100 * one.accuracy)) for variant, one in found.items()]
    rows += [Row(name=f"disagreement, {variant}", values=list(100 * one.pairs)) for variant, one in found.items()]
    return Result(
        name="precision",
        question="Does arithmetic of fewer bits move the accuracy of members or their disagreement?",
        unit="% of the test images",
        setting=f"{members} members, {members * (members - 1) // 2} pairs; SmallCNN of the recipe {name}, "
        f"{epochs} epochs, the same streams in each arithmetic",
        command=f"modescape bench precision{' --data DATA' if options.data else ''}",
        rows=rows,
        notes={f"{variant} less float32": _sentence(one) for variant, one in moved.items()},
        digits=2,
    )


def _sentence(moved: dict[str, float]) -> str:
    return (
        f"accuracy {100 * moved['accuracy']:+.2f} ± {100 * moved['accuracy_half_width']:.2f} percentage points, "
        f"disagreement {100 * moved['disagreement']:+.2f} ± {100 * moved['disagreement_half_width']:.2f}; "
        f"Kolmogorov-Smirnov p = {moved['ks_p']:.2f}"
    )


# ---- tf32 on a CPU ----


def cut(x: Tensor) -> Tensor:
    """float32 without the bits that tf32 has not."""
    return (x.view(torch.int32) & TF32).view(torch.float32)


class _Cut(Function):
    """`cut` in the forward pass, nothing in the backward one: the gradient of a product's operand."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:  # type: ignore[override]
        return cut(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return grad


class _CutGradient(Function):
    """Nothing in the forward pass, `cut` in the backward one: a gradient before it enters products."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:  # type: ignore[override]
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        return cut(grad.contiguous())


class Tf32Conv2d(nn.Conv2d):
    """A convolution whose products have tf32 operands and float32 sums."""

    def forward(self, input: Tensor) -> Tensor:
        """[example, channel, height, width] -> [example, filter, height, width]."""
        settings = (self.stride, self.padding, self.dilation, self.groups)
        out = nn.functional.conv2d(_Cut.apply(input), _Cut.apply(self.weight), None, *settings)  # type: ignore[arg-type]
        out = _CutGradient.apply(out)
        return out if self.bias is None else out + self.bias[:, None, None]  # type: ignore[operator, return-value]


class Tf32Linear(nn.Linear):
    """A dense layer whose products have tf32 operands and float32 sums."""

    def forward(self, input: Tensor) -> Tensor:
        """[example, input] -> [example, output]."""
        out = _CutGradient.apply(nn.functional.linear(_Cut.apply(input), _Cut.apply(self.weight)))  # type: ignore[arg-type]
        return out if self.bias is None else out + self.bias  # type: ignore[operator, return-value]


def tf32_small_cnn(image_shape: tuple[int, int, int], num_classes: int) -> nn.Sequential:
    """`modescape.models.cnn.small_cnn` with tf32 products: the same initialisation, layers and names."""
    module = cnn.small_cnn(image_shape, num_classes)
    for layer in module:
        if type(layer) is nn.Conv2d:
            layer.__class__ = Tf32Conv2d
        elif type(layer) is nn.Linear:
            layer.__class__ = Tf32Linear
    return module
