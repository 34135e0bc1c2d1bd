"""Prepare a network: its dropout layers draw from the member's key, and adjacent layers are fused.

No layer is replaced and no weight moved: individual instances get another ``forward``, so a network that inspects its
own layers finds what it created. Only layers of torch's own types without hooks are changed, and where a hook is added
later, fused layers run one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch.nn.functional as functional
from torch import Tensor, nn

from modescape.kernels.pooling import LARGEST_WINDOW
from modescape.network.chain import Chain, chained
from modescape.network.hooks import listened
from modescape.network.intercept import drop
from modescape.network.member_ops import BlockLayers, MemberOps, current

_DROPOUTS = {
    nn.Dropout: functional.dropout,
    nn.Dropout1d: functional.dropout1d,
    nn.Dropout2d: functional.dropout2d,
    nn.Dropout3d: functional.dropout3d,
}
"""Layers of dropout -> the function that each calls."""


def fuse(module: nn.Module) -> nn.Module:
    """Give dropout layers and chains of layers their new ``forward``, in place; returns the module."""
    names = {layer: name for name, layer in module.named_children()}
    for layer in module.modules():
        if isinstance(layer, nn.Sequential) and type(layer).forward is nn.Sequential.forward and not _changed(layer):
            single = list(_steps(list(layer)))
            chain = chained([(step, names.get(_first(step), "")) for step in single]) if layer is module else None
            steps = _joined(single)
            if len(steps) < len(layer) or chain is not None:
                layer.forward = _Chain(steps, chain)
    for layer in module.modules():
        if type(layer) in _DROPOUTS and not _changed(layer):
            layer.forward = _Dropout(layer)
    return module


def unfused(module: nn.Module) -> nn.Module:
    """Undo `fuse`, in place; returns the module."""
    for layer in module.modules():
        if isinstance(vars(layer).get("forward"), _Chain | _Dropout):
            del layer.forward
    return module


def altered(layer: nn.Module) -> bool:
    """Whether this instance has a ``forward`` of its own that is not `fuse`'s."""
    return _changed(layer) and not isinstance(vars(layer)["forward"], _Chain | _Dropout)


class _Dropout:
    """The ``forward`` of a dropout layer."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.function = layer, _DROPOUTS[type(layer)]

    def __call__(self, input: Tensor) -> Tensor:
        layer = self.layer
        if not layer.training:
            return input
        return drop(_ops(layer.p, input), self.function, input, layer.p, inplace=layer.inplace)


class _Chain:
    """The ``forward`` of an `nn.Sequential` with fused layers."""

    def __init__(self, steps: Sequence[Any], chain: Chain | None = None) -> None:
        self.steps, self.chain = steps, chain  # the chain: of a whole network

    def __call__(self, input: Any) -> Any:
        for step in self.steps:
            input = step(input)
        return input


class _Pool:
    """Pooling with optional dropout before it, ReLU next to it, and a convolution before them."""

    def __init__(self, convolution: Any, layers: Sequence[nn.Module]) -> None:
        self.convolution = convolution
        self.layers: list[nn.Module] = [*([] if convolution is None else [convolution]), *layers]
        self.drop: Any = next((layer for layer in layers if type(layer) is nn.Dropout), None)
        self.pool: Any = next(layer for layer in layers if type(layer) is nn.MaxPool2d)
        self.relu = any(type(layer) is nn.ReLU for layer in layers)
        self.padding = 0 if convolution is None else _padding(convolution) or 0

    @property
    def p(self) -> float:
        """Of the dropout, 0 where there is none now."""
        return self.drop.p if self.drop is not None and self.drop.training else 0.0

    @property
    def settings(self) -> tuple[float, int, bool, bool]:
        """Of dropout, pooling and ReLU."""
        return self.p, _edge(self.pool.kernel_size), self.pool.ceil_mode, self.relu

    def __call__(self, input: Tensor) -> Tensor:
        if input.dim() != 4 or _heard(self.layers):  # one image without its batch
            return _Chain(self.layers)(input)
        if self.convolution is not None:
            return _Blocks([self])(input)
        return _ops(self.p, input).pool(input, *self.settings)


class _Blocks:
    """Pooling runs with a convolution before each, one after another."""

    def __init__(self, pools: Sequence[_Pool]) -> None:
        self.pools, self.layers = pools, [layer for one in pools for layer in one.layers]

    def __call__(self, input: Tensor) -> Tensor:
        if input.dim() != 4 or _heard(self.layers):
            return _Chain(self.layers)(input)
        layers = [
            BlockLayers(one.convolution.weight, one.convolution.bias, one.padding, *one.settings) for one in self.pools
        ]
        return _ops(max(one.p for one in layers), input).blocks(input, layers)


class _BatchNormReLU:
    """Batch normalisation and ReLU; stacked members are normalised and clipped in one pass."""

    def __init__(self, norm: Any, relu: nn.Module) -> None:
        self.norm, self.relu = norm, relu

    def __call__(self, input: Tensor) -> Tensor:
        norm, ops = self.norm, current()
        fused = ops is not None and ops.stacked and norm.training and not _heard((norm, self.relu))
        if ops is None or not fused or input.numel() == input.shape[1]:
            return self.relu(norm(input))
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        running = (norm.running_mean, norm.running_var)
        assert norm.momentum is not None  # else `watch` finds that the network cannot be stacked
        return ops.batch_norm(input, *running, norm.weight, norm.bias, norm.momentum, norm.eps, relu=True)


def _ops(p: float, input: Tensor) -> MemberOps:
    """The operations of the open `MemberOps` block; without dropout there need not be one."""
    found = current()
    if found is None and p:
        raise RuntimeError("a network with dropout runs in training mode only within a MemberOps block")
    return found or MemberOps(input)  # the key is not used


def _steps(layers: list[nn.Module]) -> Iterator[Any]:
    """The layers in order, with those that can be fused as one step."""
    while layers:
        convolution = layers[0] if _is_simple(layers[0]) else None
        around = layers if convolution is None else layers[1:]
        run = _pool_run(around, convolution is not None)
        if run > 1 or (run and convolution is not None):
            yield _Pool(convolution, around[:run])
            layers = around[run:]
        elif [type(layer) for layer in layers[:2]] == [nn.BatchNorm2d, nn.ReLU] and all(map(_is_plain, layers[:2])):
            yield _BatchNormReLU(*layers[:2])
            layers = layers[2:]
        else:
            yield layers[0]
            layers = layers[1:]


def _first(step: Any) -> nn.Module:
    """The layer that holds a step's weights, if any does."""
    return step.layers[0] if isinstance(step, _Pool) else getattr(step, "norm", step)


