"""The same surface from fewer evaluations: a coarse grid, refined wherever interpolation would be wrong.

Values between measured points come from a spline through them (`spline`), which also predicts its error. Points whose
predicted error is above the tolerance and locally the largest are measured, and the spline is fitted again, until there
are none.

Then the interpolation is tested at control points, drawn at random among those not measured; their largest error is
reported. Where it is above the tolerance, the neighbourhood is measured, repeatedly if needed, and new control points
are drawn.
shows more, and new ones are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from modescape import rng
from modescape.errors import InputError
from modescape.landscape.spline import floor_of, interpolated, predicted

STEPS = 6  # intervals of the coarse grid along each of two axes; twice that on a line
AT_ONCE = 8  # fewest points measured before errors are predicted again
GROWTH = 0.12  # the same, as a share of the points measured
MOST = 3000  # most points in a spline; a grid that needs more is measured completely
CONTROLS = 0.04  # share of all points, at least `FEWEST`, that are control points
FEWEST = 8
ROUNDS = 6  # most rounds of tests


@dataclass(frozen=True, eq=False)
class Refined:
    """Measured and interpolated values, with the error of the latter."""

    values: np.ndarray  # [y, x] or [x], all of them
    measured: np.ndarray  # bool
    error: float  # the largest at control points, relative to the value there
    controls: int

    def filled(self, values: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Interpolate another field measured at the same points, within its range; gaps stay gaps."""
        guess = interpolated(values, measured)
        finite = values[measured & np.isfinite(values)]
        inside = np.clip(guess, finite.min(), finite.max()) if len(finite) else guess
        return np.where(measured, values, inside)


def refine(
    evaluate: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], tolerance: float, *, seed: int = 0
) -> Refined:
    """Measure a grid only where interpolation is not accurate enough.

    Args:
        evaluate: flat indices of points -> values; non-finite values are gaps, whose neighbours are all measured.
        shape: of the grid, one or two axes.
        tolerance: largest error of an interpolated value, relative to the value (to a share `spline.FLOOR` of the
            spread where the value is smaller).
        seed: of the stream that draws control points.

    Raises:
        InputError: if the tolerance is not above 0.
    """
    if not tolerance > 0:
        raise InputError(f"the tolerance is {tolerance}; expected a number above 0, such as 0.02")
    grid = _Grid(evaluate, shape)
    grid.take(_coarse(shape))
    errors = np.zeros(0)
    for number in range(ROUNDS):
        grid.settle(tolerance)
        controls = _drawn(~grid.measured, seed, number)
        if not controls.any():
            break
        guess = interpolated(grid.values, grid.measured)
        grid.take(controls)
        found = _relative(grid.values, guess)
        errors = found[controls]
        if not (errors > tolerance).any():
            break
        grid.take(_grown(controls & (found > tolerance), 2))
    error = float(errors.max()) if len(errors) else 0.0
    return Refined(interpolated(grid.values, grid.measured), grid.measured, error, len(errors))


class _Grid:
    """The values measured so far."""

    def __init__(self, evaluate: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...]) -> None:
        self.evaluate = evaluate
        self.values, self.measured = np.full(shape, np.nan), np.zeros(shape, dtype=bool)

    def take(self, where: np.ndarray) -> None:
        """Measure those of the points that are not measured yet."""
        index = np.flatnonzero(where & ~self.measured)
        if len(index):
            self.values.reshape(-1)[index] = self.evaluate(index)
            self.measured.reshape(-1)[index] = True

    def settle(self, tolerance: float) -> None:
        """Measure until no error above the tolerance is predicted."""
        while (doubtful := self._doubtful(tolerance)).any():
            self.take(doubtful)

    def _doubtful(self, tolerance: float) -> np.ndarray:
        """What to measure next: where the largest errors are predicted, not adjacent ones, and all around gaps."""
        from scipy.ndimage import maximum_filter

        error = predicted(self.values, self.measured)[1]
        around = _grown(self.measured & ~np.isfinite(self.values), 1) | ~np.isfinite(error)
        error = np.where(around & ~self.measured, np.inf, error)
        peaks = (error > tolerance) & (error == maximum_filter(error, size=3, mode="nearest"))
        if peaks.any() and self.measured.sum() > MOST:
            return ~self.measured
        count = max(AT_ONCE, round(GROWTH * self.measured.sum()), int(np.isposinf(error).sum()))
        index = np.flatnonzero(peaks)
        first = index[np.argsort(-error.reshape(-1)[index], kind="stable")][:count]
        chosen = np.zeros(error.shape, dtype=bool)
        chosen.reshape(-1)[first] = True
        return chosen


def _coarse(shape: tuple[int, ...]) -> np.ndarray:
    """Points at equal distances along each axis, both ends among them."""
    steps = STEPS if len(shape) > 1 else 2 * STEPS
    rows = []
    for size in shape:
        row = np.zeros(size, dtype=bool)
        row[np.round(np.linspace(0, size - 1, min(steps + 1, size))).astype(int)] = True
        rows.append(row)
    return rows[0] if len(rows) == 1 else rows[0][:, None] & rows[1][None]


def _relative(values: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Relative errors; infinite where a value or its prediction is not finite."""
    with np.errstate(invalid="ignore"):
        error = np.abs(guess - values) / np.maximum(np.abs(values), floor_of(values))
    return np.where(np.isfinite(error), error, np.inf)


def _grown(where: np.ndarray, steps: int) -> np.ndarray:
    """Dilate a mask by ``steps`` points."""
    from scipy.ndimage import maximum_filter

    return maximum_filter(where, size=2 * steps + 1, mode="constant")


def _drawn(where: np.ndarray, seed: int, number: int) -> np.ndarray:
    """Some of the points, drawn at random."""
    index = np.flatnonzero(where)
    count = min(len(index), max(FEWEST, round(CONTROLS * where.size)))
    key = torch.tensor(rng.key(seed, "grid controls", number))
    chosen = index[rng.permutation(key, len(index)).numpy()[:count]] if len(index) else index
    found = np.zeros(where.shape, dtype=bool)
    found.reshape(-1)[chosen] = True
    return found
