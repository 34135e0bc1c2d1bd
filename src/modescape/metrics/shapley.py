"""The contribution of each model to the average of all: its Shapley value, and the loss without it.

With v(S) the loss of the average of the models S, and v() that of a prediction without any model, the Shapley value of
a model is the change of the loss when it is added, averaged over all orders in which the models can be added:

    phi_m = sum over S without m of |S|! (M - |S| - 1)! / M! (v(S + m) - v(S)).

The values of all models sum to v(all) - v(). They are computed example by example (v is a mean over examples, so phi
is), which gives intervals over examples as for any mean.

Source: Shapley 1953; Rozemberczki and Sarkar 2021, arXiv 2101.02153 (of the models of an ensemble); Castro, Gomez and
Tejada 2009 (sampled orders).
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np

from modescape.metrics.losses import Losses, sizes_of

MOST_MODELS = 12  # most models for which every subset is evaluated
LEAST_SETS = 4  # fewest sets of orders, for a standard error


class Shapley(NamedTuple):
    """Shapley values of the models' losses; below 0 if a model improves the average."""

    example: np.ndarray  # of each example, float64 [model, example]
    error: (
        np.ndarray
    )  # standard error through the orders that were sampled, [model]; 0 where all subsets were looked at
    sets: int  # of orders, drawn independently; 0: every subset
    orders: int


def shapley(losses: Losses, nothing: np.ndarray, key: int, orders: int = 1000) -> Shapley:
    """Shapley value of every model on every example.

    Up to `MOST_MODELS` models every subset is evaluated; above, sets of orders: a random one, rotated so that every
    model is at every position once, and their reverses. So the first position's term, by far the largest, has no noise.

    Args:
        losses: of averages of the models.
        nothing: v(), the loss without any model, [example].
        key: of the stream of orders.
        orders: approximate number of sampled orders; at least 4 sets.
    """
    if losses.models <= MOST_MODELS:
        return Shapley(_exact(losses, nothing), np.zeros(losses.models), 0, 0)
    return _sampled(losses, nothing, key, orders)


@np.errstate(invalid="ignore")  # an infinite NLL, of either sign
def _exact(losses: Losses, nothing: np.ndarray) -> np.ndarray:
    """From one weighted sum over all subsets: a subset counts for its own models and against all others."""
    models = losses.models
    sizes = sizes_of(models)
    inside = (np.arange(1 << models)[None, :] >> np.arange(models)[:, None]) & 1
    share = np.array([1 / models / comb(models - 1, size) for size in range(models)])
    own = share[np.maximum(sizes - 1, 0)]
    others = share[np.minimum(sizes, models - 1)]
    weight = np.where(inside == 1, own, -others)
    weight[:, 0] = 0.0  # the empty subset has no average: added by hand
    scale, offset = losses.scale(sizes.astype(float)), losses.offset(sizes.astype(float))
    out = np.zeros((models, len(losses.known)))
    scaled = (weight * scale).astype(np.float64)
    for subsets, place, raw in losses.subsets():
        raw = np.where(np.arange(subsets.start, subsets.stop)[:, None] == 0, 0.0, raw)
        out[:, place] += scaled[:, subsets] @ raw
    constant = weight[:, 1:] @ offset[1:]
    out[:, losses.place] += constant[:, None]
    # the constant part of the loss: the weights of all non-empty subsets sum to 1 / models
    return out + (losses.known - nothing) / models


def _sampled(losses: Losses, nothing: np.ndarray, key: int, orders: int) -> Shapley:
    import torch

    from modescape import rng

    models = losses.models
    sets = max(LEAST_SETS, orders // (2 * models))
    total, means = np.zeros((models, len(losses.known))), np.empty((sets, models))
    keys = torch.tensor([rng.key(key, "orders", number) for number in range(sets)])
    for number, order in enumerate(rng.permutation(keys, models).numpy()):
        own = np.zeros_like(total)
        for shift in range(models):
            turned = np.roll(order, shift)
            own += (_along(losses, nothing, turned) + _along(losses, nothing, turned[::-1])) / (2 * models)
        total += own
        means[number] = own.mean(1)
    with np.errstate(invalid="ignore"):  # infinite losses
        error = means.std(0, ddof=1) / np.sqrt(sets)
    return Shapley(total / sets, error, sets, 2 * models * sets)


def _along(losses: Losses, nothing: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The change of the loss when models are added in one order, [model, example]."""
    out, before = np.zeros((losses.models, len(nothing))), nothing
    sums = [bias.copy() for bias in losses.bias]
    for size, model in enumerate(order, start=1):
        sums = [one + layer[model] for one, layer in zip(sums, losses.layers, strict=True)]
        after = losses.known.copy()
        after[losses.place] += losses.of_sums([one.copy() for one in sums], np.array(float(size)))
        with np.errstate(invalid="ignore"):  # infinite twice
            out[model] = after - before
        before = after
    return out
