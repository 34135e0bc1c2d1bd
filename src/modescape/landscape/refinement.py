"""The same picture from fewer points: a grid measured coarsely, then only where filling in would be wrong.

Levels: every 2^k-th point along each axis, then every 2^(k-1)-th, ... At each level the points between are predicted
by cubic interpolation of what is there; a point is measured where the error that was seen around it one level before,
shrunk by what a halving of the step gains, may exceed the tolerance. What is filled in is tested: points drawn at
random among those that were not measured are measured too, and the largest error among them is stated. Where one is
above the tolerance its neighbourhood is measured, and new ones are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from modescape import rng
from modescape.errors import InputError

GAIN = 4.0  # by which a halved step shrinks the error, at least: 16 of a cubic where the surface is smooth
CONTROLS = 0.04  # share of all points, at least `FEWEST`, that test what was filled in
FEWEST = 8
ROUNDS = 6  # of tests, at most
FLOOR = 0.02  # of the spread of values: errors are relative to values above it


@dataclass(frozen=True, eq=False)
class Refined:
    """What was measured, and what filling in is worth."""

    values: np.ndarray  # [y, x] or [x], all of them
    measured: np.ndarray  # bool
    error: float  # the largest at the controls, relative to the value there
    controls: int

    def filled(self, values: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Another field that was measured at the same points, filled in likewise; gaps stay gaps."""
        known = np.where(measured, values, np.nan)
        guess = _interpolated(known, measured)
        return np.where(measured, values, guess)


def refine(
    evaluate: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], tolerance: float, *, seed: int = 0
) -> Refined:
    """Measure a grid where it takes it.

    Args:
        evaluate: flat numbers of points -> values; a value that is not finite is a gap, and all around it is measured.
        shape: of the grid, one or two axes.
        tolerance: largest error of a value that is filled in, relative to it (to a share `FLOOR` of the spread, where
            the value is smaller).
        seed: of the stream that draws the controls.

    Raises:
        InputError: if the tolerance is not above 0.
    """
    if not tolerance > 0:
        raise InputError(f"the tolerance is {tolerance}; expected a number above 0, such as 0.02")
    values, measured = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    surprise = np.zeros(shape)  # relative error of the prediction at each measured point

    def take(where: np.ndarray) -> None:
        index = np.flatnonzero(where & ~measured)
        if len(index):
            values.reshape(-1)[index] = evaluate(index)
            measured.reshape(-1)[index] = True

    step = _first_step(shape)
    take(_every(shape, step))
    first = True
    while step > 1:
        half = step // 2
        new = _every(shape, half) & ~_every(shape, step)
        guess = _interpolated(values, measured)
        wanted = new if first else new & (_spread(surprise, step) / GAIN > tolerance)
        take(wanted)
        seen = wanted & measured
        surprise = np.where(seen, _relative(values, guess, tolerance), surprise / GAIN)
        step, first = half, False
    errors = np.zeros(0)
    for round_number in range(ROUNDS):
        controls = _drawn(~measured, seed, round_number)
        if not controls.any():
            break
        guess = _interpolated(values, measured)
        take(controls)
        found = _relative(values, guess, tolerance)
        errors = found[controls]
        bad = controls & (found > tolerance)
        if not bad.any():
            break
        take(_grown(bad))
    error = float(errors.max()) if len(errors) else 0.0
    filled = np.where(measured, values, _interpolated(values, measured))
    return Refined(filled, measured, error, len(errors))


def _first_step(shape: tuple[int, ...]) -> int:
    """A power of two with four steps or more along each axis."""
    step = 1
    while 8 * step <= min(shape) - 1:
        step *= 2
    return step


def _every(shape: tuple[int, ...], step: int) -> np.ndarray:
    """Every ``step``-th point along each axis, and the last."""
    rows = [(np.arange(size) % step == 0) | (np.arange(size) == size - 1) for size in shape]
    return rows[0] if len(rows) == 1 else rows[0][:, None] & rows[1][None]


def _interpolated(values: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Cubic interpolation of scattered measured points, on the logarithm where all are above 0; measured ones stay.

    Gaps have no part in it; what lies beyond them is NaN.
    """
    from scipy.interpolate import CloughTocher2DInterpolator, PchipInterpolator

    known = measured & np.isfinite(values)
    if known.all() or known.sum() < 4:
        return values
    logarithmic = bool((values[known] > 0).all())
    own = np.log(values[known]) if logarithmic else values[known]
    places = np.argwhere(known).astype(float)
    if values.ndim == 1:
        guess = PchipInterpolator(places[:, 0], own, extrapolate=False)(np.arange(len(values)))
    else:
        scattered = CloughTocher2DInterpolator(places, own, tol=1e-8)
        guess = scattered(np.argwhere(np.ones(values.shape, dtype=bool)).astype(float)).reshape(values.shape)
    guess = np.exp(guess) if logarithmic else guess
    return np.where(measured, values, guess)


def _relative(values: np.ndarray, guess: np.ndarray, tolerance: float) -> np.ndarray:
    """Errors over values; infinite where a value or its guess is not finite."""
    finite = values[np.isfinite(values)]
    floor = FLOOR * float(finite.max() - finite.min()) if len(finite) else 0.0
    with np.errstate(invalid="ignore"):
        error = np.abs(guess - values) / np.maximum(np.abs(values), max(floor, np.finfo(float).tiny))
    return np.where(np.isfinite(error), error, np.inf)


def _spread(surprise: np.ndarray, step: int) -> np.ndarray:
    """The largest surprise within a step of each point."""
    from scipy.ndimage import maximum_filter

    return maximum_filter(surprise, size=2 * step + 1, mode="nearest")


def _grown(where: np.ndarray) -> np.ndarray:
    """With the neighbours up to two points away."""
    from scipy.ndimage import maximum_filter

    return maximum_filter(where, size=5, mode="constant")


def _drawn(where: np.ndarray, seed: int, number: int) -> np.ndarray:
    """Some of the points, drawn at random."""
    index = np.flatnonzero(where)
    count = min(len(index), max(FEWEST, round(CONTROLS * where.size)))
    key = torch.tensor(rng.key(seed, "grid controls", number))
    chosen = index[rng.permutation(key, len(index)).numpy()[:count]] if len(index) else index
    found = np.zeros(where.shape, dtype=bool)
    found.reshape(-1)[chosen] = True
    return found
