"""Similarity of two networks' features: unbiased linear centred kernel alignment, batch by batch."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError

LEAST = 4  # examples in a batch: with fewer there is no unbiased estimate


@dataclass(frozen=True)
class Cka:
    """Centred kernel alignment of two sets of features, and its interval."""

    value: float  # at most 1, about 0 for independent features; NaN where features do not vary
    low: float  # end of the interval; NaN with a single batch
    high: float
    batches: int
    examples: int


def linear_cka(batches: Iterable[tuple[Array, Array]], *, level: float = 0.95) -> Cka:
    """Unbiased linear CKA of two layers: sum_b HSIC(X_b, Y_b) / sqrt(sum_b HSIC(X_b, X_b) sum_b HSIC(Y_b, Y_b)).

    With the Gram matrices K = X X', L = Y Y' of a batch of n examples, their diagonals set to 0,

        HSIC = [tr(K L) + (1'K 1)(1'L 1) / ((n - 1)(n - 2)) - 2 (1'K L 1) / (n - 2)] / (n (n - 3)),

    whose expectation does not depend on the number of features; the common biased estimate is .94 for *independent*
    features of 64 examples and 1,024 dimensions. Batches are weighted by their examples. CKA is invariant to rotating
    or reflecting either network's features and to scaling them by one factor, and is 1 for a layer with itself.

    The interval is for new examples and these two networks: a jackknife over batches with Student's t, whose degrees of
    freedom are the number of batches minus 1. Use eight batches or more.

    Args:
        batches: pairs of features of the same examples, [example, ...] each; the axes after the first are flattened and
            may differ between the two. Examples must be in random order: batches of a single class each would measure
            variation within classes only. Batches of fewer than 4 examples are skipped.
        level: of the interval.

    Memory holds one batch and its Gram matrices, [example, example], whatever the number of examples and features.

    Raises:
        InputError: (a ValueError) if the numbers of examples differ, there is no batch, or the level is not between 0
            and 1.

    Source: Song et al. 2012 (HSIC_1); Kornblith et al. 2019, arXiv 1905.00414; Nguyen et al. 2021, arXiv 2010.15327
    (batches).

    >>> import numpy as np
    >>> features = np.random.default_rng(0).normal(size=(2, 64, 5))
    >>> round(linear_cka([(batch, 3 * batch[:, ::-1]) for batch in features]).value, 9)
    1.0
    """
    if not 0 < level < 1:
        raise InputError(f"level is {level}; expected a number between 0 and 1")
    products: list[tuple[float, float, float]] = []
    sizes: list[int] = []
    for one, other in batches:
        if len(one) != len(other):
            raise InputError(f"features are for {len(one)} and {len(other)} examples; expected the same examples")
        if len(one) >= LEAST:
            x, y = centred_gram(one), centred_gram(other)
            products.append((float(x @ y), float(x @ x), float(y @ y)))
            sizes.append(len(one))
    if not products:
        raise InputError(f"there is no batch of {LEAST} examples or more")
    weighted = np.array(products, dtype=np.float64) * np.array(sizes)[:, None]
    value, pseudo = jackknifed(*(weighted[:, part] for part in range(3)))
    low, high = batch_interval(value, pseudo, level)
    return Cka(float(value), float(low), float(high), len(sizes), sum(sizes))


def centred_gram(features: Array) -> np.ndarray:
    """A batch's Gram matrix, U-centred and flattened, so that the inner product of two of them is the unbiased HSIC.

    a_ij - (row i + row j) / (n - 2) + total / ((n - 1) (n - 2)) above the diagonal, where the diagonal counts as 0,
    times sqrt(2 / (n (n - 3))). The product of features is computed on their device, in their precision.

    Args:
        features: of n examples, [example, ...], 4 or more.

    Returns:
        float64 [pair of examples], n (n - 1) / 2.

    Raises:
        InputError: (a ValueError) with fewer examples.

    Source: Szekely and Rizzo 2014, "Partial distance correlation", arXiv 1310.2926.
    """
    examples = len(features)
    if examples < LEAST:
        raise InputError(f"there are {examples} examples; expected {LEAST} or more")
    flat = features.reshape(examples, -1)
    if str(flat.dtype).removeprefix("torch.") not in ("float32", "float64"):
        (flat,), _ = to_numpy(flat)
        flat = flat.astype(np.float32 if flat.dtype.itemsize <= 2 else np.float64)
    flat = flat - flat.mean(0)  # reduces rounding errors only
    (product,), _ = to_numpy(flat @ flat.T)
    gram = product.astype(np.float64)
    np.fill_diagonal(gram, 0)
    row = gram.sum(0)
    centre = row.sum() / (examples - 1) / (examples - 2)
    above = _above(examples)
    edge = row / (examples - 2)
    centred = gram[above] - edge[above[0]] - edge[above[1]] + centre
    return centred * np.sqrt(2 / (examples * (examples - 3)))


@functools.lru_cache(maxsize=8)
def _above(examples: int) -> tuple[np.ndarray, np.ndarray]:
    return np.triu_indices(examples, 1)


def jackknifed(xy: np.ndarray, xx: np.ndarray, yy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CKA from the HSIC of batches, and each batch's pseudo-value.

    Args:
        xy: HSIC of the two layers, [batch, ...].
        xx: HSIC of the first with itself, [batch, ...].
        yy: HSIC of the second with itself, [batch, ...].

    Returns:
        The ratio of the sums, [...], NaN where features do not vary; and pseudo-values B r - (B - 1) r without batch b,
        [batch, ...], NaN with a single batch; the variance of their mean estimates that of the ratio.
    """
    totals = [part.sum(0) for part in (xy, xx, yy)]
    value = _ratio(*totals)
    left = _ratio(*(total - part for total, part in zip(totals, (xy, xx, yy), strict=True)))
    return value, len(xy) * value - (len(xy) - 1) * left


def batch_interval(value: np.ndarray, pseudo: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of a CKA's interval for new examples, by Student's t over batches, [...] each.

    Args:
        value: the CKA, [...].
        pseudo: pseudo-values of the batches, [batch, ...] (see `jackknifed`).
        level: of the interval.
    """
    batches = len(pseudo)
    if batches < 2:
        return np.full(np.shape(value), np.nan), np.full(np.shape(value), np.nan)
    from scipy.special import stdtrit  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    half = stdtrit(batches - 1, (1 + level) / 2) * pseudo.std(0, ddof=1) / np.sqrt(batches)
    return np.clip(value - half, -1, 1), np.clip(value + half, -1, 1)


def _ratio(xy: np.ndarray, xx: np.ndarray, yy: np.ndarray) -> np.ndarray:
    varies = (xx > 0) & (yy > 0)
    found = xy / np.sqrt(np.where(varies, xx * yy, np.nan))
    return np.clip(found, -1, 1)  # the Cauchy-Schwarz inequality: anything beyond is rounding
