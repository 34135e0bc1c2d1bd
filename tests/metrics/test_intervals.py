"""Intervals, jackknife and bootstrap against closed forms, explicit resampling and simulation."""

import numpy as np
import pytest
import torch
from scipy import stats

from modescape import rng
from modescape.errors import InputError
from modescape.metrics import bootstrap, jackknife_variance
from modescape.metrics.intervals import bounded_interval, resample_counts, satterthwaite_interval

torch.set_num_threads(1)


def test_resamples_are_multinomial_and_fixed_by_key() -> None:
    counts = resample_counts(50, 400, key=3)
    assert counts.shape == (400, 50)
    assert (counts.sum(1) == 50).all()
    np.testing.assert_array_equal(counts[:10], resample_counts(50, 10, key=3))  # more resamples keep the first
    assert (counts[:10] != resample_counts(50, 10, key=4)).any()
    # Each count is Binomial(50, 1/50): mean 1, variance 0.98; the error of the variance is 1.5 % for 20,000 counts.
    assert counts.var() == pytest.approx(0.98, rel=0.06)
    for row, own in ((7, counts[7]), (6, resample_counts(200_000, 7, key=3)[6])):  # the second in blocks of 5 rows
        drawn = rng.integers(torch.tensor([rng.key(3, "resample", row)]), own.size, own.size)[0].numpy()
        np.testing.assert_array_equal(own, np.bincount(drawn, minlength=own.size))


def test_bootstrap_of_a_mean_has_the_variance_of_the_mean() -> None:
    score = np.random.default_rng(4).normal(size=(300, 2))
    draws = bootstrap(score, resamples=3000, key=5)
    assert draws.shape == (3000, 2)
    np.testing.assert_allclose(draws.var(0), score.var(0) / 300, rtol=0.12)  # the error is 2.6 % for 3,000 draws
    np.testing.assert_allclose(draws.mean(0), score.mean(0), atol=4 * score.std() / np.sqrt(300 * 3000))
    np.testing.assert_allclose(bootstrap(score + np.array([0, 5]), 50, 1)[:, 1], bootstrap(score, 50, 1)[:, 1] + 5)
    assert isinstance(bootstrap(torch.tensor(score), 3), torch.Tensor)


def test_satterthwaite_is_student_or_normal_where_one_variance_is_all() -> None:
    for freedom in (1, 4, 9, np.inf):
        low, high = satterthwaite_interval(np.array([1.0, 2.0]), [4.0, 0.0], [freedom, 3])
        half = 2 * (stats.t.ppf(0.975, freedom) if np.isfinite(freedom) else stats.norm.ppf(0.975))
        np.testing.assert_allclose([low, high], [[1 - half, 2 - half], [1 + half, 2 + half]], rtol=1e-12)
    low, high = satterthwaite_interval(0.5, [0.0, 0.0], [1, np.inf])
    assert (low, high) == (0.5, 0.5)


def test_satterthwaite_covers_where_one_degree_on_the_whole_variance_is_many_times_too_wide() -> None:
    # The mean of two runs with a standard deviation of .2, plus a known standard deviation of 1 from test examples.
    numbers = np.random.default_rng(5)
    runs = 0.2 * numbers.normal(size=(40_000, 2)) + numbers.normal(size=(40_000, 1))
    between = runs.var(1, ddof=1) / 2
    low, high = satterthwaite_interval(runs.mean(1), [between, 1.0], [1, np.inf])
    ideal = 2 * stats.norm.ppf(0.975) * np.sqrt(0.2**2 / 2 + 1)
    assert np.mean((low < 0) & (high > 0)) == pytest.approx(0.95, abs=0.006)  # standard error .001 of 40,000
    assert np.mean(high - low) / ideal == pytest.approx(1, abs=0.02)
    whole = 2 * stats.t.ppf(0.975, 1) * np.sqrt(between + 1)  # with one degree of freedom for the whole variance
    assert np.mean(whole) / ideal > 6


def test_satterthwaite_of_a_difference_of_variances_stays_an_interval() -> None:
    low, high = satterthwaite_interval(1.0, [2.0, -3.0], [5, 5])  # a negative sum
    assert (low, high) == (1.0, 1.0)
    low, high = satterthwaite_interval(0.0, [2.0, -1.9], [5, 5])  # 0.0066 degrees of freedom, rounded up to 1
    assert high == pytest.approx(stats.t.ppf(0.975, 1) * np.sqrt(0.1))
    for bad in (np.nan, np.inf):
        assert np.isnan(satterthwaite_interval(1.0, [bad, 1.0], [1, np.inf])).all()


def test_satterthwaite_refuses_what_has_no_degrees_of_freedom() -> None:
    for variances, freedoms in (([], []), ([1.0], []), ([1.0], [0]), ([1.0], [np.nan])):
        with pytest.raises(InputError, match="degrees"):
            satterthwaite_interval(0.0, variances, freedoms)


def test_bounded_interval_is_wilson_s() -> None:
    for right, examples in ((0, 20), (3, 20), (150, 300), (300, 300)):
        share = right / examples
        half = stats.norm.ppf(0.975) * np.sqrt(share * (1 - share) / examples)
        expected = stats.binomtest(right, examples).proportion_ci(0.95, "wilson")
        got = bounded_interval(np.array(share), np.array(half), 1.0, examples)
        assert got == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_bounded_interval_solves_its_equation() -> None:
    for value, half, largest in ((0.3, 0.2, 2.0), (0.3, 0.1, np.inf), (0.01, 0.5, np.inf), (1.9, 0.4, 2.0)):
        ratio = half**2 / (value * (1 - value / largest))
        for end in bounded_interval(np.array(value), np.array(half), largest, 100):
            assert 0 < end < largest
            assert (value - end) ** 2 == pytest.approx(ratio * end * (1 - end / largest), rel=1e-9)
    low, high = bounded_interval(np.array([np.nan, 0.2]), np.array([0.1, np.nan]), 1.0, 50)
    assert np.isnan([low, high]).all()


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match="2 members or more"):
        jackknife_variance(np.zeros(1))
    with pytest.raises(InputError, match=r"\[example, column\]"):
        bootstrap(np.zeros(3))


def test_the_jackknife_is_computed_in_float64_and_unknown_where_infinite():
    assert jackknife_variance(np.array([-800, -50], dtype=np.float16)) == 375.0**2
    assert np.isnan(jackknife_variance(np.array([-np.inf, -np.inf])))
