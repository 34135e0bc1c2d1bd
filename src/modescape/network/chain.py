"""A sequential network, forward and backward without torch's modules and without autograd.

On small networks these take several times as long as the arithmetic. The operations are the same, in the same order, so
that every bit is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook

from modescape.kernels import block
from modescape.kernels.dropout import LEVELS, MASKED
from modescape.kernels.implementation import usual
from modescape.kernels.layout import channels_last
from modescape.network.hooks import listened

Weights: TypeAlias = "tuple[Tensor, ...]"
"""Weight and bias of a link, or nothing."""

Back: TypeAlias = "tuple[Tensor | None, Weights]"
"""Gradients of a link's input (None unless they are asked for), and of its weight and bias."""


class Draw(NamedTuple):
    """The dropout of a link in this pass."""

    key: int
    call: int  # number of the dropout call within the pass
    levels: int  # dropped of 65536


class Link(Protocol):
    """One step: which layers it stands for, the names of its weight and bias if it has any, and what it computes."""

    layers: Sequence[Any]
    names: tuple[str, ...]

    @property
    def p(self) -> float:
        """The current probability of its dropout layer, 0 without one."""
        ...

    def takes(self, weights: Weights) -> bool:
        """Whether it can run with these weights."""
        ...

    def forward(self, x: Tensor, weights: Weights, draw: Draw, gradient: bool) -> tuple[Tensor, Any]:
        """Output, and what `backward` takes; ``gradient`` says whether that will be called."""
        ...

    def backward(self, kept: Any, grad: Tensor, for_input: bool) -> Back:
        """Gradients."""
        ...


class _Still:
    """A link that drops nothing and has no weights."""

    names: tuple[str, ...] = ()

    def __init__(self, layer: Any) -> None:
        self.layers: Sequence[Any] = (layer,)

    @property
    def p(self) -> float:
        """Nothing is dropped."""
        return 0.0

    def takes(self, weights: Weights) -> bool:
        """None."""
        return not weights


class Flat(_Still):
    """`nn.Flatten` of all but the examples."""

    def forward(self, x: Tensor, weights: Weights, draw: Draw, gradient: bool) -> tuple[Tensor, torch.Size]:
        """[example, ...] -> [example, feature]."""
        return x.flatten(1), x.shape

    def backward(self, kept: torch.Size, grad: Tensor, for_input: bool) -> Back:
        """The same numbers in the input's shape."""
        return grad.view(kept), ()


class Rectified(_Still):
    """`nn.ReLU`."""

    def forward(self, x: Tensor, weights: Weights, draw: Draw, gradient: bool) -> tuple[Tensor, Tensor]:
        """max(x, 0)."""
        out = x.relu()
        return out, out

    def backward(self, kept: Tensor, grad: Tensor, for_input: bool) -> Back:
        """Where something came out."""
        return torch.ops.aten.threshold_backward.default(grad, kept, 0), ()


class Dropped(_Still):
    """`nn.Dropout`."""

    @property
    def p(self) -> float:
        """Of the layer, as it is set now."""
        layer = self.layers[0]
        return layer.p if layer.training else 0.0

    def forward(self, x: Tensor, weights: Weights, draw: Draw, gradient: bool) -> tuple[Tensor, Draw]:
        """The next mask, or nothing."""
        return self._masked(x, draw), draw

    def backward(self, kept: Draw, grad: Tensor, for_input: bool) -> Back:
        """The same mask."""
        return self._masked(grad, kept), ()

    @staticmethod
    def _masked(x: Tensor, draw: Draw) -> Tensor:
        if not draw.levels:
            return x
        version = "native" if draw.levels < LEVELS else "torch"
        return MASKED[version](x, torch.tensor(draw.key), draw.call, draw.levels, False)


class Dense:
    """`nn.Linear` with a bias, of rows."""

    def __init__(self, layer: Any, names: tuple[str, ...]) -> None:
        self.layers: Sequence[Any] = (layer,)
        self.names = names

    @property
    def p(self) -> float:
        """Nothing is dropped."""
        return 0.0

    def takes(self, weights: Weights) -> bool:
        """Both."""
        return len(weights) == 2

    def forward(self, x: Tensor, weights: Weights, draw: Draw, gradient: bool) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """X weight^T + bias."""
        weight, bias = weights
        return functional.linear(x, weight, bias), (x, weight)

    def backward(self, kept: tuple[Tensor, Tensor], grad: Tensor, for_input: bool) -> Back:
        """The products in the forms that autograd gives them: others round otherwise."""
        x, weight = kept
        return grad.mm(weight) if for_input else None, (grad.t().mm(x), grad.sum(0))


class Pooled:
    """Convolution, dropout, pooling and ReLU: a `modescape.kernels.block.Block`."""

    def __init__(self, pool: Any, names: tuple[str, ...]) -> None:
        self.pool, self.layers, self.names = pool, pool.layers, names

    @property
    def p(self) -> float:
        """Of the dropout, 0 where there is none now."""
        return self.pool.p

    def takes(self, weights: Weights) -> bool:
        """Whether the C version is the faster one."""
        return len(weights) == 2 and block.pays(weights[0]) and round(self.p * LEVELS) < LEVELS

    def forward(self, x: Tensor, weights: Weights, draw: Draw, gradient: bool) -> tuple[Tensor, block.Kept]:
        """[example, channel, height, width] -> [example, filter, height, width]."""
        _, size, ceil, relu = self.pool.settings
        settings = (self.pool.padding, draw.call, draw.levels, size, ceil, relu)
        weight, bias = weights
        return block.forward(channels_last(x, False), weight, bias, draw.key, settings, gradient)

    def backward(self, kept: block.Kept, grad: Tensor, for_input: bool) -> Back:
        """Of the whole block."""
        for_x, for_weight, for_bias = block.backward(kept, grad, for_input)
        assert for_bias is not None
        return for_x, (for_weight, for_bias)


