"""Spread of accuracy between members: against formulas by hand, and a population with known truth."""

import numpy as np
import pytest

from modescape.errors import InputError
from modescape.metrics.between_members import between_members


def population(
    random: np.random.Generator, members: int, examples: int, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Members are right with the example's probability plus a shift of their own; also the members' true accuracies.

    Shifts are uniform with this standard deviation and never lead outside [0, 1], so it is that of accuracies.
    """
    easy = random.choice([0.15, 0.85, 0.9], examples)
    shift = random.uniform(-1, 1, members) * spread * 3**0.5
    return random.uniform(size=(members, examples)) < easy + shift[:, None], shift


def test_cochran_by_hand():
    """Q = (M - 1) (M sum C^2 - T^2) / (M T - sum R^2), with columns C, rows R and total T."""
    right = np.random.default_rng(0).uniform(size=(4, 60)) < np.array([0.5, 0.6, 0.7, 0.8])[:, None]
    columns, rows, total = right.sum(1), right.sum(0), right.sum()
    wanted = 3 * (4 * np.square(columns).sum() - total**2) / (4 * total - np.square(rows).sum())
    found = between_members(right)
    assert found.q == pytest.approx(wanted)
    assert found.q == pytest.approx(3 * found.sd**2 / found.sampling**2)


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.03])
def test_the_variance_beyond_sampling_is_unbiased_and_its_bound_covers(spread: float):
    random, estimates, bounds, rejected = np.random.default_rng(1), [], [], []
    for _ in range(600):
        right, _ = population(random, 8, 400, spread)
        found = between_members(right)
        estimates.append(found.sd**2 - found.sampling**2)
        bounds.append(found.beyond_high)
        rejected.append(found.p_value < 0.05)
    error = np.std(estimates) / 600**0.5
    assert abs(np.mean(estimates) - spread**2) < 3 * error
    if spread:
        assert 0.925 <= np.mean(np.array(bounds) >= spread) <= 0.985
    else:
        assert 0.02 <= np.mean(rejected) <= 0.08


def test_two_networks_and_networks_that_are_alike():
    alike = between_members(np.tile(np.array([True, False, True]), (3, 1)))
    assert (alike.sd, alike.sampling, alike.beyond, alike.beyond_high) == (0, 0, 0, 0)
    assert np.isnan([alike.q, alike.p_value]).all()
    two = between_members(np.array([[True] * 10, [False] * 10]))
    assert two.beyond_high > two.beyond > 0


@pytest.mark.parametrize("right", [np.ones((1, 5), bool), np.ones((3, 0), bool), np.ones((3, 4)), np.ones(4, bool)])
def test_wrong_input(right: np.ndarray):
    with pytest.raises(InputError, match=r"expected truth values \[member, example\]"):
        between_members(right)
