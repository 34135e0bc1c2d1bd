"""Losses summed over the data, built-in or user-defined, with what their derivatives need."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from modescape.errors import InputError

IGNORED = -100  # torch's label for targets that do not count, such as padding

Loss = Callable[[Any, Any], Tensor]
"""(output, target) -> the mean loss of a batch, a tensor of one number."""


@dataclass(frozen=True)
class Criterion:
    """A loss: its sum over a batch, and the number of units that its mean is over.

    A unit is whatever the mean of torch's own loss is over: an example, a token of a sentence, a pixel, a value of a
    regression.

    Attributes:
        name: of the loss.
        each: (output, target) -> the loss of every unit, [unit]; 0 where the target is ignored.
        count: (output, target, examples) -> units that count.
        sample: (output, target, generator) -> targets of that shape drawn from the network's predictive distribution,
            for the sampled Fisher matrix.
        labels: (output, target) -> predicted class of every unit, [unit]; None if there are no classes.
        truth: (output, target) -> true class of every unit, [unit], `IGNORED` where it does not count; None likewise.
        own: a user-defined loss; its sum is the mean times the number of examples.
    """

    name: str
    each: Callable[[Any, Any], Tensor]
    count: Callable[[Any, Any, int], float]
    sample: Callable[[Tensor, Tensor, torch.Generator], Tensor] | None = None
    labels: Callable[[Tensor, Tensor], Tensor] | None = None
    truth: Callable[[Tensor, Tensor], Tensor] | None = None
    own: Loss | None = None

    def total(self, output: Any, target: Any, examples: int) -> Tensor:
        """The sum of the losses of a batch, a tensor of one number.

        Raises:
            InputError: if a user-defined loss does not return a scalar tensor.
        """
        if self.own is None:
            return self.each(output, target).sum()
        mean = self.own(output, target)
        if not isinstance(mean, Tensor) or mean.numel() != 1:
            got = f"a tensor of shape {list(mean.shape)}" if isinstance(mean, Tensor) else type(mean).__name__
            raise InputError(f"the loss gives {got}, expected a tensor of one number: the mean over the batch")
        return mean.reshape(()) * examples


def criterion(loss: str | Loss) -> Criterion:
    """The criterion for a name, or for a function (output, target) -> mean loss of a batch.

    Raises:
        InputError: if there is no loss of that name.
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise InputError(f"there is no loss {loss!r}; choose {', '.join(LOSSES)}, or give a function")
        return LOSSES[loss]
    if not callable(loss):
        raise InputError(f"the loss is {type(loss).__name__}, expected a name or a function (output, target) -> mean")

    def each(output: Tensor, target: Tensor) -> Tensor:
        return torch.func.vmap(lambda one, its: loss(one[None], its[None]).reshape(()))(output, target)

    name = getattr(loss, "__name__", type(loss).__name__)
    return Criterion(name, each, lambda output, target, examples: float(examples), own=loss)


def _rows(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Logits [unit, class] and targets [unit], or target probabilities [unit, class].

    The class is the last axis where the other axes are the target's (sentences: [example, token, class]), else the
    second (pictures: [example, class, height, width]).

    Raises:
        InputError: if the shapes fit neither way.
    """
    if target.is_floating_point() and output.shape == target.shape:
        return output.flatten(0, -2), target.flatten(0, -2)
    if output.shape[:-1] == target.shape:
        return output.reshape(-1, output.shape[-1]), target.reshape(-1)
    if output.dim() > 2 and (output.shape[0], *output.shape[2:]) == tuple(target.shape):
        return output.movedim(1, -1).reshape(-1, output.shape[1]), target.reshape(-1)
    raise InputError(
        f"outputs {list(output.shape)} and targets {list(target.shape)} do not fit; expected logits [..., class] and "
        "classes [...]"
    )


def _cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    logits, wanted = _rows(output, target)
    if wanted.dim() == 1:
        return functional.cross_entropy(logits, wanted.long(), reduction="none", ignore_index=IGNORED)
    return functional.cross_entropy(logits, wanted, reduction="none")


def _labelled(output: Tensor, target: Tensor, examples: int) -> float:
    _, wanted = _rows(output, target)
    return float(len(wanted) if wanted.dim() == 2 else int((wanted != IGNORED).sum()))


def _class_labels(output: Tensor, target: Tensor) -> Tensor:
    return _rows(output, target)[0].argmax(-1)


def _class_truth(output: Tensor, target: Tensor) -> Tensor:
    wanted = _rows(output, target)[1]
    return wanted if wanted.dim() == 1 else wanted.argmax(-1)


def _sampled_classes(output: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """One sampled class per unit; ignored units stay ignored."""
    logits, wanted = _rows(output.detach(), target)
    drawn = torch.multinomial(logits.cpu().softmax(-1), 1, generator=generator)[:, 0].to(output.device)
    if wanted.dim() == 2:
        return functional.one_hot(drawn, wanted.shape[-1]).to(target.dtype).view(target.shape)
    return torch.where(wanted == IGNORED, wanted, drawn).view(target.shape)


def _numbers(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and targets of one shape; a target [example] fits an output [example, 1].

    Raises:
        InputError: if the shapes differ: torch would broadcast.
    """
    if output.shape != target.shape and output.numel() == target.numel() and output.squeeze().dim() <= 1:
        target = target.reshape(output.shape)
    if output.shape != target.shape:
        raise InputError(f"outputs {list(output.shape)} and targets {list(target.shape)} differ; expected one shape")
    return output, target.to(output.dtype)


def _elementwise(function: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    def each(output: Tensor, target: Tensor) -> Tensor:
        return function(*_numbers(output, target), reduction="none").reshape(-1)

    return each


def _every_number(output: Tensor, target: Tensor, examples: int) -> float:
    return float(target.numel())


def _sampled_numbers(output: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """Samples from the density proportional to exp(-squared error): a Gaussian of variance 1/2."""
    noise = torch.randn(output.shape, generator=generator, dtype=torch.float64) * math.sqrt(0.5)
    return output.detach() + noise.to(output)


def _sampled_bits(output: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(output.shape, generator=generator, dtype=torch.float64).to(output)
    return (drawn < output.detach().sigmoid()).to(output.dtype)


LOSSES = {
    "cross_entropy": Criterion(
        "cross_entropy", _cross_entropy, _labelled, _sampled_classes, _class_labels, _class_truth
    ),
    "binary_cross_entropy": Criterion(
        "binary_cross_entropy",
        _elementwise(functional.binary_cross_entropy_with_logits),
        _every_number,
        _sampled_bits,
        lambda output, target: (output > 0).long().reshape(-1),
        lambda output, target: (target > 0.5).long().reshape(-1),
    ),
    "mse": Criterion("mse", _elementwise(functional.mse_loss), _every_number, _sampled_numbers),
    "mae": Criterion("mae", _elementwise(functional.l1_loss), _every_number),
}
"""Losses by name, on logits for classes; the mean of each equals torch's function."""
