"""The networks of `bench/decisions.py`: small ones of several kinds, all members of a study trained together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

import numpy as np
import torch
from decisions_data import SIDE
from decisions_layers import (
    Dense,
    Dropout,
    Layer,
    Norm,
    Relu,
    Residual,
    Run,
    back_through,
    count_of,
    through,
    turned,
)
from decisions_pictures import Conv, Flat, Pool
from torch import nn

from modescape.alignment import align_many
from modescape.errors import InputError, WorkError

ONE_LAYER = "one hidden layer"
CONVOLUTIONAL = ("convolutional", "convolutional, batch norm")
TOGETHER = 100  # examples per forward pass
BATCH = 32
LIMIT = 6.0  # log-variances are clipped to +-6
Layers = tuple[Layer, ...]


def _dense(hidden: int, *behind: Callable[[int], Layer]) -> Callable[[int, int, int], Layers]:
    """A dense network of that many hidden layers, with further layers between each of them and its ReLU."""

    def made(inputs: int, width: int, outputs: int) -> Layers:
        sizes = pairwise([inputs, *[width] * hidden])
        layers = [layer for pair in sizes for layer in (Dense(*pair), *(one(width) for one in behind), Relu())]
        return *layers, Dense(width, outputs)

    return made


def _residual(inputs: int, width: int, outputs: int) -> Layers:
    block = Residual((Relu(), Dense(width, width), Relu(), Dense(width, width)))
    return Dense(inputs, width), block, block, Relu(), Dense(width, outputs)


def _convolutional(_: int, width: int, outputs: int) -> Layers:
    """The SmallCNN of Fort et al. 2019 (`modescape.models.cnn.small_cnn`), for small pictures."""
    layers: list[Layer] = []
    for inputs, filters in ((1, width), (width, 2 * width), (2 * width, 2 * width)):
        layers += [Conv(inputs, filters), Dropout(0.1), Pool(), Relu()]
    return *layers[:-1], Flat(), Dense(2 * width * (SIDE // 8) ** 2, outputs)


def _normalised(_: int, width: int, outputs: int) -> Layers:
    layers: list[Layer] = []
    for inputs, filters in ((1, width), (width, 2 * width)):
        layers += [Conv(inputs, filters), Norm(filters, pictures=True), Relu(), Pool()]
    return *layers, Flat(), Dense(2 * width * (SIDE // 4) ** 2, outputs)


NETWORKS: dict[str, Callable[[int, int, int], Layers]] = {  # inputs, width (filters of the first block), outputs
    ONE_LAYER: _dense(1),
    "two hidden layers": _dense(2),
    "three hidden layers": _dense(3),
    "two, batch norm": _dense(2, Norm),
    "two, dropout": _dense(2, lambda _: Dropout(0.2)),
    "residual": _residual,
    CONVOLUTIONAL[0]: _convolutional,
    CONVOLUTIONAL[1]: _normalised,
}


@dataclass(frozen=True)
class Kind:
    """Networks that differ in their weights alone."""

    network: str
    inputs: int
    width: int
    outputs: int

    @functools.cached_property
    def layers(self) -> Layers:
        """The layers, from the first to the last."""
        return NETWORKS[self.network](self.inputs, self.width, self.outputs)

    @property
    def weights(self) -> int:
        """Number of weights."""
        return count_of(self.layers)

    def examples(self, features: np.ndarray) -> np.ndarray:
        """Features [..., feature], as the first layer takes them."""
        features = features.astype(self.precision, copy=False)
        if self.network not in CONVOLUTIONAL:
            return features
        return features.reshape(*features.shape[:-1], SIDE, SIDE, 1)

    @property
    def precision(self) -> type:
        """Floating-point type: single precision for convolutions, which halves their time."""
        return np.float32 if self.network in CONVOLUTIONAL else np.float64

    def wider(self, times: int) -> Kind:
        """The widest kind with at most that many times the weights, not counting the output biases."""

        def own(width: int) -> int:
            return Kind(self.network, self.inputs, width, self.outputs).weights - self.outputs

        width = next(width for width in count(self.width) if own(width + 1) > times * own(self.width))
        return Kind(self.network, self.inputs, width, self.outputs)


@dataclass
class Stack:
    """Networks of one kind; each row holds the weights of one, [member, weight]."""

    kind: Kind
    rows: np.ndarray

    @classmethod
    def drawn(cls, kind: Kind, members: int, random: np.random.Generator) -> Stack:
        """Networks before training: weights of variance 1 / inputs, biases of 0, scales of batch norm of 1."""
        found = []
        for layer in _unfolded(kind.layers):
            scale, *biases = layer.shapes or ((),)
            if isinstance(layer, Norm):
                found.append(np.ones((members, layer.units)))
            elif scale:
                found.append(random.normal(0, scale[0] ** -0.5, (members, *scale)).reshape(members, -1))
            found += [np.zeros((members, int(np.prod(shape)))) for shape in biases]
        return cls(kind, np.concatenate(found, 1).astype(kind.precision))

    def parts(self) -> list[np.ndarray]:
        """Views of the parameters of each layer in turn, [member, ...]."""
        shapes = [shape for layer in self.kind.layers for shape in layer.shapes]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        begins = [0, *ends[:-1]]
        return [
            self.rows[:, begin:end].reshape(-1, *shape) for begin, end, shape in zip(begins, ends, shapes, strict=True)
        ]

    def gradient(self, features: np.ndarray, target: np.ndarray, numbers: bool, run: Run) -> np.ndarray:
        """Gradient of each member's mean loss on its batch, [member, weight]."""
        layers, parts = self.kind.layers, self.parts()
        out, kept = through(layers, parts, self.kind.examples(features), run)
        own = slope_of(out, target, numbers).astype(out.dtype) / features.shape[1]
        found = back_through(layers, parts, kept, own, True)[1]
        return np.concatenate([one.reshape(len(one), -1) for one in found], 1)

    def said(self, features: np.ndarray, known: np.ndarray, numbers: bool) -> np.ndarray:
        """Log-probabilities, or mean and log-variance, [member, example, width].

        Args:
            features: [example, feature].
            known: features of the training examples, on which batch-norm statistics are computed.
            numbers: whether it is a regression.
        """
        layers, parts, whole = self.kind.layers, self.parts(), Run()
        if any(isinstance(layer, Norm) for layer in layers):
            through(layers, parts, self.kind.examples(known)[None], whole)
        blocks = [features[begin : begin + TOGETHER] for begin in range(0, len(features), TOGETHER)]
        every = [through(layers, parts, self.kind.examples(block)[None], Run(known=whole.found))[0] for block in blocks]
        out = np.concatenate(every, 1).astype(np.float64)
        if numbers:
            return np.concatenate([out[..., :1], np.clip(out[..., 1:], -LIMIT, LIMIT)], -1)
        top = out.max(-1, keepdims=True)
        return out - top - np.log(np.exp(out - top).sum(-1, keepdims=True))

    def averaged(self, members: Sequence[int]) -> Stack:
        """One network with the mean weights of some members."""
        return Stack(self.kind, self.rows[list(members)].mean(0, keepdims=True))

    def in_one_order(self) -> Stack | None:
        """The same networks aligned by `modescape.align_many`; None where they cannot be."""
        module = nn.Sequential(*(layer.torch() for layer in self.kind.layers)).double().eval()
        example = torch.from_numpy(np.zeros((2, self.kind.inputs)))
        if self.kind.network in CONVOLUTIONAL:
            example = example.reshape(2, 1, SIDE, SIDE)
        names = [name for name, _ in module.named_parameters()]
        states = []
        for member in range(len(self.rows)):
            own = turned(self.kind.layers, [part[member].astype(np.float64) for part in self.parts()])
            states.append({**module.state_dict(), **dict(zip(names, map(torch.from_numpy, own), strict=True))})
        try:
            found = align_many(module, states, [(example, torch.zeros(2).long())])
        except (InputError, WorkError):
            return None
        rows = [turned(self.kind.layers, [one.state[name].numpy() for name in names]) for one in found]
        flat = np.stack([np.concatenate([part.ravel() for part in row]) for row in rows])
        return Stack(self.kind, flat.astype(self.kind.precision))


