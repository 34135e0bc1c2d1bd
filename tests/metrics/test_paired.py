"""Differences of models: against SciPy and plain loops, copies and infinite scores, and coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from modescape.errors import InputError
from modescape.metrics.crossed import apart, of_runs
from modescape.metrics.folds import folds, sample_units
from modescape.metrics.overlap import overlap
from modescape.metrics.paired import (
    between_runs,
    differences,
    holm,
    largest_statistics,
    moments,
    student_interval,
    student_p,
)
from modescape.metrics.paired import of_runs as mean_of_runs
from modescape.metrics.scores import SCORES
from modescape.metrics.scoring import CLASSES


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.normal(0, 1, (5, 400)) + random.normal(0, 1, 400) + 0.05 * np.arange(5)[:, None]


def test_a_difference_and_its_p_value_are_those_of_a_paired_test(values: np.ndarray) -> None:
    found = differences(moments(values), key=1)
    for one in range(5):
        for other in range(5):
            if one == other:
                assert found.value[one, other] == 0
                assert np.isnan(found.low[one, other])
                continue
            own = stats.ttest_rel(values[one], values[other])
            # normal instead of t quantiles: .3 % of the length for 400 examples
            wanted = [own.confidence_interval().low, own.confidence_interval().high]
            np.testing.assert_allclose([found.low[one, other], found.high[one, other]], wanted, atol=2e-3)
            np.testing.assert_allclose(found.p[one, other], 2 * stats.norm.sf(abs(own.statistic)), rtol=1e-9)


def test_moments_are_those_of_numpy_over_many_blocks(values: np.ndarray) -> None:
    many = np.tile(values, (1, 700)).astype(np.float32)  # 1.4 million numbers: two blocks
    found = moments(many)
    np.testing.assert_allclose(found.covariance, np.cov(many.astype(float), ddof=0), rtol=1e-6)
    np.testing.assert_allclose(found.mean, many.mean(1, dtype=float), rtol=1e-6)


def test_shares_have_the_interval_of_bonett_and_price() -> None:
    random = np.random.default_rng(1)
    right = random.random((2, 90)) < np.array([[0.9], [0.8]])
    found = differences(moments(right), key=1, shares=True)
    b, c, n = int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum()), 90
    first, second = (b + 1) / (n + 2), (c + 1) / (n + 2)
    error = np.sqrt((first + second - (first - second) ** 2) / (n + 2))
    z = stats.norm.ppf(0.975)
    np.testing.assert_allclose(found.low[0, 1], first - second - z * error, rtol=1e-12)
    np.testing.assert_allclose(found.high[0, 1], first - second + z * error, rtol=1e-12)
    assert found.value[0, 1] == pytest.approx((b - c) / n)
    assert found.low_simultaneous[0, 1] == found.low[0, 1]  # with one pair, both are the same
    mcnemar = stats.binomtest(b, b + c).pvalue
    assert 0.3 * mcnemar < found.p[0, 1] < 1.5 * mcnemar


def test_intervals_of_all_pairs_leave_0_out_where_the_adjusted_p_value_is_small(values: np.ndarray) -> None:
    found = differences(moments(values), key=1)
    pairs = np.triu_indices(5, 1)
    told = (found.low_simultaneous > 0) | (found.high_simultaneous < 0)
    np.testing.assert_array_equal(told[pairs], (found.p_adjusted < 0.05)[pairs])
    assert (found.p_adjusted >= found.p)[pairs].all()
    bonferroni = np.minimum(10 * found.p, 1)
    assert (found.p_adjusted <= bonferroni + 0.01)[pairs].all()
    np.testing.assert_allclose(found.p_adjusted, found.p_adjusted.T)


def test_the_largest_of_independent_differences_is_the_studentised_range() -> None:
    """For models with independent, equally distributed scores, max |z_i - z_j| is Tukey's studentised range."""
    largest = largest_statistics(np.eye(6), key=3, draws=20_000)
    wanted = stats.studentized_range.ppf(0.95, 6, np.inf) / np.sqrt(2)
    np.testing.assert_allclose(np.quantile(largest, 0.95), wanted, rtol=0.015)  # 20,000 draws


def test_copies_and_infinite_scores_have_no_interval_and_leave_others_theirs(values: np.ndarray) -> None:
    broken = np.concatenate([values, values[:1], np.full((1, 400), np.inf)])
    found, alone = differences(moments(broken), key=1), differences(moments(values), key=1)
    assert found.value[0, 5] == 0
    assert found.p[0, 5] == 1
    assert np.isnan(found.p[0, 6])
    np.testing.assert_allclose(found.low[:5, :5], alone.low)
    np.testing.assert_allclose(found.low_simultaneous[:5, :5], alone.low_simultaneous, atol=2e-3)
    with pytest.raises(InputError, match="expected 2 or more"):
        differences(moments(values[:1]), key=1)


