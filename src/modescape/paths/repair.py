"""REPAIR: the units of an interpolated network get the mean and spread interpolated between those of the ends' units.

Halfway between two networks activations shrink layer by layer, and the outputs with them. Jordan et al. 2022, arXiv
2211.08403. For networks with batch norm, recomputing its statistics has the same effect.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from modescape.alignment.running import Setting
from modescape.types import Params

Moments: TypeAlias = "dict[str, tuple[Tensor, Tensor]]"
"""Layer -> mean and standard deviation of its units, [unit] each."""
Sums: TypeAlias = "dict[str, list[Tensor]]"
"""Layer -> number of values per unit, their sums and sums of squares, over batches."""
PASSES = 2  # over the data: the first rescales by each batch's own moments, the next by those over all batches
NEAR = 1e-4  # relative difference of moments below which nothing is corrected
LEAST = 1e-6  # standard deviation below which a unit counts as constant and is not rescaled


@torch.no_grad()
def moments(setting: Setting, tensors: Params) -> Moments:
    """Mean and standard deviation of the units of all convolutions and linear layers but the last, over all batches."""
    sums: Sums = {}

    def hear(name: str, output: Tensor) -> None:
        _add(sums, name, _units(setting.module, name, output))

    _run(setting, tensors, hear)
    return {name: _pooled(one) for name, one in list(sums.items())[:-1]}  # in the order of execution


@contextlib.contextmanager
def repairing(setting: Setting, tensors: Params, ends: Sequence[Moments], t: float) -> Iterator[None]:
    """Context in which the units of a network at position t are rescaled.

    Args:
        setting: the network, and the data on which the moments of its units are measured, layer by layer, each with all
            layers before it already rescaled.
        tensors: its weights and buffers at t.
        ends: moments of the units at both ends.
        t: position, 0 to 1.
    """
    wanted: Moments = {}
    for name, (mean, spread) in ends[0].items():
        wanted[name] = torch.lerp(mean, ends[1][name][0], t), torch.lerp(spread, ends[1][name][1], t)
    own = moments(setting, tensors)
    if all(_near(own[name], wanted[name]) for name in wanted):  # nothing to repair, such as between identical networks
        yield
        return
    found: Moments = {}  # moments of the units, with all layers before them rescaled
    for _ in range(PASSES):
        found = _measured(setting, tensors, wanted, found)

    def rescale(name: str, output: Tensor) -> Tensor | None:
        return _scaled(setting.module, name, output, found[name], wanted[name]) if name in found else None

    with _hooks(setting.module, rescale):
        yield


@torch.no_grad()
def _measured(setting: Setting, tensors: Params, wanted: Moments, known: Moments) -> Moments:
    """Moments of each layer before its own rescaling, over all batches, while the layers before it are rescaled.

    Args:
        setting: the network and the data.
        tensors: its weights and buffers.
        wanted: moments to which units are rescaled.
        known: moments from which they are rescaled; missing ones are taken from each batch.
    """
    sums: Sums = {}

    def measure(name: str, output: Tensor) -> Tensor | None:
        if name not in wanted:
            return None
        data = _units(setting.module, name, output)
        _add(sums, name, data)
        own = known[name] if known else (data.double().mean(1), data.double().std(1, correction=0))
        return _scaled(setting.module, name, output, own, wanted[name])

    _run(setting, tensors, measure)
    return {name: _pooled(one) for name, one in sums.items()}


def _add(sums: Sums, name: str, data: Tensor) -> None:
    data = data.double()
    new = [data.new_full((), data.shape[1]), data.sum(1), data.square().sum(1)]
    sums[name] = [one + two for one, two in zip(sums[name], new, strict=True)] if name in sums else new


def _pooled(sums: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    count, total, squares = sums
    mean = total / count
    return mean, (squares / count - mean.square()).clamp_min(0).sqrt()


def _near(one: Sequence[Tensor], two: Sequence[Tensor]) -> bool:
    size = float(two[1].max())
    if not math.isfinite(size):  # activations overflowed; torch.allclose rejects an infinite tolerance
        return False
    return all(torch.allclose(x, y, rtol=NEAR, atol=NEAR * size) for x, y in zip(one, two, strict=True))


def _scaled(model: nn.Module, name: str, output: Tensor, own: Any, wanted: Any) -> Tensor:
    mean, spread = own
    scale = torch.where(spread > LEAST, wanted[1] / spread.clamp_min(LEAST), torch.ones_like(spread))
    shift = wanted[0] - mean * scale
    shape = [-1 if place == _axis(model, name, output) else 1 for place in range(output.dim())]
    return output * scale.to(output).view(shape) + shift.to(output).view(shape)


def _axis(model: nn.Module, name: str, output: Tensor) -> int:
    layer = model.get_submodule(name)
    return output.dim() - 1 - (len(layer.kernel_size) if isinstance(layer, _ConvNd) else 0)


def _units(model: nn.Module, name: str, output: Tensor) -> Tensor:
    """[unit, number]."""
    return output.movedim(_axis(model, name, output), 0).flatten(1)


def _run(setting: Setting, tensors: Params, hook: Callable[[str, Tensor], Tensor | None]) -> None:
    with setting.mode(), _hooks(setting.module, hook):
        for batch in setting.statistics:
            setting.call(tensors, batch)


def _hook(name: str, function: Callable[[str, Tensor], Tensor | None]) -> Callable[..., Tensor | None]:
    return lambda module, inputs, output: function(name, output)


@contextlib.contextmanager
def _hooks(model: nn.Module, function: Callable[[str, Tensor], Tensor | None]) -> Iterator[None]:
    hooks = [
        module.register_forward_hook(_hook(name, function))
        for name, module in model.named_modules()
        if isinstance(module, _ConvNd | nn.Linear)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
