"""A smooth surface through scattered points of a grid, with its predicted error between them.

The spline has the kernel r^3 and a linear trend: of all surfaces through the points it is, in one sense, the smoothest,
and the best linear prediction of a random field with variogram r^3 (kriging), which tells how its error grows with the
distance from the points. The scale of errors comes from leave-one-out residuals (Rippa 1999, 10.1023/A:1018975909870).
All of it takes one matrix inverse. If all values are above 0, their logarithm is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FLOOR = 0.02  # share of the spread of values below which errors are no longer relative to the value
HIGH = 100.0  # values above this many medians do not count in the spread
NEIGHBOURS = 6  # points whose leave-one-out errors give the scale of errors nearby
ROWS = 4096  # of the grid that are predicted at once, which bounds the memory


def floor_of(values: np.ndarray) -> float:
    """The value below which errors are relative to this number instead: a share of the spread of all values.

    If a loss grows by orders of magnitude towards the corners, they say nothing about the surface around the centre, so
    the spread is capped at some medians.
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float(np.finfo(float).tiny)
    high = max(float(finite.min()), HIGH * float(np.median(np.abs(finite))))
    return max(FLOOR * (min(float(finite.max()), high) - float(finite.min())), float(np.finfo(float).tiny))


def interpolated(values: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """A grid [y, x] or [x] whose measured points stay; the others are predicted, NaN where too few are measured."""
    return predicted(values, measured)[0]


def predicted(values: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`interpolated`, and the error that is expected at each point that was not measured, relative to `floor_of`.

    Gaps (measured points without a finite value) are left out. Errors are infinite where there is no prediction.
    """
    known, wanted = measured & np.isfinite(values), ~measured
    guess, error = np.where(measured, values, np.nan), np.where(wanted, np.inf, 0.0)
    spline = _Spline.through(values, known) if wanted.any() else None
    if spline is None:
        return guess, error
    places = np.argwhere(wanted)
    found, deviation = spline.at(places)
    with np.errstate(over="ignore", invalid="ignore"):
        own = np.exp(found) if spline.logarithmic else found
        slope = own if spline.logarithmic else 1.0  # derivative of the value with respect to what is interpolated
        relative = deviation * np.abs(slope) / np.maximum(np.abs(own), floor_of(values[known]))
    guess[wanted] = own
    error[wanted] = np.where(np.isfinite(relative), relative, np.inf)
    return guess, error


@dataclass(frozen=True, eq=False)
class _Spline:
    """A spline through points of a grid."""

    places: np.ndarray  # [point, axis], in lengths of the grid
    unit: float  # steps of that length
    inverse: np.ndarray  # of the kernel's matrix, bordered by the plane's terms
    weights: np.ndarray  # [point and term]
    logarithmic: bool

    @classmethod
    def through(cls, values: np.ndarray, known: np.ndarray) -> _Spline | None:
        """Fit; None if the points are collinear or too few for a linear trend and one more."""
        unit = float(max(max(values.shape) - 1, 1))
        places, own = np.argwhere(known) / unit, values[known]
        terms = _terms(places)
        if len(own) <= terms.shape[1] or np.linalg.matrix_rank(terms) < terms.shape[1]:
            return None
        logarithmic = bool((own > 0).all())
        size = len(own) + terms.shape[1]
        matrix = np.zeros((size, size))
        matrix[: len(own), : len(own)] = _kernel(places, places)
        matrix[: len(own), len(own) :], matrix[len(own) :, : len(own)] = terms, terms.T
        inverse = np.linalg.inv(matrix)
        return cls(places, unit, inverse, inverse[:, : len(own)] @ (np.log(own) if logarithmic else own), logarithmic)

    def at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values [place] and their standard deviations, scaled by the largest residuals of points nearby."""
        from scipy.spatial import KDTree

        nearest = KDTree(self.places)
        count = len(self.places)
        # leave-one-out error of each point over the error that the kernel predicts
        scores = np.abs(self.weights[:count]) / np.sqrt(np.abs(np.diag(self.inverse)[:count]))
        values, deviations = [], []
        for start in range(0, len(places), ROWS):
            own = places[start : start + ROWS] / self.unit
            rows = np.concatenate([_kernel(own, self.places), _terms(own)], axis=1)
            values.append(rows @ self.weights)
            power = np.abs(np.einsum("ij,ij->i", rows @ self.inverse, rows))
            around = nearest.query(own, k=min(NEIGHBOURS, count))[1]
            deviations.append(np.sqrt(power) * scores[around].max(axis=1))
        return np.concatenate(values), np.concatenate(deviations)


def _kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(one, other) ** 3


def _terms(places: np.ndarray) -> np.ndarray:
    """1 and the coordinates, [place, term]."""
    return np.concatenate([np.ones((len(places), 1)), places], axis=1)
