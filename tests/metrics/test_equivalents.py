"""Equivalent numbers of networks: curves with a known inverse, and a search along the curve."""

import numpy as np
import pytest
import torch

from modescape.errors import InputError
from modescape.metrics import (
    BrierLaw,
    brier_equivalent,
    brier_equivalent_interval,
    brier_law,
    deep_ensemble_equivalent,
    example_scores,
)
from modescape.metrics.intervals import satterthwaite_interval

CURVE = np.array([0.9, 0.7, 0.6, 0.55])


def test_a_size_is_worth_itself_and_between_sizes_it_is_linear() -> None:
    worth = deep_ensemble_equivalent(CURVE, CURVE)
    assert worth.number.tolist() == [1, 2, 3, 4]
    assert not worth.beyond.any()
    sizes = np.linspace(1, 4, 31)
    got = deep_ensemble_equivalent(np.interp(sizes, [1, 2, 3, 4], CURVE), CURVE).number
    np.testing.assert_allclose(got, sizes, rtol=1e-13)


def test_outside_the_curve() -> None:
    worth = deep_ensemble_equivalent(np.array([0.95, np.inf, 0.9, 0.5]), CURVE)
    np.testing.assert_array_equal(worth.number, [np.nan, np.nan, 1, 4])
    assert worth.beyond.tolist() == [False, False, False, True]
    assert worth.below.tolist() == [True, True, False, False]
    np.testing.assert_allclose(worth.behind, [0.05, np.inf, 0, -0.4], rtol=1e-13)
    assert worth.ranked.tolist() == [0, 0, 1, np.inf]  # in the order of the scores
    single = deep_ensemble_equivalent(0.5, CURVE[:1])
    assert (single.number, single.beyond) == (1, True)
    assert isinstance(single.number, float)


def test_worse_than_one_network_is_no_number_of_networks() -> None:
    """As for Monte-Carlo dropout on digits, .294 nats against .279: not equivalent to 1 network, but below."""
    worth = deep_ensemble_equivalent(0.294, np.array([0.279, 0.25, 0.24]))
    assert worth.below
    assert np.isnan(worth.number)
    assert worth.behind == pytest.approx(0.015)
    same = deep_ensemble_equivalent(np.float64(np.float32(0.279)), np.array([0.279, 0.25]))  # equal up to float32
    assert (same.number, same.below) == (1, False)


