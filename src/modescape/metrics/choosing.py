"""Which models to keep: the best subset of each size, greedily or by exhaustive search, chosen on some examples.

The best subset on some examples looks better there than it is: selection overfits. So subsets are chosen on all folds
of the examples but one and scored on that one, fold by fold; the difference to the score where it was chosen is the
optimism of the selection.

**Intervals.** A subset chosen without one fold depends on the others, which are scored too: a model that is good on
fold 1 by luck is chosen for fold 2, and vice versa. So the mean over folds varies more than its examples show, and an
interval from these alone covers the truth in .75 to .92 of test sets (docs/intervals.md). With R partitions into K
folds, a selected score varies by 1/R + K / (K - 1) times its examples' variance if the selection changed with every
fold; a score that does not depend on the selection does not. So the score of each example is split, s(x) = a(x) + d(x),
with a(x) that of an average without any selection (the mean model, or all models, whichever is closer), and d(x) - mean
d is multiplied by the square root of that factor (`widened`).

Source: Caruana et al. 2004, "Ensemble selection from libraries of models" (greedy selection on examples that are set
apart); Cawley and Talbot 2010, "On over-fitting in model selection" (why the score must be that of the procedure);
Nadeau and Bengio 2003, "Inference for the generalization error" (the factor); Bates, Hastie and Tibshirani 2021,
arXiv 2104.00673 (why intervals from examples alone are too short).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from modescape.metrics.losses import Losses, sizes_of

MOST_MODELS = 20  # most models for exhaustive search


class Chosen(NamedTuple):
    """The best subset of each size."""

    masks: np.ndarray  # bool [size, model], sizes 1, 2, ...
    loss: np.ndarray  # mean on the examples on which it was chosen, [size]

    @property
    def best(self) -> int:
        """Index of the best size, the smallest in a tie."""
        return int(np.nanargmin(np.where(np.isnan(self.loss), np.inf, self.loss)))


def greedy(losses: Losses, weight: np.ndarray) -> Chosen:
    """Greedy forward selection: start with the best model, then add the one that improves the average most, each once.

    Args:
        losses: losses of averages of the models.
        weight: 1 for examples used in the selection, 0 for others, [example].
    """
    count, total = losses.models, weight.sum()
    own, known = weight[losses.place].astype(np.float32), float(losses.known @ weight)
    sums = [bias.copy() for bias in losses.bias]
    left, masks, found = list(range(count)), np.zeros((count, count), dtype=bool), np.empty(count)
    for size in range(1, count + 1):
        candidates = [  # `of_sums` overwrites its arguments
            one + layer[left] for one, layer in zip(sums, losses.layers, strict=True)
        ]
        with np.errstate(invalid="ignore"):  # infinite on an example of weight 0
            loss = _weighted(losses.of_sums(candidates, np.full((1, 1), float(size))), own)
        best = int(np.argmin(np.where(np.isnan(loss), np.inf, loss)))
        found[size - 1] = (loss[best] + known) / total
        model = left.pop(best)
        masks[size - 1 :, model] = True
        sums = [one + layer[model] for one, layer in zip(sums, losses.layers, strict=True)]
    return Chosen(masks, found)


def _weighted(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted sums over examples in float64, in which an infinite value of weight 0 is ignored; [...]."""
    infinite = np.isinf(values)
    if not infinite.any():
        return values.astype(np.float64) @ weight.astype(np.float64)
    finite = np.where(infinite, 0.0, values).astype(np.float64) @ weight.astype(np.float64)
    return finite + np.where((infinite & (weight > 0)).any(-1), np.inf, 0.0)


def every_subset(losses: Losses, part: np.ndarray) -> np.ndarray:
    """Sums of the loss over each fold of the examples for every subset, float64 [subset, part]; NaN for the empty one.

    Args:
        losses: losses of averages of at most `MOST_MODELS` models.
        part: fold of each example, [example], 0, 1, ...
    """
    parts, sizes = int(part.max()) + 1, sizes_of(losses.models).astype(np.float64)
    total = np.zeros((len(sizes), parts))
    for subsets, place, raw in losses.subsets():
        inside = (part[place][:, None] == np.arange(parts)).astype(np.float32)
        total[subsets] += raw @ inside if np.isfinite(raw).all() else _by_part(raw, inside)
    own = np.bincount(part[losses.place], minlength=parts)
    total = total * losses.scale(sizes)[:, None] + losses.offset(sizes)[:, None] * own
    total += np.bincount(part, losses.known, parts)
    total[0] = np.nan
    return total


def _by_part(raw: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return np.stack([_weighted(raw, column) for column in inside.T], 1)


def exact(losses: Losses, part: np.ndarray) -> Callable[[np.ndarray], Chosen]:
    """Evaluate every subset once; the returned function finds the best of each size on any folds.

    Args:
        losses: losses of averages of at most `MOST_MODELS` models.
        part: fold of each example, [example].

    Returns:
        A function of the folds to choose on, bool [part].
    """
    total, sizes = every_subset(losses, part), sizes_of(losses.models)
    numbers = np.bincount(part)
    order = np.argsort(sizes, kind="stable")
    starts = np.searchsorted(sizes[order], np.arange(1, losses.models + 2))

    def choose(kept: np.ndarray) -> Chosen:
        loss = (total[:, kept].sum(1) / numbers[kept].sum())[order]
        best = [
            start + int(np.argmin(np.where(np.isnan(loss[start:stop]), np.inf, loss[start:stop])))
            for start, stop in pairwise(starts)
        ]
        masks = (order[best][:, None] >> np.arange(losses.models)) & 1
        return Chosen(masks.astype(bool), loss[best])

    return choose


def factor_of(parts: int, partitions: int = 1) -> float:
    """Factor between the variance of a selected score and that from its examples alone: 1/R + K / (K - 1)."""
    return 1 / partitions + parts / (parts - 1)


def widened(chosen: np.ndarray, steady: Sequence[np.ndarray], factor: float) -> np.ndarray:
    """Cross-validated scores of examples, rescaled so that their spread includes the variance of the selection.

    Args:
        chosen: score of each example (or group) by the subset chosen without it, [metric, example].
        steady: scores of averages without any selection, [metric, example] each; the closest is used.
        factor: for the variance of the difference to that (`factor_of`).

    Returns:
        float64 [metric, example], with the same means.

    >>> widened(np.array([[1.0, 3.0]]), [np.array([[1.0, 1.0]])], 2.25).tolist()
    [[0.5, 3.5]]
    """
    out = np.empty(chosen.shape)
    for metric, own in enumerate(chosen):
        with np.errstate(invalid="ignore"):  # infinite scores
            apart = [own - one[metric] for one in steady]
            spread = [one.var() for one in apart]
            nearest = apart[int(np.argmin(np.where(np.isnan(spread), np.inf, spread)))]
            out[metric] = own + (np.sqrt(factor) - 1) * (nearest - nearest.mean())
    return out
