"""Batches, losses and batch norm: how a network with any weights is run on data that someone hands in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from modescape.alignment.trace import evaluating
from modescape.batches import arguments_of, count
from modescape.errors import InputError
from modescape.types import Inputs, Params

Loss: TypeAlias = "str | Callable[[Any, Tensor], Tensor]"
"""A name, or a function (output, target) -> one number, or one for each example."""


class Batch(NamedTuple):
    """What a network is called with, and what it should say."""

    inputs: Inputs
    target: Tensor | None

    @property
    def examples(self) -> int:
        """How many there are."""
        return count(self.inputs)


class Batches:
    """Batches that can be gone through again and again.

    A list, a loader, a function that gives an iterator; a tuple (inputs, target), two tensors, a tensor or a dictionary
    is one batch.
    """

    def __init__(self, given: Any) -> None:
        if given is None:
            raise InputError(
                "batches is None: a network is followed while it runs; expected batches (inputs, target), such as "
                "[(images, labels)] or a DataLoader"
            )
        two = isinstance(given, list) and len(given) == 2 and all(isinstance(part, Tensor) for part in given)
        if two or isinstance(given, tuple | Tensor | Mapping):
            given = [given]
        elif hasattr(given, "__iter__") and iter(given) is given:
            given = list(given)  # what can be gone through once is kept
        kept = given
        self.begin: Callable[[], Iterable[Any]] = (lambda: kept) if hasattr(kept, "__iter__") else kept  # type: ignore[assignment]

    def __iter__(self) -> Iterator[Batch]:
        """All batches from the first on."""
        empty = True
        for one in self.begin():
            empty = False
            yield _batch(one)
        if empty:
            raise InputError("batches is empty; expected at least one (inputs, target)")

    @property
    def first(self) -> Batch:
        """The first batch."""
        return next(iter(self))


def _batch(one: Any) -> Batch:
    if isinstance(one, Tensor | dict):
        return Batch(one, None)
    if isinstance(one, tuple | list) and len(one) == 2 and isinstance(one[1], Tensor | None):
        inputs = tuple(one[0]) if isinstance(one[0], list) else one[0]
        return Batch(inputs, one[1])
    raise InputError(f"a batch is a {type(one).__name__} of another form; expected a pair (inputs, target)")


def losses(loss: Loss, output: Any, target: Tensor) -> Tensor:
    """The loss of each example, [example].

    Args:
        loss: "cross_entropy" (logits [example, ..., class] and whole numbers [example, ...]; a mean over all places of
            an example), "mse" (a mean over all numbers of an example), or a function.
        output: of the network.
        target: of the batch.

    Raises:
        InputError: on another name, or a function that gives neither one number nor one for each example.
    """
    if callable(loss):
        found = loss(output, target)
        if found.shape == (len(target),):
            return found
        if found.dim():
            raise InputError(
                f"the loss has shape {list(found.shape)}; expected one number, or one for each of {len(target)} "
                "examples"
            )
        return torch.stack([loss(output[n : n + 1], target[n : n + 1]) for n in range(len(target))])
    if loss == "cross_entropy":
        each = functional.cross_entropy(output.flatten(0, -2), target.flatten(), reduction="none")
        return each.reshape(target.shape).flatten(1).mean(1) if target.dim() > 1 else each
    if loss == "mse":
        return (output.reshape(target.shape) - target).square().reshape(len(target), -1).mean(1)
    raise InputError(f"loss is {loss!r}; expected 'cross_entropy', 'mse' or a function (output, target)")


def errors(output: Any, target: Tensor) -> Tensor | None:
    """Share of wrong answers of each example, [example]; None where targets are no classes."""
    if target.dtype.is_floating_point or not isinstance(output, Tensor) or output.shape[:-1] != target.shape:
        return None
    return (output.argmax(-1) != target).double().reshape(len(target), -1).mean(1)


def normalisers(model: nn.Module) -> dict[str, _BatchNorm]:
    """Layers of batch norm that keep running statistics, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    }


@contextlib.contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """A block in which batch norm takes each batch's own statistics and keeps none, and dropout is off."""
    with evaluating(model):
        before = [(layer, layer.track_running_stats) for layer in normalisers(model).values()]
        for layer, _ in before:
            layer.training, layer.track_running_stats = True, False
        try:
            yield
        finally:
            for layer, tracked in before:
                layer.track_running_stats = tracked


def called_with(model: nn.Module, tensors: Params, inputs: Inputs) -> Any:
    """The network's output with these weights and buffers."""
    arguments, named = arguments_of(inputs)
    return functional_call(model, tensors, arguments, named)


@torch.no_grad()
def recomputed(model: nn.Module, tensors: Params, batches: Iterable[Batch]) -> Params:
    """The same weights with the statistics of batch norm over all batches at just these weights.

    Each layer sees what the layers before it give with their batch's own statistics, as in training; the mean is the
    average of the batches' means, the variance that of their unbiased variances, as `torch.optim.swa_utils.update_bn`
    and all networks of a study have them.
    """
    layers = normalisers(model)
    sums: dict[str, list[Tensor]] = {}

    def hear(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            data = inputs[0].detach().double().transpose(0, 1).flatten(1)
            new = [data.new_ones(1), data.mean(1), data.var(1, correction=min(1, data.shape[1] - 1))]
            sums[name] = [one + two for one, two in zip(sums[name], new, strict=True)] if name in sums else new

        return hook

    hooks = [layer.register_forward_pre_hook(hear(name)) for name, layer in layers.items()]
    try:
        with batch_statistics(model):
            for batch in batches:
                called_with(model, tensors, batch.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    found = dict(tensors)
    for name, (number, means, variances) in sums.items():
        for buffer, value in (("running_mean", means), ("running_var", variances)):
            like = found[f"{name}.{buffer}"]
            found[f"{name}.{buffer}"] = (value / number).to(like)
    return found