def test_groups_of_runs_are_compared_as_sets_of_members_are() -> None:
    """`crossed.apart` needs every example; here, means and covariances are enough."""
    random = np.random.default_rng(2)
    example = random.normal(0, 1, (7, 4, 300)) + random.normal(0, 0.2, (7, 4, 1)) + random.normal(0, 1, (4, 300))
    one, other = (of_runs(part.mean(2), part, CLASSES) for part in (example[:4], example[4:]))
    value, low, high = apart(one, other)
    for at in range(len(SCORES)):
        found = moments(example[:, at])
        difference = between_runs(found, [0, 1, 2, 3], [4, 5, 6])
        np.testing.assert_allclose(difference.value, value[at], rtol=1e-12)
        np.testing.assert_allclose(student_interval(difference), [low[at], high[at]], rtol=1e-9)
        own = mean_of_runs(found, [0, 1, 2, 3])
        wide = one.new()  # bounded by the score's range; where both ends are inside, they agree
        if wide[0][at] > 0 and wide[1][at] < 1:
            np.testing.assert_allclose([own.low, own.high], [wide[0][at], wide[1][at]], rtol=0.1)


def test_runs_alone_give_students_t_where_examples_are_without_number() -> None:
    """For runs that differ by a constant on all examples, Welch's test up to rounding, and a consistent p-value."""
    random = np.random.default_rng(3)
    scores = random.normal(0, 1, (9, 1)) + 1e-9 * random.normal(0, 1, (9, 50))
    difference = between_runs(moments(scores), [0, 1, 2, 3], [4, 5, 6, 7, 8])
    welch: Any = stats.ttest_ind(scores[:4].mean(1), scores[4:].mean(1), equal_var=False)
    np.testing.assert_allclose(student_p(difference), welch.pvalue, rtol=1e-6)
    np.testing.assert_allclose(student_interval(difference), welch.confidence_interval(), rtol=1e-6)


def test_holm_is_the_step_down_rule_written_out() -> None:
    p = np.array([0.04, np.nan, 0.001, 0.03, 0.03])
    order, running = np.argsort(p[[0, 2, 3, 4]]), 0.0
    wanted = np.full(5, np.nan)
    for step, at in enumerate(np.array([0, 2, 3, 4])[order]):
        running = max(running, min(1.0, (4 - step) * p[at]))
        wanted[at] = running
    np.testing.assert_allclose(holm(p), wanted)


def test_overlap_is_that_of_loops_and_kappa_that_of_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score, jaccard_score

    random = np.random.default_rng(4)
    wrong = random.random((4, 200)) < 0.3
    wrong[1] |= wrong[0]
    found = overlap(wrong)
    for one in range(4):
        for other in range(4):
            both = sum(a and b for a, b in zip(wrong[one], wrong[other], strict=True)) / 200
            assert found.both_wrong[one, other] == pytest.approx(both)
            assert found.error_jaccard[one, other] == pytest.approx(jaccard_score(wrong[one], wrong[other]))
            assert found.error_kappa[one, other] == pytest.approx(cohen_kappa_score(wrong[one], wrong[other]))
    with pytest.raises(InputError, match="truth values"):
        overlap(wrong.astype(int))


def test_parts_are_even_and_a_sample_cuts_no_group() -> None:
    for repeat in range(3):
        assert sorted(np.bincount(folds(103, 5, 7, repeat))) == [20, 20, 21, 21, 21]
    assert (folds(103, 5, 7, 0) != folds(103, 5, 7, 1)).any()
    np.testing.assert_array_equal(folds(103, 5, 7), folds(103, 5, 7))
    with pytest.raises(InputError, match="2 parts or more"):
        folds(3, 4, 7)
    group = np.repeat(np.arange(40), np.arange(40) % 4 + 1)
    places = sample_units(group, len(group), 50, key=1)
    assert 45 <= len(places) <= 50
    for number in np.unique(group[places]):
        assert (group[places] == number).sum() == (group == number).sum()
    assert len(sample_units(np.repeat(np.arange(3), 60), 180, 50, key=1)) == 120  # two groups, the fewest allowed
    np.testing.assert_array_equal(sample_units(None, 10, 10, key=1), np.arange(10))
    drawn = sample_units(None, 1000, 100, key=1)
    assert len(np.unique(drawn)) == 100
    assert (np.diff(drawn) > 0).all()


@pytest.mark.ci
def test_simultaneous_intervals_hold_all_differences_as_often_as_they_say() -> None:
    """Six equally good models, 400 test sets of 200 examples: the standard error of the share is .011."""
    random = np.random.default_rng(5)
    holding, alone = [], []
    for _ in range(400):
        shared = random.random(200)
        right = random.random((6, 200)) < 0.5 + 0.5 * shared
        found = differences(moments(right), key=1, shares=True, draws=1000)
        pairs = np.triu_indices(6, 1)
        holding.append(((found.low_simultaneous <= 0) & (found.high_simultaneous >= 0))[pairs].all())
        alone.append(((found.low <= 0) & (found.high >= 0))[pairs].mean())
    assert 0.925 < np.mean(holding) < 0.985
    assert 0.94 < np.mean(alone) < 0.97
