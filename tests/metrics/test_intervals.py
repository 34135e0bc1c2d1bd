"""Jackknife and bootstrap against closed forms, explicit resampling and simulation."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import log_softmax

from modescape import rng
from modescape.errors import InputError
from modescape.metrics import (
    METRICS,
    accuracy,
    bootstrap,
    brier_law,
    combine,
    ece,
    ensemble_curve,
    example_scores,
    jackknife_variance,
    scores,
    subset_scores,
)
from modescape.metrics.ensemble import _ece_draws
from modescape.metrics.intervals import delete_one_means, normal_interval, resample_counts, satterthwaite_interval
from modescape.metrics.subsets import subsets

torch.set_num_threads(1)


def predictions(seed: int, members: int, examples: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Members that share a signal, so that they agree more often than chance."""
    numbers = np.random.default_rng(seed)
    signal = 2 * numbers.normal(size=(examples, classes))
    log_prob = log_softmax(signal + 2 * numbers.normal(size=(members, examples, classes)), axis=-1)
    return log_prob, (signal + numbers.normal(size=signal.shape)).argmax(-1)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_jackknife_of_a_mean_is_the_variance_of_the_mean(size: int) -> None:
    # A subset's score that is linear in its members averages to the members' mean, whatever the size: s^2 / n.
    values = np.random.default_rng(0).normal(size=6)
    masks = subsets(6, size)
    score = masks @ values / size
    variance = jackknife_variance(delete_one_means(score, masks))
    assert variance == pytest.approx(values.var(ddof=1) / 6, rel=1e-12)


def test_delete_one_means_equal_the_curve_without_that_member() -> None:
    log_prob, label = predictions(1, 5, 40, 4)
    masks = subsets(5, 3)
    score = subset_scores(log_prob, label, masks).score
    for name in METRICS:
        got = delete_one_means(score[name], masks)
        for member in range(5):
            rest = subset_scores(np.delete(log_prob, member, axis=0), label, subsets(4, 3)).score[name]
            assert got[member] == pytest.approx(rest.mean(), abs=1e-13)


def test_jackknife_sees_what_the_spread_over_subsets_hides() -> None:
    # 400 repeats of 10 members, accuracy at size 8. A fixed test set: the truth is the sd between repeats.
    numbers = np.random.default_rng(2)
    signal = numbers.normal(size=(60, 3))
    label, masks = numbers.integers(3, size=60), subsets(10, 8)
    estimate, jackknife, naive = [], [], []
    for _ in range(400):
        log_prob = log_softmax(2 * signal + 4 * numbers.normal(size=(10, 60, 3)), axis=-1)
        score = subset_scores(log_prob, label, masks).score["brier"]
        estimate.append(score.mean())
        jackknife.append(jackknife_variance(delete_one_means(score, masks)))
        naive.append(score.var(ddof=1) / len(score))
    truth = np.var(estimate, ddof=1)  # known to about 7 % (400 repeats)
    assert np.mean(jackknife) == pytest.approx(truth, rel=0.25)
    assert np.mean(naive) < truth / 10


def test_resamples_are_multinomial_and_fixed_by_key() -> None:
    counts = resample_counts(50, 400, key=3)
    assert counts.shape == (400, 50)
    assert (counts.sum(1) == 50).all()
    np.testing.assert_array_equal(counts[:10], resample_counts(50, 10, key=3))  # more resamples keep the first
    assert (counts[:10] != resample_counts(50, 10, key=4)).any()
    # Each count is Binomial(50, 1/50): mean 1, variance 0.98; 20,000 counts know the variance to about 1.5 %.
    assert counts.var() == pytest.approx(0.98, rel=0.06)
    drawn = rng.integers(torch.tensor([rng.key(3, "resample", 7)]), 50, 50)[0].numpy()
    np.testing.assert_array_equal(counts[7], np.bincount(drawn, minlength=50))


