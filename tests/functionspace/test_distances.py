"""Distances of a regression's predictions, relative to the error, and their bounds given two errors: closed forms."""

import numpy as np
import pytest

from modescape.functionspace.distances import (
    UNRELATED,
    distance_bounds,
    distance_limits,
    distances,
    distances_over_error,
    over_error,
    root_mean_square,
)

random = np.random.default_rng(0)
TARGET = random.normal(size=(500, 2))
MEAN = TARGET + random.normal(size=(4, 500, 2)) * np.array([0.5, 1, 2, 4])[:, None, None]


def test_distances_of_linear_models_are_those_of_their_weights():
    """f_i(x) = x w_i on orthonormal x: the root mean square distance is |w_i - w_j| / sqrt(n)."""
    inputs, _ = np.linalg.qr(random.normal(size=(60, 5)))
    weights = random.normal(size=(3, 5))
    found = distances((weights @ inputs.T)[..., None])
    expected = np.linalg.norm(weights[:, None] - weights, axis=-1) / np.sqrt(60)
    np.testing.assert_allclose(found, expected, atol=1e-14)
    assert (found == found.T).all()
    assert not found.diagonal().any()


def test_over_the_error_equals_the_loop():
    every = distances_over_error(distances(MEAN), MEAN, TARGET)
    for i in range(4):
        own = over_error(MEAN, MEAN[i], TARGET)
        for j in range(4):
            squared = np.mean([np.mean((MEAN[at] - TARGET) ** 2) for at in (i, j)])
            expected = np.sqrt(np.mean((MEAN[i] - MEAN[j]) ** 2) / squared)
            assert own[j] == pytest.approx(expected, rel=1e-12)
            assert every[i, j] == pytest.approx(expected, rel=1e-12)


def test_errors_without_anything_in_common_are_the_root_of_two_apart():
    """Exactly if the errors are orthogonal; the distance is 2 if they are opposite."""
    one, other = np.array([[1.0], [0.0]]), np.array([[0.0], [3.0]])
    target = np.zeros((2, 1))
    assert over_error(one[None], other, target)[0] == pytest.approx(UNRELATED, rel=1e-15)
    assert over_error(-one[None], one, target)[0] == pytest.approx(2, rel=1e-15)
    assert over_error(one[None], one, target)[0] == 0
    assert np.isnan(over_error(target[None], target, target)[0])


def test_no_network_lies_outside_the_bounds_and_the_curves_are_what_they_say():
    errors = root_mean_square(MEAN, TARGET)
    for place in range(4):
        low, high = distance_bounds(errors, errors[place])
        own = over_error(MEAN, MEAN[place], TARGET)
        assert (low - 1e-12 <= own).all()
        assert (own <= high + 1e-12).all()
    baseline = errors[0]
    noise = random.normal(size=TARGET.shape)
    noise -= (noise * (MEAN[0] - TARGET)).sum() / ((MEAN[0] - TARGET) ** 2).sum() * (MEAN[0] - TARGET)
    noisy = (MEAN[0] + 0.7 * noise)[None]  # orthogonal to the error
    lower, upper = distance_limits(root_mean_square(noisy, TARGET), baseline)
    assert over_error(noisy, MEAN[0], TARGET)[0] == pytest.approx(lower[0], rel=1e-12)
    assert upper[0] == UNRELATED
    assert np.isnan(distance_limits(np.array([baseline / 2]), baseline)[0]).all()
    for curve in (*distance_bounds(np.array([baseline]), baseline), distance_limits(np.array([baseline]), baseline)[0]):
        assert curve[0] in (0, pytest.approx(2))
