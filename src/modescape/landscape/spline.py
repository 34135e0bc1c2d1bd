"""A smooth surface through scattered points of a grid, and how far it may be off between them.

The spline is the one of kernel r^3 and a plane: of all surfaces through the points, the smoothest in one sense, and the
best linear prediction of a random field whose variogram is r^3 (kriging), which says how its error grows with the
distance from the points. How large errors are is seen by leaving out each point in turn (Rippa 1999,
10.1023/A:1018975909870): all of that takes one inverse. Where all values are above 0, their logarithm is interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FLOOR = 0.02  # of the spread of values: errors are relative to values above it
HIGH = 100.0  # medians: what lies above them is no part of that spread
NEIGHBOURS = 6  # points whose errors, were they left out, say how large errors are nearby
ROWS = 4096  # of the grid that are predicted at once, which bounds the memory


def floor_of(values: np.ndarray) -> float:
    """Below which errors are not relative to the value, but to this: a share of the spread of all values.

    Of a loss that grows by orders of magnitude towards the corners, the corners say nothing of the picture around the
    middle: there the spread ends at some medians.
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

    Gaps, measured points without a finite value, have no part in it. Errors are infinite where nothing can be said.
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
        slope = own if spline.logarithmic else 1.0  # of the value by what is interpolated
        relative = deviation * np.abs(slope) / np.maximum(np.abs(own), floor_of(values[known]))
    guess[wanted] = own
    error[wanted] = np.where(np.isfinite(relative), relative, np.inf)
    return guess, error


@dataclass(frozen=True, eq=False)
class _Spline:
    """Through points at integer places of a grid."""

    places: np.ndarray  # [point, axis], in lengths of the grid
    unit: float  # steps of that length
    inverse: np.ndarray  # of the kernel's matrix, bordered by the plane's terms
    weights: np.ndarray  # [point and term]
    logarithmic: bool

    @classmethod
    def through(cls, values: np.ndarray, known: np.ndarray) -> _Spline | None:
        """None where the points lie on one line, or are fewer than a plane and one more."""
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
        """Values [place] and their deviations, the largest that the points nearby show."""
        from scipy.spatial import KDTree

        nearest = KDTree(self.places)
        count = len(self.places)
        # of each point that is left out, its error over the error that the kernel expects
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