def test_bootstrap_of_a_mean_has_the_variance_of_the_mean() -> None:
    score = np.random.default_rng(4).normal(size=(300, 2))
    draws = bootstrap(score, resamples=3000, key=5)
    assert draws.shape == (3000, 2)
    np.testing.assert_allclose(draws.var(0), score.var(0) / 300, rtol=0.12)  # 3,000 draws know it to 2.6 %
    np.testing.assert_allclose(draws.mean(0), score.mean(0), atol=4 * score.std() / np.sqrt(300 * 3000))
    np.testing.assert_allclose(bootstrap(score + np.array([0, 5]), 50, 1)[:, 1], bootstrap(score, 50, 1)[:, 1] + 5)
    assert isinstance(bootstrap(torch.tensor(score), 3), torch.Tensor)


@pytest.mark.parametrize("block", [100, 1 << 20])
def test_ece_is_resampled_as_if_examples_were_repeated(block: int, in_blocks) -> None:
    in_blocks(scores, block)
    log_prob, label = predictions(6, 3, 40, 4)
    counts, masks = resample_counts(40, 5, key=0), subsets(3, 2)
    got = _ece_draws(log_prob, label, masks, counts)
    for draw, count in zip(got, counts, strict=True):
        repeated = np.repeat(np.arange(40), count)
        expected = [ece(combine(log_prob[mask][:, repeated]), label[repeated]) for mask in masks]
        assert draw == pytest.approx(np.mean(expected), abs=1e-12)


def test_normal_interval_uses_student_t() -> None:
    low, high = normal_interval(np.array(1.0), np.array(4.0), members=5)
    half = stats.t.ppf(0.975, 4) * 2
    assert (float(low), float(high)) == pytest.approx((1 - half, 1 + half))


def test_satterthwaite_is_student_or_normal_where_one_variance_is_all() -> None:
    for freedom in (1, 4, 9, np.inf):
        low, high = satterthwaite_interval(np.array([1.0, 2.0]), [4.0, 0.0], [freedom, 3])
        half = 2 * (stats.t.ppf(0.975, freedom) if np.isfinite(freedom) else stats.norm.ppf(0.975))
        np.testing.assert_allclose([low, high], [[1 - half, 2 - half], [1 + half, 2 + half]], rtol=1e-12)
    low, high = satterthwaite_interval(0.5, [0.0, 0.0], [1, np.inf])
    assert (low, high) == (0.5, 0.5)


def test_satterthwaite_covers_where_one_degree_on_the_whole_variance_is_many_times_too_wide() -> None:
    # The mean of two runs, standard deviation .2 between them, and test examples that add a known standard deviation 1.
    numbers = np.random.default_rng(5)
    runs = 0.2 * numbers.normal(size=(40_000, 2)) + numbers.normal(size=(40_000, 1))
    between = runs.var(1, ddof=1) / 2
    low, high = satterthwaite_interval(runs.mean(1), [between, 1.0], [1, np.inf])
    ideal = 2 * stats.norm.ppf(0.975) * np.sqrt(0.2**2 / 2 + 1)
    assert np.mean((low < 0) & (high > 0)) == pytest.approx(0.95, abs=0.006)  # 40,000 draws know it to .001
    assert np.mean(high - low) / ideal == pytest.approx(1, abs=0.02)
    whole = 2 * stats.t.ppf(0.975, 1) * np.sqrt(between + 1)  # what one degree of freedom on the sum makes of it
    assert np.mean(whole) / ideal > 6


def test_satterthwaite_of_a_difference_of_variances_stays_an_interval() -> None:
    low, high = satterthwaite_interval(1.0, [2.0, -3.0], [5, 5])  # more subtracted than there was
    assert (low, high) == (1.0, 1.0)
    low, high = satterthwaite_interval(0.0, [2.0, -1.9], [5, 5])  # 0.0066 degrees of freedom: taken as 1
    assert high == pytest.approx(stats.t.ppf(0.975, 1) * np.sqrt(0.1))
    for bad in (np.nan, np.inf):
        assert np.isnan(satterthwaite_interval(1.0, [bad, 1.0], [1, np.inf])).all()