@pytest.mark.parametrize("seed", range(10))
def test_a_noisy_curve_counts_where_it_is_first_reached(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    curve = 1 / np.arange(1, 9) + numbers.normal(0, 0.1, 8)
    along = np.linspace(1, 8, 700_001)  # steps of 1e-5
    value = np.interp(along, np.arange(1, 9), curve)
    for score in numbers.uniform(0, 1.2, 5):
        worth = deep_ensemble_equivalent(score, curve)
        reached = np.flatnonzero(value <= score)
        assert worth.beyond == (reached.size == 0)
        assert worth.below == (score > curve[0])
        if not worth.below:
            assert worth.number == pytest.approx(along[reached[0]] if reached.size else 8, abs=1.1e-5)


def test_draws_are_done_row_by_row() -> None:
    numbers = np.random.default_rng(1)
    curves = CURVE + numbers.normal(0, 0.05, (2, 30, 4))
    score = numbers.uniform(0.5, 1, 30)
    worth = deep_ensemble_equivalent(torch.tensor(score), torch.tensor(curves))
    assert worth.number.shape == worth.beyond.shape == (2, 30)
    assert worth.number.dtype == np.float64
    for flag in (np.asarray(worth.beyond), np.asarray(worth.below)):
        assert flag.any()
        assert not flag.all()
    for i in range(2):
        for j in range(30):
            one = deep_ensemble_equivalent(score[j], curves[i, j])
            np.testing.assert_array_equal([part[i, j] for part in worth], one)


def test_infinite_and_missing_scores() -> None:
    worth = deep_ensemble_equivalent(np.array([1.0, 0.5, np.inf]), np.array([np.inf, 0.8, 0.2]))
    np.testing.assert_allclose(worth.number, [2, 2.5, 1])
    assert not worth.below.any()
    unknown = deep_ensemble_equivalent(np.array([np.nan, 0.0]), np.array([[0.9, 0.8], [0.9, np.nan]]))
    assert np.isnan(unknown.number).all()
    assert not np.logical_or(unknown.beyond, unknown.below).any()


def test_brier_equivalent_inverts_the_law() -> None:
    law = BrierLaw(mean_member=0.45, diversity=0.16)
    size = np.array([0.5, 1, 2, 3.7, 1000])
    np.testing.assert_allclose(brier_equivalent(law.at(size), law), size, rtol=1e-10)
    assert brier_equivalent(law.at(np.inf), law) == np.inf
    assert brier_equivalent([0.2, 0.1], law).tolist() == [np.inf, np.inf]
    assert np.isnan(brier_equivalent(np.nan, law))
    assert isinstance(brier_equivalent(torch.tensor(0.4), law), float)
    draws = BrierLaw(np.array([0.45, 0.5]), np.array([0.16, 0.2]))  # pyright: ignore
    np.testing.assert_allclose(brier_equivalent(np.array([0.37, 0.4]), draws), [2, 2])


def members_and_method(members: int = 6, examples: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Brier scores of a method around each member, [member, example], the members and labels."""
    stream = np.random.default_rng(members)
    label = stream.integers(0, 3, examples)
    shared = 2 * np.eye(3)[label] + stream.normal(size=(examples, 3))
    skill = np.linspace(-1, 1, members)[:, None, None]  # so that members differ in skill
    own = 1.5 * stream.normal(size=(members, examples, 3)) + skill * np.eye(3)[label]

    def log_prob(noise: np.ndarray) -> np.ndarray:
        logits = shared + noise
        return logits - np.log(np.exp(logits).sum(-1, keepdims=True))

    return np.asarray(example_scores(log_prob(0.7 * own), label)["brier"]), log_prob(own), label


def test_brier_intervals_are_those_of_slow_formulas() -> None:
    """Members are left out by recomputing the law; an example's influence comes from a small weight on it."""
    brier, log_prob, label = members_and_method()
    members, examples = brier.shape
    of_example = [brier_law(log_prob[:, [at]], label[[at]]) for at in range(examples)]
    without = [
        [brier_law(np.delete(log_prob, i, 0)[:, [at]], label[[at]]) for at in range(examples)] for i in range(members)
    ]

    def inverse(weight: np.ndarray) -> float:
        law = BrierLaw(*(float(weight @ np.array([getattr(one, name) for one in of_example])) for name in law_names))
        return 1 / float(brier_equivalent(float(weight @ brier.mean(0)), law))

    law_names, even, step = BrierLaw._fields, np.full(examples, 1 / examples), 1e-5
    ratio = inverse(even)
    pull = np.array(
        [(inverse((1 - step) * even + step * np.eye(examples)[at]) - ratio) / step for at in range(examples)]
    )
    test = pull.var(ddof=1) / examples
    got = brier_equivalent_interval(brier, log_prob, label)
    assert got.number == pytest.approx(1 / ratio, rel=1e-12)
    low, high = satterthwaite_interval(ratio, [test], [np.inf])
    assert (got.low_these, got.high_these) == pytest.approx((1 / high, 1 / low), rel=1e-4)  # finite step

    law = brier_law(log_prob, label)
    left = np.empty((members, examples))  # linearised score without each member
    for i, laws in enumerate(without):
        change = np.delete(brier, i, 0).mean(0) - [one.mean_member for one in laws]
        left[i] = (change - (ratio - 1) * np.array([one.diversity for one in laws])) / law.diversity
    influence = (members - 1) * (pull - left)
    spread = influence.mean(1).var(ddof=1) / members
    both = influence - influence.mean(1)[:, None] - influence.mean(0) + influence.mean()
    both = np.square(both).sum() / ((members - 1) * (examples - 1)) / (members * examples)
    own = spread - both
    assert own > 0  # otherwise both intervals are equal
    low, high = satterthwaite_interval(ratio, [test, own], [np.inf, (members - 1) * (own / spread) ** 2])
    assert (got.low, got.high) == pytest.approx((1 / high, 1 / low), rel=1e-4)


def test_brier_intervals_are_done_method_by_method_and_open_at_the_limit() -> None:
    brier, log_prob, label = members_and_method()
    better = np.stack([brier, 0.5 * brier, 1.5 * brier])
    got = brier_equivalent_interval(torch.tensor(better), torch.tensor(log_prob), torch.tensor(label))
    for at, one in enumerate(better):
        np.testing.assert_array_equal([part[at] for part in got], brier_equivalent_interval(one, log_prob, label))
    assert np.isfinite([part[0] for part in got]).all()
    assert got.low[0] < got.low_these[0] < got.number[0] < got.high_these[0] < got.high[0]
    assert np.isinf([part[1] for part in got]).all()  # better than infinitely many
    assert got.high_these[2] < 1  # worse than one
    few = brier_equivalent_interval(brier[:2], log_prob[:2], label)
    assert np.isnan([few.low, few.high]).all()
    assert few.low_these < few.number < few.high_these


def test_wrong_input_is_refused() -> None:
    brier, log_prob, label = members_and_method()
    with pytest.raises(InputError, match=r"brier has shape \[6, 79\]; expected \[..., 6, 80\]"):
        brier_equivalent_interval(brier[:, 1:], log_prob, label)
    with pytest.raises(InputError, match="1 member"):
        brier_equivalent_interval(brier[:1], log_prob[:1], label)
    for wrong in (0.5, np.zeros((3, 0))):
        with pytest.raises(InputError, match="1 size or more"):
            deep_ensemble_equivalent(0.5, wrong)
    with pytest.raises(InputError, match=r"score has shape \[2\] and independent_scores \[3, 4\]"):
        deep_ensemble_equivalent(np.zeros(2), np.zeros((3, 4)))