@dataclass(frozen=True)
class Chain:
    """Links one behind the other, that of the input first."""

    links: tuple[Link, ...]

    @classmethod
    def of(cls, module: nn.Module) -> Chain | None:
        """The chain of a network prepared by `modescape.network.fuse`; None if it is not sequential in this sense."""
        found: Chain | None = getattr(vars(module).get("forward"), "chain", None)
        if found is None or type(module) is not nn.Sequential or module._parameters or listened(module):
            return None
        return found

    def takes(self, x: Any, arithmetic: str, memory_format: str) -> bool:
        """Whether it can run on this input under this policy: no layer that would not be called has a hook."""
        if not isinstance(x, Tensor) or x.device.type != "cpu" or x.dtype != torch.float32 or x.requires_grad:
            return False
        if arithmetic == "bf16" or memory_format != "channels_last" or usual("cpu") != "native":
            return False
        images = isinstance(self.links[0], Pooled | Flat)
        if x.dim() != (4 if images else 2) or _has_any_global_hook():
            return False
        return all(0 <= link.p <= 1 and not any(map(_heard, link.layers)) for link in self.links)

    def weights(self, state: Mapping[str, Tensor]) -> list[list[Weights]] | None:
        """The weights of each link, for each network; None if the chain cannot run with them.

        Args:
            state: stacked tensors [model, ...] by name.
        """
        if len(state) != sum(len(link.names) for link in self.links):
            return None
        columns: list[list[Weights]] = []
        for link in self.links:
            own = [state[name].detach() for name in link.names if name in state]
            if any(one.dtype != torch.float32 or one.device.type != "cpu" or not one.is_contiguous() for one in own):
                return None
            if len(own) != len(link.names) or not link.takes(tuple(one[0] for one in own)):
                return None
            columns.append(list(zip(*(one.unbind() for one in own), strict=True)))
        models = max(map(len, columns))
        return [[column[model] if column else () for column in columns] for model in range(models)]

    def forward(
        self, x: Tensor, weights: Sequence[Weights], key: int = 0, *, gradient: bool = False
    ) -> tuple[Tensor, list[Any]]:
        """Outputs [example, width] of one network, and what `backward` takes.

        Args:
            x: [example, ...], accepted by `takes`; not modified.
            weights: of each link.
            key: of the dropout of this pass.
            gradient: whether `backward` will be called.
        """
        kept, calls = [], 0
        with torch.no_grad():
            for link, own in zip(self.links, weights, strict=True):
                levels = round(link.p * LEVELS)
                x, one = link.forward(x, own, Draw(key, calls, levels), gradient)
                calls += levels > 0
                kept.append(one)
        return x, kept

    def backward(self, kept: list[Any], grad: Tensor) -> dict[str, Tensor]:
        """Gradients of the weights by name, from the gradient [example, width] with respect to the outputs."""
        found: dict[str, Tensor] = {}
        slope: Tensor | None = grad
        with torch.no_grad():
            for number in range(len(self.links) - 1, -1, -1):
                assert slope is not None
                slope, own = self.links[number].backward(kept[number], slope, number > 0)
                found.update(zip(self.links[number].names, own, strict=True))
        return found


def chained(named: Sequence[tuple[Any, str]]) -> Chain | None:
    """The chain of a network's steps, each with the name of its layer; None where one of them is of another kind.

    Args:
        named: layers, or what `modescape.network.fuse` made of several, with the name of the layer that has weights.
    """
    links: list[Link] = []
    for step, name in named:
        link = _link(step, name)
        rows = bool(links) and not isinstance(links[-1], Pooled)
        if link is None or (isinstance(link, Pooled) and rows) or (isinstance(link, Flat) and rows):
            return None
        if links and isinstance(links[-1], Pooled) and not isinstance(link, Pooled | Flat):
            return None
        links.append(link)
    return Chain(tuple(links)) if links else None


def _link(step: Any, name: str) -> Link | None:
    names = (f"{name}.weight", f"{name}.bias")
    if getattr(step, "convolution", None) is not None:
        return Pooled(step, names) if step.convolution.bias is not None else None
    if type(step) is nn.Linear:
        return Dense(step, names) if step.bias is not None else None
    if type(step) is nn.Flatten:
        return Flat(step) if (step.start_dim, step.end_dim) == (1, -1) else None
    kinds = {nn.ReLU: Rectified, nn.Dropout: Dropped}
    if "forward" in vars(step):  # a user's own; `fuse` sets those of dropout layers later
        return None
    return kinds[type(step)](step) if type(step) in kinds else None


def _heard(layer: nn.Module) -> bool:
    """Whether a layer has hooks, or a ``forward`` of its own that is not `fuse`'s."""
    return listened(layer) or (type(layer) is not nn.Dropout and "forward" in vars(layer))