def test_satterthwaite_refuses_what_has_no_degrees_of_freedom() -> None:
    for variances, freedoms in (([], []), ([1.0], []), ([1.0], [0]), ([1.0], [np.nan])):
        with pytest.raises(InputError, match="degrees"):
            satterthwaite_interval(0.0, variances, freedoms)


@pytest.fixture(scope="module")
def curve_case():
    log_prob, label = predictions(7, 5, 150, 4)
    return log_prob, label, ensemble_curve(log_prob, label, resamples=300, key=11)


def test_curve_equals_direct_averages(curve_case) -> None:
    log_prob, label, curve = curve_case
    assert curve.metric == tuple(METRICS)
    assert curve.size.tolist() == [1, 2, 3, 4, 5]
    assert curve.subsets.tolist() == [5, 10, 10, 5, 1]
    for row, metric in enumerate(METRICS.values()):
        assert curve.score[row, -1] == pytest.approx(metric.function(combine(log_prob), label), abs=1e-13)
        assert curve.score[row, 0] == pytest.approx(metric.function(log_prob, label).mean(), abs=1e-13)
    np.testing.assert_allclose(curve.gain, curve.score - curve.score[:, :1], atol=1e-15)
    law = brier_law(log_prob, label)
    np.testing.assert_allclose(curve.score[2], law.at(curve.size), rtol=0, atol=1e-12)


def test_curve_intervals_hold_their_estimate(curve_case) -> None:
    _, _, curve = curve_case
    assert (curve.low < curve.score).all()
    assert (curve.score < curve.high).all()
    assert (curve.gain_low[:, 1:] < curve.gain[:, 1:]).all()
    assert (curve.gain[:, 1:] < curve.gain_high[:, 1:]).all()
    for value in (curve.gain, curve.gain_low, curve.gain_high):
        assert (value[:, 0] == 0).all()  # exactly: a size against itself
    # Paired: the gain of Brier at full size is known better than by differencing two intervals.
    unpaired = np.hypot(curve.high[2, -1] - curve.low[2, -1], curve.high[2, 0] - curve.low[2, 0])
    assert curve.gain_high[2, -1] - curve.gain_low[2, -1] < unpaired


def test_curve_interval_equals_its_formula(curve_case) -> None:
    log_prob, label, curve = curve_case
    counts = resample_counts(150, 300, key=11)
    masks, alone = subsets(5, 3), subsets(5, 1)
    for row, name in enumerate(("accuracy", "nll", "brier")):
        theta = subset_scores(log_prob, label, masks).score[name]
        theta_1 = subset_scores(log_prob, label, alone).score[name]
        without = np.array([theta[~masks[:, i]].mean() - theta_1[~alone[:, i]].mean() for i in range(5)])
        members = 4 / 5 * np.square(without - without.mean()).sum()
        per_example = np.mean([example_scores(combine(log_prob[mask]), label)[name] for mask in masks], axis=0)
        difference = per_example - example_scores(log_prob, label)[name].mean(0)
        examples = (counts @ difference / 150).var(ddof=1)
        half = stats.t.ppf(0.975, 4) * np.sqrt(members + examples)
        assert curve.gain_high[row, 2] - curve.gain[row, 2] == pytest.approx(half, rel=1e-9)
        full = example_scores(combine(log_prob), label)[name]
        low, high = np.quantile(counts @ full / 150, [0.025, 0.975])
        assert (curve.low[row, -1], curve.high[row, -1]) == pytest.approx((low, high), rel=1e-12)


