"""Layers of the networks of `bench/decisions.py`, each computed for all members of a study at once.

Written out in NumPy, gradients too: at 8 to 128 units, call overhead dominates a step, and that of `torch.autograd` is
ten times larger. Hidden units are [member, example, ..., unit], a layer's parts (its parameters) [member, ...]. `torch`
gives a layer's PyTorch module, for alignment and as a test reference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from torch import nn

Parts = Sequence[np.ndarray]
EPS = 1e-5  # batch norm's, as in PyTorch


@dataclass
class Run:
    """The mode of a pass: training, or with batch-norm statistics of training examples."""

    random: np.random.Generator | None = None  # for dropout; without it, no unit is dropped
    found: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # means and variances of batch norms
    known: list[tuple[np.ndarray, np.ndarray]] | None = None  # statistics to use instead, in the order of the layers


class Layer(Protocol):
    """One layer of several networks, which differ in their parameters."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the layer's parts."""
        ...

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        """The output, and the values that `backward` needs."""
        ...

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        """Gradients with respect to the input (not needed for the first layer) and to the parameters."""
        ...

    def torch(self) -> nn.Module:
        """The same layer in PyTorch, whose parameters are laid out as `turned` returns them."""
        ...

    def turned(self, parts: Parts) -> Parts:
        """Convert parameters of one member to PyTorch's layout, or back (an involution)."""
        ...


@dataclass(frozen=True)
class Plain:
    """A layer without parameters."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return ()

    def turned(self, parts: Parts) -> Parts:
        """Nothing to convert."""
        return parts


@dataclass(frozen=True)
class Dense:
    """A linear layer with bias."""

    inputs: int
    outputs: int

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of weight and bias."""
        return (self.inputs, self.outputs), (1, self.outputs)

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        return hidden @ parts[0] + parts[1], hidden

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        own = kept.swapaxes(1, 2) @ slope, slope.sum(1, keepdims=True)
        return slope if first else slope @ parts[0].swapaxes(1, 2), own

    def torch(self) -> nn.Module:
        return nn.Linear(self.inputs, self.outputs)

    def turned(self, parts: Parts) -> Parts:
        weight, bias = parts
        return weight.T, bias[0] if bias.ndim == 2 else bias[None]


@dataclass(frozen=True)
class Relu(Plain):
    """max(0, x)."""

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        out = np.maximum(hidden, 0)
        return out, out

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        return slope * (kept > 0), ()

    def torch(self) -> nn.Module:
        return nn.ReLU()


@dataclass(frozen=True)
class Dropout(Plain):
    """In training, a share of the units is set to 0 and the others are scaled up to make up for it."""

    share: float

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        if run.random is None:
            return hidden, 1.0
        mask = (run.random.random(hidden.shape, dtype=np.float32) >= self.share) * hidden.dtype.type(
            1 / (1 - self.share)
        )
        return hidden * mask, mask

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        return slope * kept, ()

    def torch(self) -> nn.Module:
        return nn.Dropout(self.share)


@dataclass(frozen=True)
class Norm:
    """Batch norm over units or filters; its statistics are computed on training examples after training."""

    units: int
    pictures: bool = False

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of scale and bias."""
        return (self.units,), (self.units,)

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        flat = hidden.reshape(len(hidden), -1, self.units)
        if run.known is None:
            mean, variance = flat.mean(1, keepdims=True), flat.var(1, keepdims=True)
        else:
            mean, variance = run.known[len(run.found)]
        run.found.append((mean, variance))
        factor = 1 / np.sqrt(variance + EPS)
        units = (flat - mean) * factor
        out = units * parts[0][:, None] + parts[1][:, None]
        return out.reshape(hidden.shape), (units, factor)

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        units, factor = kept
        flat = slope.reshape(units.shape)
        scale, bias = (flat * units).sum(1), flat.sum(1)
        count = units.shape[1]
        back = flat - bias[:, None] / count - units * (scale[:, None] / count)
        return (back * (factor * parts[0][:, None])).reshape(slope.shape), (scale, bias)

    def torch(self) -> nn.Module:
        return (nn.BatchNorm2d if self.pictures else nn.BatchNorm1d)(self.units, eps=EPS)

    def turned(self, parts: Parts) -> Parts:
        return parts


class Added(nn.Module):
    """A residual block: the sum of the input and the output of some layers."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, hidden: Any) -> Any:
        """Hidden units [example, unit] -> the same shape."""
        return hidden + self.body(hidden)


@dataclass(frozen=True)
class Residual:
    """A residual block: the sum of the input and the output of some layers."""

    layers: tuple[Layer, ...]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of all layers' parts."""
        return tuple(shape for layer in self.layers for shape in layer.shapes)

    def forward(self, parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, Any]:
        out, kept = through(self.layers, parts, hidden, run)
        return hidden + out, kept

    def backward(self, parts: Parts, kept: Any, slope: np.ndarray, first: bool) -> tuple[np.ndarray, Parts]:
        back, own = back_through(self.layers, parts, kept, slope, False)
        return slope + back, own

    def torch(self) -> nn.Module:
        return Added(nn.Sequential(*(layer.torch() for layer in self.layers)))

    def turned(self, parts: Parts) -> Parts:
        return turned(self.layers, parts)


def _own(layers: Sequence[Layer], parts: Parts) -> list[Parts]:
    """Parts of each layer."""
    ends = np.cumsum([len(layer.shapes) for layer in layers])
    return [parts[end - len(layer.shapes) : end] for layer, end in zip(layers, ends, strict=True)]


def through(layers: Sequence[Layer], parts: Parts, hidden: np.ndarray, run: Run) -> tuple[np.ndarray, list[Any]]:
    """The output of layers, and the values that `back_through` needs."""
    kept = []
    for layer, own in zip(layers, _own(layers, parts), strict=True):
        hidden, needed = layer.forward(own, hidden, run)
        kept.append(needed)
    return hidden, kept


def back_through(
    layers: Sequence[Layer], parts: Parts, kept: list[Any], slope: np.ndarray, first: bool
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Gradients with respect to the input (if layers are not the first) and to all parameters."""
    found: list[np.ndarray] = []
    every = _own(layers, parts)
    for place in range(len(layers) - 1, -1, -1):
        slope, own = layers[place].backward(every[place], kept[place], slope, first and place == 0)
        found = [*own, *found]
    return slope, found


def turned(layers: Sequence[Layer], parts: Parts) -> list[np.ndarray]:
    """Convert parameters of one member to PyTorch's layout, or back."""
    pairs = zip(layers, _own(layers, parts), strict=True)
    return [np.ascontiguousarray(part) for layer, own in pairs for part in layer.turned(own)]


def count_of(layers: Sequence[Layer]) -> int:
    """Number of parameters."""
    return sum(math.prod(shape) for layer in layers for shape in layer.shapes)