def _unfolded(layers: Sequence[Layer]) -> Iterator[Layer]:
    for layer in layers:
        yield from layer.layers if isinstance(layer, Residual) else (layer,)


def slope_of(out: np.ndarray, target: np.ndarray, numbers: bool) -> np.ndarray:
    """Gradient of the loss with respect to the outputs, per example; it can move clipped log-variances back."""
    if numbers:
        mean, log_variance = out[..., :1], np.clip(out[..., 1:], -LIMIT, LIMIT)
        residual, precision = mean - target[..., None], np.exp(-log_variance)
        return np.concatenate([residual * precision, 0.5 - 0.5 * residual**2 * precision], -1)
    share = np.exp(out - out.max(-1, keepdims=True))
    share /= share.sum(-1, keepdims=True)
    np.put_along_axis(share, target[..., None], np.take_along_axis(share, target[..., None], -1) - 1, -1)
    return share


def loss(predicted: np.ndarray, target: np.ndarray, numbers: bool) -> np.ndarray:
    """Mean loss of each member, [member]."""
    if numbers:
        mean, log_variance = predicted[..., 0], predicted[..., 1]
        return (0.5 * log_variance + 0.5 * (mean - target) ** 2 * np.exp(-log_variance)).mean(-1)
    return -predicted[:, np.arange(len(target)), target].mean(-1)


@dataclass(frozen=True)
class Fit:
    """How networks are trained: Adam on batches of 32, drawn for each member separately."""

    steps: int
    rate: float  # learning rate, which decays to 0 along a cosine
    looks: int  # number of parts of the training, each of which ends with an evaluation
    numbers: bool  # whether it is a regression
    spread: bool = False  # whether each member has its own rate, a third to three times `rate`

    def __call__(
        self, stack: Stack, features: np.ndarray, target: np.ndarray, random: np.random.Generator
    ) -> Iterator[Stack]:
        """Yield the networks after each part; training goes on in the same arrays."""
        members = len(stack.rows)
        own = 3 ** random.uniform(-1, 1, (members, 1)) if self.spread else 1.0
        run = Run(random=np.random.default_rng((members, self.steps)))
        first, second = np.zeros_like(stack.rows), np.zeros_like(stack.rows)
        ends = set(np.linspace(0, self.steps, self.looks + 1).round().astype(int)[1:])
        for step in range(1, self.steps + 1):
            chosen = random.integers(0, len(features), (members, min(BATCH, len(features))))
            run.found.clear()
            gradient = stack.gradient(features[chosen], target[chosen], self.numbers, run)
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            rate = self.rate * 0.5 * (1 + np.cos(np.pi * (step - 1) / self.steps))
            moved = first / (1 - 0.9**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
            stack.rows -= own * rate * moved
            if step in ends:
                yield stack