def test_ece_draws_are_centred_on_the_estimate(curve_case) -> None:
    log_prob, label, curve = curve_case
    draws = _ece_draws(log_prob, label, subsets(5, 5), resample_counts(150, 300, key=11))
    assert draws.mean() > curve.score[3, -1] + 0.005  # why they are centred
    low, high = np.quantile(draws - draws.mean() + curve.score[3, -1], [0.025, 0.975])
    assert (curve.low[3, -1], curve.high[3, -1]) == pytest.approx((low, high), rel=1e-12)


def test_curve_is_fixed_by_its_key_and_takes_tensors(curve_case) -> None:
    log_prob, label, curve = curve_case
    again = ensemble_curve(torch.tensor(log_prob), torch.tensor(label), resamples=300, key=11)
    np.testing.assert_array_equal(again.low, curve.low)
    np.testing.assert_array_equal(again.gain_high, curve.gain_high)
    assert (ensemble_curve(log_prob, label, resamples=300, key=12).low != curve.low).any()


def test_one_member_has_test_sampling_alone() -> None:
    log_prob, label = predictions(8, 1, 100, 3)
    curve = ensemble_curve(log_prob, label, resamples=400)
    assert curve.score.shape == (4, 1)
    assert curve.score[0, 0] == accuracy(log_prob[0], label)
    share = curve.score[0, 0]
    half = 1.96 * np.sqrt(share * (1 - share) / 100)
    assert curve.high[0, 0] - curve.low[0, 0] == pytest.approx(2 * half, rel=0.25)
    assert (curve.gain == 0).all()
    assert (curve.gain_low == 0).all()
    assert (curve.gain_high == 0).all()


def test_many_members_are_sampled_and_never_fewer_subsets_than_members() -> None:
    log_prob, label = predictions(9, 8, 20, 3)
    curve = ensemble_curve(log_prob, label, limit=3, resamples=20)
    assert curve.subsets.tolist() == [8, 8, 8, 8, 8, 8, 8, 1]
    assert np.isfinite(curve.low).all()


def test_equal_members_gain_nothing() -> None:
    log_prob, label = predictions(10, 1, 30, 3)
    curve = ensemble_curve(np.repeat(log_prob, 3, axis=0), label, resamples=50)
    for value in (curve.gain, curve.gain_low, curve.gain_high):
        np.testing.assert_allclose(value, 0, atol=1e-12)


def test_an_infinite_nll_leaves_the_others_alone() -> None:
    log_prob, label = predictions(11, 2, 30, 3)
    log_prob[:, 0] = np.where(np.arange(3) == (label[0] + 1) % 3, 0.0, -np.inf)
    curve = ensemble_curve(log_prob, label, resamples=50)
    assert np.isinf(curve.score[1]).all()
    assert np.isnan(curve.low[1]).all()
    assert np.isfinite(curve.low[[0, 2, 3]]).all()


def test_wrong_input_is_refused() -> None:
    masks = np.array([[True, False], [True, True]])
    with pytest.raises(InputError, match="member 0 is in every subset"):
        delete_one_means(np.zeros(2), masks)
    with pytest.raises(InputError, match=r"score has shape \[3\]"):
        delete_one_means(np.zeros(3), masks)
    with pytest.raises(InputError, match="2 members or more"):
        jackknife_variance(np.zeros(1))
    with pytest.raises(InputError, match=r"\[example, column\]"):
        bootstrap(np.zeros(3))
    log_prob, label = predictions(12, 2, 5, 3)
    with pytest.raises(InputError, match="resamples is 1"):
        ensemble_curve(log_prob, label, resamples=1)
    with pytest.raises(InputError, match=r"\[member, example, class\]"):
        ensemble_curve(log_prob[0], label)


def test_the_jackknife_is_computed_in_float64_and_unknown_where_infinite():
    assert jackknife_variance(np.array([-800, -50], dtype=np.float16)) == 375.0**2
    assert np.isnan(jackknife_variance(np.array([-np.inf, -np.inf])))
