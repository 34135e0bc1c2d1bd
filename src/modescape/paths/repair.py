"""REPAIR: units of a network between two others get the mean and spread that lie between those of the ends' units.

Halfway between two networks activations shrink layer by layer, and with them what the network says. Jordan et al. 2022,
arXiv 2211.08403. For networks with batch norm computing its statistics anew is the same remedy.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from modescape.alignment.running import Setting
from modescape.types import Params

Moments: TypeAlias = "dict[str, tuple[Tensor, Tensor]]"
"""Layer -> mean and standard deviation of its units, [unit] each."""
NEAR = 1e-4  # relative difference of moments that is not worth a correction
LEAST = 1e-6  # standard deviation below which a unit is constant, and left so


@torch.no_grad()
def moments(setting: Setting, tensors: Params) -> Moments:
    """Mean and standard deviation of the units of all convolutions and dense layers but the last, over all batches."""
    sums: dict[str, list[Tensor]] = {}

    def hear(name: str, output: Tensor) -> None:
        data = _units(setting.module, name, output).double()
        new = [data.new_full((), data.shape[1]), data.sum(1), data.square().sum(1)]
        sums[name] = [one + two for one, two in zip(sums[name], new, strict=True)] if name in sums else new

    _run(setting, tensors, hear)
    found = {}
    for name, (count, total, squares) in list(sums.items())[:-1]:  # in the order in which they ran
        mean = total / count
        found[name] = mean, (squares / count - mean.square()).clamp_min(0).sqrt()
    return found


@contextlib.contextmanager
def repairing(setting: Setting, tensors: Params, ends: Sequence[Moments], t: float) -> Iterator[None]:
    """A block in which the units of a network at position t are rescaled.

    Args:
        setting: the network, and the data on which its units are measured, layer after layer, those before already
            rescaled.
        tensors: its weights and buffers at t.
        ends: moments of the units at both ends.
        t: position, 0 to 1.
    """
    wanted = {
        name: tuple(torch.lerp(one, two, t) for one, two in zip(ends[0][name], ends[1][name], strict=True))
        for name in ends[0]
    }
    own = moments(setting, tensors)
    if all(_near(own[name], wanted[name]) for name in wanted):  # nothing to repair, such as between copies
        yield
        return
    sums: dict[str, list[Tensor]] = {}

    def normalise(name: str, output: Tensor) -> Tensor | None:
        if name not in wanted:
            return None
        data = _units(setting.module, name, output).double()
        mean, spread = data.mean(1), data.std(1, correction=0)
        new = [mean.new_ones(()), mean, spread]
        sums[name] = [one + two for one, two in zip(sums[name], new, strict=True)] if name in sums else new
        return _scaled(setting.module, name, output, (mean, spread), wanted[name])

    with torch.no_grad():
        _run(setting, tensors, normalise)
    found = {name: (mean / count, spread / count) for name, (count, mean, spread) in sums.items()}

    def rescale(name: str, output: Tensor) -> Tensor | None:
        return _scaled(setting.module, name, output, found[name], wanted[name]) if name in found else None

    with _hooks(setting.module, rescale):
        yield


def _near(one: Sequence[Tensor], two: Sequence[Tensor]) -> bool:
    return all(torch.allclose(x, y, rtol=NEAR, atol=NEAR * float(two[1].max())) for x, y in zip(one, two, strict=True))


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
