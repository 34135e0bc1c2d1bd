"""Distances between predictions of a regression, absolute and relative to the errors, with their bounds.

Predictions are means, [..., example, output]; distances are root mean squares over examples and outputs.
"""

from __future__ import annotations

import numpy as np

UNRELATED = float(np.sqrt(2))  # distance over error for two networks with uncorrelated errors


def root_mean_square(mean: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Root mean square of differences over examples and outputs, [..., example, output] -> [...]."""
    return np.sqrt(np.square(mean - other).mean((-2, -1)))


def distances(mean: np.ndarray) -> np.ndarray:
    """`root_mean_square` between every two models, [model, example, output] -> [model, model]; exactly symmetric."""
    found = np.zeros((len(mean), len(mean)))
    for model in range(len(mean) - 1):
        found[model, model + 1 :] = root_mean_square(mean[model + 1 :], mean[model])
    return found + found.T


def over_error(mean: np.ndarray, baseline: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Distance d over the root mean square of both errors e and b, d / sqrt((e^2 + b^2) / 2), from 0 to 2; [model].

    With uncorrelated errors d^2 = e^2 + b^2 and it is sqrt(2); it is 2 for opposite errors.

    Args:
        mean: predicted means of the models, [model, example, output].
        baseline: predicted means of one network, [example, output].
        target: true values, [example, output].
    """
    error, own = root_mean_square(mean, target), root_mean_square(baseline, target)
    return _over(root_mean_square(mean, baseline), error, own)


def distances_over_error(apart: np.ndarray, mean: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`over_error` between every two models from their `distances`, [model, model]; 0 on the diagonal."""
    error = root_mean_square(mean, target)
    found = _over(apart, error[:, None], error)
    np.fill_diagonal(found, 0.0)
    return found


def _over(distance: np.ndarray, error: np.ndarray, other: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):  # models without any error
        return distance / np.sqrt((np.square(error) + np.square(other)) / 2)


def distance_bounds(error: np.ndarray, baseline: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of `over_error` given two errors: |e - b| <= d <= e + b, the triangle inequality.

    Args:
        error: RMSE of networks, [...].
        baseline: RMSE of the baseline.
    """
    return _over(np.abs(error - baseline), error, np.asarray(baseline)), _over(
        error + baseline, error, np.asarray(baseline)
    )


def distance_limits(error: np.ndarray, baseline: float) -> tuple[np.ndarray, np.ndarray]:
    """Two reference curves of `over_error`, given two errors; arguments as `distance_bounds`.

    * lower, noise added to the baseline: e^2 = b^2 + d^2; NaN below the baseline's error;
    * upper, uncorrelated errors: d^2 = e^2 + b^2, sqrt(2) everywhere.
    """
    noise = np.square(error) - baseline**2
    lower = _over(np.sqrt(np.where(noise >= 0, noise, np.nan)), error, np.asarray(baseline))
    return lower, np.full_like(lower, UNRELATED)