def _joined(steps: Sequence[Any]) -> list[Any]:
    """The steps, blocks that follow one another as one."""
    joined: list[Any] = []
    for step in steps:
        if isinstance(step, _Pool) and step.convolution is not None:
            if joined and isinstance(joined[-1], _Blocks):
                joined[-1] = _Blocks([*joined[-1].pools, step])
            else:
                joined.append(_Blocks([step]))
        else:
            joined.append(step)
    return joined


def _pool_run(layers: list[nn.Module], behind: bool) -> int:
    """How many of the first layers form one pooling with dropout and ReLU around it; 0 if they do not.

    Args:
        layers: the layers to inspect.
        behind: whether they follow a convolution that is fused with them.
    """
    seen: set[type[nn.Module]] = set()
    if layers and getattr(layers[0], "inplace", False) and not behind:  # its input may be used elsewhere
        return 0
    for layer in layers:
        kind = type(layer)
        if kind not in (nn.Dropout, nn.MaxPool2d, nn.ReLU) or kind in seen or not _is_plain(layer):
            break
        if kind is nn.MaxPool2d and not _side_by_side(layer):
            break
        if kind is nn.Dropout and nn.MaxPool2d in seen:  # it has fewer elements to drop
            break
        seen.add(kind)
    return len(seen) if nn.MaxPool2d in seen else 0


def _side_by_side(layer: Any) -> bool:
    """Whether the windows of a pooling layer are squares that tile the image."""
    edge = _edge(layer.kernel_size)
    return (
        layer.stride in (layer.kernel_size, edge, (edge, edge))
        and layer.padding in (0, (0, 0))
        and layer.dilation in (1, (1, 1))
        and not layer.return_indices
        and layer.kernel_size in (edge, (edge, edge))
        and 0 < edge <= LARGEST_WINDOW
    )


def _is_simple(layer: nn.Module) -> bool:
    """Whether it is a convolution of one group, of stride 1, with as many zeros on every side."""
    return (
        type(layer) is nn.Conv2d
        and _is_plain(layer)
        and layer.stride == (1, 1)
        and layer.dilation == (1, 1)
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and _padding(layer) is not None
    )


def _padding(layer: Any) -> int | None:
    """Zeros on every side, or None where the sides differ."""
    height, width = layer.kernel_size
    if layer.padding == "valid":
        return 0
    if isinstance(layer.padding, str):  # "same"
        return height // 2 if height == width and height % 2 else None
    return int(layer.padding[0]) if layer.padding[0] == layer.padding[1] else None


def _edge(size: int | tuple[int, int]) -> int:
    return size if isinstance(size, int) else size[0]


def _is_plain(layer: nn.Module) -> bool:
    """Whether the layer is of a plain type without hooks: fused layers are not called one by one."""
    return not _heard([layer]) and not _changed(layer)


def _heard(layers: Sequence[nn.Module]) -> bool:
    """Whether one of the layers has a hook."""
    return any(map(listened, layers))


def _changed(layer: nn.Module) -> bool:
    """Whether this instance has a ``forward`` of its own: `fuse` has been here, or somebody else."""
    return "forward" in vars(layer)
