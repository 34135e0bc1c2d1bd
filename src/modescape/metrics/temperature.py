"""Temperature scaling: recalibrated predictions, and their NLL.

With b = 1 / T the NLL of softmax(b log p) is convex in b: its derivative, mean_n (E_b[log p_n] - log p_n(y_n)) with E_b
the mean over classes under the rescaled probabilities, increases with b, and its zero is the best temperature. Softmax
is invariant to constants, so log-probabilities and logits have the same temperature.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from modescape.arrays import Array, check_log_prob, to_numpy
from modescape.errors import InputError
from modescape.metrics.blocks import check_label, example_blocks
from modescape.metrics.grouping import count_units

LOWEST, HIGHEST = 0.05, 20.0  # range of temperatures
TOLERANCE = 1e-9  # of log T; Newton's method converges quadratically, so the temperature is more accurate than that
NEWTON_STEPS = 30  # from here on bisection, which needs 33 steps for all of [LOWEST, HIGHEST]; 4 to 8 are usual
MOST_STEPS = 80
NOTHING = -1e30  # log of a probability of 0 where it is multiplied by that 0


def fit_temperature(log_prob: Array, label: Array) -> Array:
    """Temperature T that minimises the NLL of softmax(log_prob / T), - mean_n log softmax(log p_n / T)(y_n).

    Newton's method on the derivative in log T within brackets, in float64, for each model separately. T is between 0.05
    and 20; a limit is returned if the NLL still decreases there: 0.05 for models that are always right, 20 for those
    worse than chance, and for those that give a label probability 0 (infinite NLL at every temperature).

    Args:
        log_prob: log-probabilities, [..., example, class].
        label: true classes, [example].

    Returns:
        float64 [...]; above 1 for overconfident models; NaN for those with NaN.

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.

    Source: Guo et al. 2017, arXiv 1706.04599.

    >>> import numpy as np
    >>> log_prob = np.log([[0.9, 0.1]] * 4)  # 90 % sure, right three times of four: odds of 9 should be 9^(1/2)
    >>> round(float(fit_temperature(log_prob, np.array([0, 0, 0, 1]))), 6)
    2.0
    """
    log_prob, label = _checked(log_prob, label)
    rows = log_prob.reshape(-1, *log_prob.shape[-2:])
    return _fit(rows, label, np.arange(label.size), np.ones(len(rows))).reshape(log_prob.shape[:-2])[()]


def rescale(log_prob: Array, temperature: Array) -> Array:
    """Log-probabilities at a temperature, log softmax(log_prob / T).

    Args:
        log_prob: log-probabilities, [..., example, class]; minus infinity (probability 0) stays.
        temperature: T, one number, or one for each model [...] (see `fit_temperature`); NaN gives NaN.

    Returns:
        float64 [..., example, class].

    Raises:
        InputError: (a ValueError) on shapes or values that do not fit, and on temperatures that are not above 0.

    >>> import numpy as np
    >>> np.exp(rescale(np.log([[0.9, 0.1]]), 2.0)).round(6).tolist()
    [[0.75, 0.25]]
    """
    (log_prob, temperature), _ = to_numpy(log_prob, temperature)
    check_log_prob(log_prob)
    leading = log_prob.shape[:-2]
    if temperature.shape not in ((), leading):
        raise InputError(
            f"temperature has shape {list(temperature.shape)}; expected one number, or {list(leading)} for a "
            f"log_prob of shape {list(log_prob.shape)}"
        )
    if temperature.dtype.kind not in "fiu" or (temperature <= 0).any() or np.isinf(temperature).any():
        raise InputError(f"temperature is {temperature.tolist()}; expected finite numbers above 0")
    out = np.empty(log_prob.shape)
    for block in example_blocks(log_prob.shape[-2], log_prob.size // log_prob.shape[-2]):
        out[..., block, :] = _rescaled(log_prob[..., block, :], 1 / temperature)
    return out


class CalibratedNLL(NamedTuple):
    """NLL at temperatures fitted on other examples."""

    score: Array  # nats per example, float64 [...]
    example: np.ndarray  # of each example, mean over the splits, float64 [..., example]; its mean is `score`
    temperature: np.ndarray  # fitted on each half, float64 [..., split, half]


def calibrated_nll(
    log_prob: Array, label: Array, splits: int = 5, key: int = 0, group: np.ndarray | None = None
) -> CalibratedNLL:
    """NLL after temperature scaling, with the temperature fitted on one half of the test set and scored on the other.

    Both ways, averaged over random splits into halves: every example is scored once per split, at a temperature that
    did not see it. With an odd number of examples one half is larger. All models use the same halves. For an ensemble
    pass its combined prediction (`combine`): it is averaged first, then calibrated.

    Resampled means of `example` reflect test sampling with the temperatures held fixed.

    Args:
        log_prob: log-probabilities, [..., example, class], 2 examples or more.
        label: true classes, [example].
        splits: random splits into halves, 1 or more.
        key: of the stream for the halves (see `modescape.rng.key`); more splits keep the first ones.
        group: of each example (`modescape.arrays.group_codes`): no group is split between halves, which have equally
            many groups.

    Returns:
        `CalibratedNLL`; a model with NaN has NaN, one that gives a label probability 0 has infinity.

    Raises:
        InputError: (a ValueError) on shapes, labels, values or splits that do not fit.

    Source: Ashukha et al. 2020, arXiv 2002.06470.

    >>> import numpy as np
    >>> log_prob, label = np.log([[0.9, 0.1]] * 400), np.repeat([0, 0, 0, 1], 100)  # NLL 0.65; 0.56 at the best T
    >>> result = calibrated_nll(log_prob, label)
    >>> round(float(result.score), 2), result.example.shape, result.temperature.shape
    (0.57, (400,), (5, 2))
    """
    log_prob, label = _checked(log_prob, label)
    if splits < 1:
        raise InputError(f"splits is {splits}; expected 1 or more")
    if label.size < 2:
        raise InputError("log_prob has 1 example; halves need 2 or more")
    if (count := count_units(group, label.size)) < 2:
        raise InputError("all examples belong to one group; halves need 2 groups or more")
    rows, leading = log_prob.reshape(-1, *log_prob.shape[-2:]), log_prob.shape[:-2]
    start = _fit(rows, label, np.arange(label.size), np.ones(len(rows)))
    example = np.zeros((len(rows), label.size))
    temperature = np.empty((len(rows), splits, 2))
    for split in range(splits):
        halves = _halves(count, split, key)
        if group is not None:
            halves = tuple(np.flatnonzero(np.isin(group, half)) for half in halves)
        for half, (fitted, scored) in enumerate((halves, halves[::-1])):
            temperature[:, split, half] = _fit(rows, label, fitted, start)
            example[:, scored] += _nll(rows, label, scored, temperature[:, split, half]) / splits
    example = example.reshape(*leading, label.size)
    return CalibratedNLL(example.mean(-1), example, temperature.reshape(*leading, splits, 2))


def _checked(log_prob: Array, label: Array) -> tuple[np.ndarray, np.ndarray]:
    (log_prob, label), _ = to_numpy(log_prob, label)
    check_log_prob(log_prob)
    check_label(label, *log_prob.shape[-2:])
    return log_prob, label


@functools.lru_cache(maxsize=32)
def _halves(examples: int, split: int, key: int) -> tuple[np.ndarray, np.ndarray]:
    """The examples of both halves, each in ascending order; the same for all models of a comparison."""
    import torch  # here, so that NumPy users of the other functions need not load it

    from modescape import rng

    order = rng.permutation(torch.tensor([rng.key(key, "calibration halves", split)]), examples)[0].numpy()
    halves = np.sort(order[: examples // 2]), np.sort(order[examples // 2 :])
    for half in halves:
        half.flags.writeable = False
    return halves


def _rescaled(log_prob: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Log softmax(log_prob / T) in float64, [..., example, class] with 1 / T [...]."""
    with np.errstate(invalid="ignore"):  # no probability anywhere is NaN
        out = log_prob - log_prob.max(-1, keepdims=True).astype(np.float64)
    out *= inverse[..., None, None]
    out -= np.log(np.exp(out).sum(-1, keepdims=True))
    return out


