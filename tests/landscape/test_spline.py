"""The spline that fills in grids: against SciPy's splines, and its error estimates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, RBFInterpolator

from modescape.landscape.spline import floor_of, interpolated, predicted

SOME = np.random.default_rng(0).permutation(81)[:40]  # points of a grid of 9 x 9


def grid(function, size=9):
    x, y = np.meshgrid(np.arange(size) / (size - 1), np.arange(size) / (size - 1))
    return function(x, y)


def measured_at(index, shape=(9, 9)):
    found = np.zeros(shape, dtype=bool)
    found.reshape(-1)[index] = True
    return found


def test_on_a_line_it_is_the_natural_cubic_spline():
    values = np.sin(np.arange(21) / 3.0) - 0.1  # not all positive
    measured = np.isin(np.arange(21), [0, 2, 3, 7, 11, 16, 20])
    places = np.flatnonzero(measured)
    wanted = CubicSpline(places, values[measured], bc_type="natural")(np.arange(21))
    np.testing.assert_allclose(interpolated(values, measured), wanted, atol=1e-10)
    own = interpolated(np.exp(values), measured)  # positive: interpolated as logarithms
    np.testing.assert_allclose(np.log(own), wanted, atol=1e-10)


def test_on_a_plane_it_is_the_polyharmonic_spline_of_scipy():
    values, measured = grid(lambda x, y: np.sin(5 * x) * y), measured_at(SOME)
    places = np.argwhere(measured) / 8
    wanted = RBFInterpolator(places, values[measured], kernel="cubic", degree=1)(np.argwhere(np.ones((9, 9), bool)) / 8)
    found = interpolated(values, measured)
    np.testing.assert_allclose(found, wanted.reshape(9, 9), atol=1e-9)
    np.testing.assert_array_equal(found[measured], values[measured])
    tilted = grid(lambda x, y: 2 * x - 3 * y)
    guess, error = predicted(tilted, measured)
    np.testing.assert_allclose(guess, tilted, atol=1e-10)  # planes are reproduced exactly
    assert error.max() < 1e-8


def test_errors_are_those_of_points_left_out_grown_as_the_kernel_says():
    """For one unmeasured point: the largest leave-one-out score nearby, from refitting without each point."""
    values, measured = grid(lambda x, y: np.sin(5 * x) * y - 2, 5), np.ones((5, 5), dtype=bool)
    measured[2, 2] = False
    scores = {}
    for row, column in np.argwhere(measured):
        left = measured.copy()
        left[row, column] = False
        scores[row, column] = abs(interpolated(values, left)[row, column] - values[row, column])
        scores[row, column] /= deviation(np.argwhere(left) / 4, np.array([row, column]) / 4)
    nearest = sorted(scores, key=lambda place: (place[0] - 2) ** 2 + (place[1] - 2) ** 2)
    own = deviation(np.argwhere(measured) / 4, np.array([0.5, 0.5]))
    guess, error = predicted(values, measured)
    expected = error[2, 2] * max(abs(guess[2, 2]), floor_of(values[measured]))
    four = max(scores[place] for place in nearest[:4]) * own
    eight = max(scores[place] for place in nearest[:8]) * own  # six are used: two of four on the diagonals
    assert four <= expected + 1e-12
    assert expected <= eight + 1e-12


def deviation(places, place):
    """Conditional deviation of a random field with variogram r^3 at a place, given its values at others."""
    terms = np.c_[np.ones(len(places)), places]
    kernel = np.linalg.norm(places[:, None] - places[None], axis=2) ** 3
    system = np.block([[kernel, terms], [terms.T, np.zeros((3, 3))]])
    row = np.r_[np.linalg.norm(places - place, axis=1) ** 3, 1, place]
    return np.sqrt(abs(row @ np.linalg.solve(system, row)))


def test_corners_that_are_orders_of_magnitude_higher_say_nothing_of_the_middle():
    bowl = grid(lambda x, y: 1 + (x - 0.5) ** 2 + (y - 0.5) ** 2)
    assert floor_of(bowl) == pytest.approx(0.02 * 0.5)  # 2 % of the spread
    steep = np.where(bowl > 1.4, 1e17, bowl)
    assert floor_of(steep) == pytest.approx(0.02 * (100 * np.median(steep) - 1))


@pytest.mark.parametrize("index", [[0, 1, 2], [0, 10, 20, 30], [3, 4, 5, 6, 7]])
def test_of_points_on_one_line_nothing_is_said_of_the_plane(index):
    guess, error = predicted(grid(lambda x, y: x + y), measured_at(index))
    assert np.isnan(guess[~measured_at(index)]).all()
    assert np.isposinf(error[~measured_at(index)]).all()


def test_gaps_have_no_part():
    values, measured = grid(lambda x, y: 1 + x * y), measured_at(SOME)
    values.reshape(-1)[SOME[:5]] = np.nan
    found = interpolated(values, measured)
    assert np.isnan(found).sum() == 5
    without = interpolated(values, measured & np.isfinite(values))
    np.testing.assert_allclose(found[~measured], without[~measured], rtol=1e-12)
