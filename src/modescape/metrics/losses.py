"""Losses of averages of any models, from sums over the models alone, for the search for subsets and weights.

The average of the models S depends on a sum over S of one term per model, so that one more model costs one addition per
example, not per class:

* NLL of a mixture: - log (1/k sum_m p_m(y)), one number an example, for classes and for densities;
* error: the average is right where sum_m (p_m(y) - p_m(c)) > 0 for every other class c (from the label's own on: at
  least 0, as the first of the largest wins). Classes that are behind in every model never matter and are left out, as
  are examples that every average gets right, or none does: of good models a few numbers an example remain;
* squared error of the mean of the means: (1/k sum_m e_m)^2, one number per output.

A loss is ``scale(k) * raw + offset(k)`` with ``raw`` from the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

TIE = 1e-6  # difference of probabilities below which two classes are tied
LOW_BITS = 10  # models whose subsets are summed in a table: 1,024 rows
CHUNK = 256  # examples per block, which fits a core's cache


def _nothing(size: np.ndarray) -> np.ndarray:
    return np.zeros(np.shape(size))


def _one(size: np.ndarray) -> np.ndarray:
    return np.ones(np.shape(size))


@dataclass(frozen=True, kw_only=True)
class Losses:
    """A loss of averages of models on each example."""

    layers: list[np.ndarray]  # terms to sum, float32 [model, example]; later layers hold the first examples only
    bias: list[np.ndarray]  # initial value of each sum, float32 [example] per layer
    raw: Callable[[list[np.ndarray]], np.ndarray]  # sums of each layer [..., example], overwritten -> [..., example]
    place: np.ndarray  # index of these examples among all
    known: np.ndarray  # constant part of each example's loss; the whole loss of those in no layer
    scale: Callable[[np.ndarray], np.ndarray] = _one
    offset: Callable[[np.ndarray], np.ndarray] = _nothing

    @property
    def models(self) -> int:
        """How many there are."""
        return len(self.layers[0])

    def of_sums(self, sums: list[np.ndarray], size: np.ndarray) -> np.ndarray:
        """Loss without its constant part, of the examples in ``place``: sums [..., example] over ``size`` models."""
        return self.scale(size) * self.raw(sums) + self.offset(size)

    def example(self, weights: np.ndarray) -> np.ndarray:
        """Loss of weighted averages on all examples, float64 [row, all examples].

        Args:
            weights: of the models, 0 or more, [row, model]; masks of subsets are weights, too.
        """
        weights = np.asarray(weights, dtype=np.float64)
        out = np.tile(self.known, (len(weights), 1))
        rows = max(1, (1 << 22) // max(1, sum(layer.shape[1] for layer in self.layers)))
        for start in range(0, len(weights), rows):
            part = weights[start : start + rows]
            sums = [part.astype(np.float32) @ layer + bias for layer, bias in zip(self.layers, self.bias, strict=True)]
            out[start : start + rows, self.place] += self.of_sums(sums, part.sum(1, keepdims=True))
        return out

    def subsets(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield, in blocks, every subset: (slice of subset numbers, indices of examples, raw losses [subset, example]).

        Subset s holds model m where bit m of s is 1; the empty subset, 0, is included and its loss is meaningless.
        About 15 s on one core for 20 models and 10,000 examples in NLL.
        """
        low = min(LOW_BITS, self.models)
        for start in range(0, len(self.place), CHUNK):
            block = slice(start, start + CHUNK)
            parts = [(layer[:, block], bias[block]) for layer, bias in zip(self.layers, self.bias, strict=True)]
            tables = [
                (_sums(part[:low], bias), _sums(part[low:], np.zeros_like(bias))) for part, bias in parts if bias.size
            ]
            sums = [np.empty_like(first) for first, _ in tables]  # reused: allocating costs more than summing
            for high in range(1 << (self.models - low)):
                for (first, last), out in zip(tables, sums, strict=True):
                    np.add(first, last[high], out=out)
                raw = self.raw(sums)
                yield slice(high << low, (high + 1) << low), self.place[block], raw