def _nll(log_prob: np.ndarray, label: np.ndarray, chosen: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """NLL of the chosen examples at a temperature for each row, [row, chosen example]."""
    out = np.empty((len(log_prob), chosen.size))
    for block in example_blocks(chosen.size, len(log_prob) * log_prob.shape[2]):
        examples = chosen[block]
        rescaled = _rescaled(log_prob[:, examples], 1 / temperature)
        out[:, block] = 0.0 - rescaled[:, np.arange(examples.size), label[examples]]
    return out


def _fit(log_prob: np.ndarray, label: np.ndarray, chosen: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Best temperature of every row on the chosen examples, [row]; `start` is where to begin, [row].

    Works in log b = - log T. A Newton step is accepted if it is the last one, or stays between points of falling and of
    rising NLL (or ends on a limit not evaluated yet); otherwise the bracket is bisected.
    """
    least, most = -np.log(HIGHEST), -np.log(LOWEST)
    at = -np.log(start)
    falling, rising = np.full(len(at), -np.inf), np.full(len(at), np.inf)  # bracket: falling there, rising there
    rows = np.arange(len(at))
    blocks = list(example_blocks(chosen.size, log_prob[:, :1].size))
    held = _relative(log_prob, chosen, rows) if len(blocks) == 1 else None  # small enough to be kept from step to step
    true_class = label[chosen]
    for step in range(MOST_STEPS):
        here = at[rows]
        if held is not None:
            slope, bend = _slope(held if len(rows) == len(held) else held[rows], true_class, np.exp(here))
        else:
            parts = [
                _slope(_relative(log_prob, chosen[block], rows), label[chosen[block]], np.exp(here))
                for block in example_blocks(chosen.size, rows.size * log_prob.shape[2])
            ]
            slope, bend = (np.sum(part, axis=0) for part in zip(*parts, strict=True))
        falling[rows] = np.where(slope <= 0, here, falling[rows])
        rising[rows] = np.where(slope >= 0, here, rising[rows])
        low, high = falling[rows], rising[rows]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            there = np.clip(here - slope / bend, least, most)
        inside = (low < there) & (there < high) & (step < NEWTON_STEPS)
        trusted = inside | (np.abs(there - here) <= TOLERANCE)  # rounding may put the last step outside
        there = np.where(trusted, there, (np.maximum(low, least) + np.minimum(high, most)) / 2)
        at[rows] = np.where(np.isnan(slope), np.nan, there)
        rows = rows[np.abs(at[rows] - here) > TOLERANCE]  # NaN counts as converged
        if not rows.size:
            break
    return np.where(at == most, LOWEST, np.where(at == least, HIGHEST, np.exp(-at)))  # the limits exactly


def _relative(log_prob: np.ndarray, examples: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Log-probabilities of some rows and examples relative to each example's largest, float64 [row, example, class]."""
    part = log_prob[rows[:, None], examples].astype(np.float64)
    with np.errstate(invalid="ignore"):  # no probability anywhere is NaN
        part -= part.max(-1, keepdims=True)
    return np.maximum(part, NOTHING, out=part)


def _slope(part: np.ndarray, label: np.ndarray, inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivative of the NLL in b = 1 / T, [row], summed over examples of `_relative`, and its derivative in log b."""
    weight = part * inverse[:, None, None]
    np.exp(weight, out=weight)
    weight /= weight.sum(-1, keepdims=True)
    mean = np.einsum("rec,rec->re", weight, part)
    weight *= part
    square = np.einsum("rec,rec->re", weight, part)
    slope = (mean - part[:, np.arange(label.size), label]).sum(1)
    return slope, (square - np.square(mean)).sum(1) * inverse


def calibrated_by_halves(
    log_prob: np.ndarray, label: np.ndarray, key: int = 0, group: np.ndarray | None = None, most: int = 20_000
) -> tuple[np.ndarray, np.ndarray]:
    """One model's log-probabilities, each half of the examples at the temperature fitted on the other half.

    Args:
        log_prob: of one model, [example, class], 2 examples (or groups) or more.
        label: true classes, [example].
        key: of the stream for the halves, those of `calibrated_nll`'s first split.
        group: of each example (`modescape.arrays.group_codes`): no group is split between halves.
        most: largest number of examples for a fit.

    Returns:
        Log-probabilities, float64 [example, class]; both temperatures, [half].

    Raises:
        InputError: (a ValueError) on shapes, labels or values that do not fit.
    """
    log_prob, label = _checked(log_prob, label)
    halves = _halves(count_units(group, label.size), 0, key)
    if group is not None:
        halves = tuple(np.flatnonzero(np.isin(group, half)) for half in halves)
    out, temperature = np.empty(log_prob.shape), np.empty(2)
    for half, (fitted, scored) in enumerate((halves, halves[::-1])):
        step = -(-len(fitted) // most)
        temperature[half] = _fit(log_prob[None], label, fitted[::step], np.ones(1))[0]
        out[scored] = rescale(log_prob[scored], temperature[half])
    return out, temperature
