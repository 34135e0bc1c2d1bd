"""Influences of members against closed forms, and variances from them against simulations with known truth."""

import numpy as np
import pytest

from modescape.metrics.influence import crossed_interval, example_variance, influence_weights, member_variance
from modescape.metrics.subsets import subsets


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_influences_on_a_mean_are_the_members_deviations(size: int) -> None:
    # A subset's score that is linear in its members averages to the members' mean, whatever the size.
    values = np.random.default_rng(0).normal(size=6)
    masks = subsets(6, size)
    influence = influence_weights(masks) @ (masks @ values / size)
    np.testing.assert_allclose(influence, values - values.mean(), rtol=0, atol=1e-12)


def test_influences_over_all_subsets_are_those_of_leaving_a_member_out() -> None:
    masks = subsets(7, 3)
    score = np.random.default_rng(1).normal(size=len(masks))  # an arbitrary, nonlinear function of the subset
    without = np.array([score[~masks[:, member]].mean() for member in range(7)])
    np.testing.assert_allclose(influence_weights(masks) @ score, 6 * (without.mean() - without), rtol=0, atol=1e-12)


def test_a_sample_of_subsets_gives_the_influences_of_a_mean_exactly() -> None:
    values = np.random.default_rng(2).normal(size=20)
    masks = subsets(20, 10, limit=40)
    score = masks @ values / 10
    influence = influence_weights(masks) @ score
    np.testing.assert_allclose(influence, values - values.mean(), rtol=0, atol=1e-12)
    without = np.array([score[~masks[:, member]].mean() for member in range(20)])
    assert np.abs(19 * (without.mean() - without) - influence).max() > 0.2  # includes effects of the others


@pytest.mark.parametrize(("members", "size"), [(30, 13), (30, 8), (11, 4), (30, 12)])
def test_what_all_subsets_share_is_no_influence(members: int, size: int) -> None:
    masks = subsets(members, size)  # a sample: some members are in more subsets than others
    values = np.random.default_rng(5).normal(size=members)
    influence = influence_weights(masks) @ (0.96 + masks @ values / size)
    np.testing.assert_allclose(influence, values - values.mean(), rtol=0, atol=1e-12)


def test_all_members_at_once_show_no_influence() -> None:
    assert (influence_weights(subsets(4, 4)) == 0).all()


def scores(numbers: np.random.Generator, own: float, examples: int = 50, members: int = 6) -> np.ndarray:
    """Scores [member, example] with sd `own` between members, 1 between examples, and 2 for each combination."""
    shape = members, examples
    return own * numbers.normal(size=(members, 1)) + numbers.normal(size=examples) + 2 * numbers.normal(size=shape)


@pytest.mark.parametrize("own", [0.0, 0.3, 1.0])
def test_variances_of_crossed_effects_add_up_to_the_truth(own: float) -> None:
    numbers = np.random.default_rng(3)
    found = []
    for _ in range(1000):
        values = scores(numbers, own)
        spread = values.mean(1).var(ddof=1) / 6
        found.append((example_variance(values.mean(0)), *member_variance(values), spread))
    test, shared, freedom, spread = np.mean(found, axis=0)
    of_examples, of_members = (1 + 2**2 / 6) / 50, own**2 / 6
    assert test == pytest.approx(of_examples, rel=0.03)  # 1,000 variances of 49 degrees: 0.6 % error
    assert spread == pytest.approx(of_members + 2**2 / 6 / 50, rel=0.08)  # includes the noise of test examples
    if own < 1:  # estimates are cut off at 0, below which half would be
        assert shared < of_members + 0.4 * 2**2 / 6 / 50
    else:
        assert shared == pytest.approx(of_members, rel=0.08)
        assert 4 < freedom < 5  # below 5, because of the noise of test examples


def test_variances_equal_those_of_the_table_of_variance() -> None:
    values = scores(np.random.default_rng(4), 2.0, examples=9, members=4)
    table = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    interaction = np.square(table).sum() / 3 / 8
    shared, freedom = member_variance(values)
    spread = values.mean(1).var(ddof=1) / 4
    assert shared == pytest.approx(spread - interaction / 4 / 9, rel=1e-12)
    assert freedom == pytest.approx(3 * shared / spread, rel=1e-12)


@pytest.mark.parametrize("own", [0.0, 0.3, 1.0])
def test_crossed_intervals_hold_the_truth_as_often_as_they_say(own: float) -> None:
    numbers = np.random.default_rng(5)
    values = np.stack([scores(numbers, own) for _ in range(2000)])
    low, high = crossed_interval(values.mean((1, 2)), values.mean(1), values)
    inside = (low < 0) & (high > 0)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)  # the standard error of .95 is .005 for 2,000 draws
    deviation = np.sqrt(own**2 / 6 + (1 + 2**2 / 6) / 50)
    assert np.mean(high - low) / (2 * 1.96 * deviation) < 1.35  # with 5 degrees of freedom, 1.31 if only members vary


def test_one_example_or_one_member_shows_only_what_it_can() -> None:
    assert np.isnan(crossed_interval(0.5, np.array([0.5]))).all()
    values = scores(np.random.default_rng(6), 1.0)
    low, high = crossed_interval(values[0].mean(), values[0])
    assert high - low == pytest.approx(2 * 1.959964 * values[0].std(ddof=1) / np.sqrt(50), rel=1e-6)
    assert np.isnan(crossed_interval(np.inf, np.array([np.inf, 1.0]), values[:, :2])).all()