def _sums(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Start plus sums over every subset of rows, [2^row, column]."""
    out = start[None]
    for row in values:
        out = np.concatenate([out, out + row])
    return out


def sizes_of(models: int) -> np.ndarray:
    """How many models each subset has, [2^model]."""
    return np.bitwise_count(np.arange(1 << models, dtype=np.uint32)).astype(np.int64)


def nll_losses(log_likelihood: np.ndarray) -> Losses:
    """NLL of averages, nats.

    Args:
        log_likelihood: log-probability (or log-density) of the truth, [model, example].
    """
    largest = log_likelihood.max(0).astype(np.float64)
    base = np.where(np.isneginf(largest), 0.0, largest)  # prevents underflow in all models at once
    ratio = np.exp(log_likelihood - base).astype(np.float32)

    def raw(sums: list[np.ndarray]) -> np.ndarray:
        with np.errstate(divide="ignore"):  # no probability at all
            return np.negative(np.log(sums[0], out=sums[0]), out=sums[0])

    count = len(base)
    return Losses(
        layers=[ratio],
        bias=[np.zeros(count, dtype=np.float32)],
        raw=raw,
        place=np.arange(count),
        known=-base,
        offset=lambda size: np.log(np.maximum(size, 1e-9)),
    )


def error_losses(prob: np.ndarray, label: np.ndarray) -> Losses:
    """Whether the most probable class of averages is wrong, 1 or 0; in a tie the first is predicted.

    Args:
        prob: probabilities, [model, example, class]; or votes, 1 and 0.
        label: true classes, [example].
    """
    examples, classes = prob.shape[1:]
    of_label = prob[:, np.arange(examples), label]
    never = np.zeros(examples, dtype=bool)  # right whichever models are averaged
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # of a class: examples it matters for, margins, ties
    for number in range(classes):
        margin = of_label - prob[:, :, number]
        tie = np.where(number > label, TIE, -TIE)  # later classes lose ties with the label, earlier ones win them
        least, most = margin.min(0), margin.max(0)
        other = number != label
        never |= other & (most <= 0) & (most + tie <= 0)
        chosen = np.flatnonzero(other & ~((least >= 0) & (least + tie > 0)))
        rows.append((chosen, margin[:, chosen], tie[chosen]))
    count = np.bincount(np.concatenate([chosen for chosen, _, _ in rows]), minlength=examples)
    count[never] = 0
    place = np.argsort(-count, kind="stable")[: int((count > 0).sum())]
    layers, bias = _layered(rows, count, place, len(prob))
    return Losses(layers=layers, bias=bias, raw=_wrong, place=place, known=never.astype(np.float64))


def _layered(
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]], count: np.ndarray, place: np.ndarray, models: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Margins of each example, the first of every example in one layer, the second in the next, and so on."""
    depth = max(1, int(count.max(initial=0)))
    lengths = [int((count > step).sum()) for step in range(depth)]
    layers = [np.empty((models, length), dtype=np.float32) for length in lengths]
    bias = [np.empty(length, dtype=np.float32) for length in lengths]
    at = np.full(len(count), -1)
    at[place] = np.arange(len(place))
    filled = np.zeros(len(place), dtype=np.int64)
    for chosen, margin, tie in rows:
        there = at[chosen] >= 0
        own = at[chosen[there]]
        for step in np.unique(filled[own]):
            here = filled[own] == step
            layers[step][:, own[here]] = margin[:, there][:, here]
            bias[step][own[here]] = tie[there][here]
        filled[own] += 1
    return layers, bias


def _wrong(sums: list[np.ndarray]) -> np.ndarray:
    """1 where any margin is not above 0; [..., example]."""
    least = sums[0]
    for one in sums[1:]:
        part = least[..., : one.shape[-1]]
        np.minimum(part, one, out=part)
    return np.less_equal(least, 0, out=least)


def squared_losses(error: np.ndarray) -> Losses:
    """Squared error of averages of means, mean over outputs.

    Args:
        error: predicted mean minus target, [model, example, output].
    """
    outputs = error.shape[2]

    def raw(sums: list[np.ndarray]) -> np.ndarray:
        total = np.square(sums[0])
        for one in sums[1:]:
            total += np.square(one)
        return total / outputs

    layers = [np.ascontiguousarray(error[:, :, output], dtype=np.float32) for output in range(outputs)]
    count = error.shape[1]
    return Losses(
        layers=layers,
        bias=[np.zeros(count, dtype=np.float32)] * outputs,
        raw=raw,
        place=np.arange(count),
        known=np.zeros(count),
        scale=lambda size: 1.0 / np.maximum(size, 1e-9) ** 2,
    )
