"""Statistics of repeated runs against SciPy, closed forms, enumeration, and simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from modescape.errors import InputError
from modescape.metrics import seeds
from modescape.metrics.paired import holm
from modescape.metrics.seeds.needed import Noise

NUMBERS = np.random.default_rng(14)
FIRST, SECOND = NUMBERS.normal(0.91, 0.01, 6), NUMBERS.normal(0.90, 0.03, 4)


def test_the_interval_of_a_mean_is_student_s_and_that_of_a_spread_chi_squared():
    found = seeds.summarize(FIRST)
    low, high = stats.t.interval(0.95, 5, FIRST.mean(), stats.sem(FIRST))
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-12)
    assert found.sd == pytest.approx(FIRST.std(ddof=1), rel=1e-12)
    ends = found.sd * np.sqrt(5 / stats.chi2.ppf([0.975, 0.025], 5))
    assert (found.sd_low, found.sd_high) == pytest.approx(tuple(ends), rel=1e-10)
    assert found.skewness == pytest.approx(stats.skew(FIRST, bias=False), rel=1e-10)


def test_skewed_runs_get_the_bootstrap_beside_and_normal_ones_do_not():
    skewed = np.random.default_rng(0).exponential(size=40)
    found = seeds.summarize(skewed)
    assert found.skewed
    theirs = stats.bootstrap((skewed,), np.mean, method="BCa", n_resamples=9_000, rng=np.random.default_rng(1))
    assert found.bca == pytest.approx(tuple(theirs.confidence_interval), abs=0.03)  # 3 errors of resampling
    assert found.bca[1] - found.mean > found.mean - found.bca[0]  # longer on the side of the tail
    assert not seeds.summarize(np.random.default_rng(0).normal(size=40)).skewed
    assert not seeds.summarize(np.array([0.0, 0.0, 0.0, 9.0])).skewed  # four runs are too few to judge the shape


def test_differences_are_welch_s_and_student_s():
    found = seeds.welch_difference(FIRST, SECOND)
    theirs = stats.ttest_ind(FIRST, SECOND, equal_var=False)
    interval = theirs.confidence_interval()
    assert (found.t, found.p, found.freedom) == pytest.approx((theirs.statistic, theirs.pvalue, theirs.df), rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    pairs = seeds.paired_difference(FIRST[:4], SECOND)
    theirs = stats.ttest_rel(FIRST[:4], SECOND)
    interval = theirs.confidence_interval()
    assert (pairs.t, pairs.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    assert (pairs.low, pairs.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert (found.paired, pairs.paired) == (False, True)


def test_differences_without_spread_are_none():
    assert seeds.paired_difference(FIRST, FIRST - 0.01) is None
    assert seeds.welch_difference(np.full(3, 0.1), np.full(4, 0.2)) is None


@pytest.mark.parametrize(("first", "second"), [(3, 3), (2, 3), (4, 2), (5, 5)])
def test_dealing_scores_out_counts_every_division(first, second):
    one, other = NUMBERS.normal(size=first), NUMBERS.normal(0.5, 1, size=second)
    every, seen, larger, smaller = np.concatenate([one, other]), one.mean() - other.mean(), 0, 0
    ways = list(itertools.combinations(range(first + second), first))
    for chosen in ways:
        rest = [place for place in range(first + second) if place not in chosen]
        difference = every[list(chosen)].mean() - every[rest].mean()
        larger, smaller = larger + (difference >= seen - 1e-12), smaller + (difference <= seen + 1e-12)
    found = seeds.dealt(one, other)
    assert found.p == pytest.approx(min(1, 2 * min(larger, smaller) / len(ways)))
    assert found.smallest == 2 / math.comb(first + second, first)
    theirs = stats.permutation_test((one, other), lambda a, b: a.mean() - b.mean(), n_resamples=np.inf)
    assert found.p == pytest.approx(theirs.pvalue)


def test_three_runs_against_three_reach_a_tenth_and_ties_count():
    assert seeds.dealt(np.array([3.0, 4, 5]), np.array([0.0, 1, 2])) == (0.1, 0.1)
    assert seeds.dealt(np.array([0.3, 0.1]), np.array([0.1, 0.3])).p == 1.0  # equal up to rounding
    assert seeds.dealt(np.zeros(11), np.ones(11)) is None
    differences = NUMBERS.normal(0.3, 1, size=7)
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert seeds.flipped(differences).p == pytest.approx(theirs.pvalue)
    assert seeds.flipped(np.ones(3)).smallest == 0.25


@pytest.mark.parametrize(("t", "freedom"), [(0.0, 4), (2.5, 8), (-6.0, 3), (40.0, 9), (300.0, 2), (1.0, 1)])
def test_ends_of_an_effect_have_its_t_at_their_quantiles(t, freedom):
    found = seeds.effect_size(t, freedom, 2.5)
    shares = stats.nct.cdf(t, freedom, np.array([found.low, found.high]) * math.sqrt(2.5))
    assert shares == pytest.approx([0.975, 0.025], abs=1e-6)


def test_hedges_g_is_its_definition_and_unbiased():
    first, second = np.random.default_rng(2).normal([[[0.8]], [[0.0]]], 1, size=(2, 4000, 5))
    found = [seeds.welch_difference(a, b).effect.value for a, b in zip(first[:3], second[:3], strict=True)]
    one, other = first[0], second[0]
    pooled = math.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)
    exact = math.gamma(4) / (math.sqrt(4) * math.gamma(3.5))
    assert found[0] == pytest.approx((one.mean() - other.mean()) / pooled * exact, rel=1e-9)
    pooled = np.sqrt((first.var(-1, ddof=1) + second.var(-1, ddof=1)) / 2)
    every = (first.mean(-1) - second.mean(-1)) / pooled * exact
    assert every.mean() == pytest.approx(0.8, abs=4 * every.std() / math.sqrt(len(every)))


def test_holm_lets_none_through_that_a_loop_would_not():
    p = [0.001, 0.2, 0.013, 0.012, 0.04]
    rejected = [False] * 5
    for step, place in enumerate(np.argsort(p)):
        if p[place] > 0.05 / (5 - step):
            break
        rejected[place] = True
    assert [one <= 0.05 for one in holm(p)] == rejected
    assert holm(p) == pytest.approx([0.005, 0.2, 0.048, 0.048, 0.08])


def test_power_is_that_of_simulated_experiments():
    draws = np.random.default_rng(3).normal(size=(4000, 2, 7)) * np.array([1.0, 3.0])[:, None]
    draws[:, 0] += 3.0
    rejected = stats.ttest_ind(draws[:, 0], draws[:, 1], axis=-1, equal_var=False).pvalue < 0.05
    noise = Noise(10.0, 100 / 82)  # of methods with sd 1 and 3
    assert seeds.power_of(noise, 3.0, 7) == pytest.approx(rejected.mean(), abs=0.025)  # 3 errors of 4,000 draws
    critical, far = stats.t.ppf(0.975, 7), 0.9 * math.sqrt(8)
    exact = stats.nct.sf(critical, 7, far) + stats.nct.cdf(-critical, 7, far)  # eight pairs that differ by .9 sd
    assert seeds.power_of(Noise(1.0, 1.0), 0.9, 8) == pytest.approx(exact)
    needed = seeds.runs_for_power(noise, 6, 3.0, 0.8).runs
    assert seeds.power_of(noise, 3.0, needed) >= 0.8 > seeds.power_of(noise, 3.0, needed - 1)


def test_runs_for_a_width_are_the_fewest():
    found = seeds.summarize(FIRST)
    noise, known = seeds.noise_of(found)
    needed = seeds.runs_for_width(noise, known, 0.005)

    def width(runs, sd):
        return 2 * stats.t.ppf(0.975, runs - 1) * sd / math.sqrt(runs)

    for runs, sd in zip(needed, (found.sd, found.sd_low, found.sd_high), strict=True):
        assert width(runs, sd) <= 0.005 < width(runs - 1, sd)
    assert seeds.runs_for_width(noise, known, 1e-7).runs is None
    pairs = seeds.paired_difference(FIRST[:4], SECOND)
    assert seeds.noise_of(pairs)[0].variance == pytest.approx((FIRST[:4] - SECOND).var(ddof=1))
    two = seeds.welch_difference(FIRST, SECOND)
    noise, known = seeds.noise_of(two, (FIRST.std(ddof=1), SECOND.std(ddof=1)))
    assert noise.variance == pytest.approx(FIRST.var(ddof=1) + SECOND.var(ddof=1))
    assert 3 <= known <= 8
    for wrong in ({"width": 0.0}, {"width": -1.0}):
        with pytest.raises(InputError, match="was asked for"):
            seeds.runs_for_width(noise, known, **wrong)
    for difference, power in ((0.0, 0.8), (1.0, 0.05), (1.0, 1.0)):
        with pytest.raises(InputError, match="was asked for"):
            seeds.runs_for_power(noise, known, difference, power)


def test_the_best_of_n_is_what_integrals_and_loops_over_all_subsets_say():
    assert seeds.expected_maximum(1) == pytest.approx(0, abs=1e-12)
    assert seeds.expected_maximum(3) == pytest.approx(1.5 / math.sqrt(math.pi), abs=1e-10)
    assert seeds.expected_maximum(5) == pytest.approx(1.16296447, abs=1e-8)  # tables of order statistics
    assert seeds.expected_maximum(1000) == pytest.approx(3.2414, abs=1e-4)
    subsets = list(itertools.combinations(FIRST, 4))
    assert seeds.best_of_seen(FIRST, 4) == pytest.approx(np.mean([max(one) for one in subsets]))
    both = itertools.product(itertools.combinations(FIRST, 3), itertools.combinations(SECOND, 3))
    wins = [(max(one) > max(other)) + (max(one) == max(other)) / 2 for one, other in both]
    assert seeds.chance_seen(FIRST, SECOND, 3) == pytest.approx(np.mean(wins))
    with pytest.raises(InputError, match=r"best of 5 runs .* expected 1 to 4"):
        seeds.best_of_seen(SECOND, 5)


def test_the_chance_of_the_better_best_is_that_of_drawn_runs():
    one, other = seeds.summarize(np.array([0.0, 2.0])), seeds.summarize(np.array([0.0, 1.0, 2.0]))
    drawn = np.random.default_rng(4).normal(size=(100_000, 2, 5))
    best = (drawn * np.array([one.sd, other.sd])[:, None] + 1).max(-1)
    assert seeds.chance_of_better_best(one, other, 5) == pytest.approx((best[:, 0] > best[:, 1]).mean(), abs=0.006)
    assert seeds.chance_of_better_best(other, other, 7) == pytest.approx(0.5, abs=1e-10)
    assert seeds.best_of_normal(one, 2) == pytest.approx(1 + math.sqrt(2) / math.sqrt(math.pi))


def test_evidence_is_the_integral_of_likelihoods():
    differences, effects = np.array([0.4, 1.1, -0.2, 0.8]), np.linspace(-16, 16, 1601)[:, None]
    sigmas = np.exp(np.linspace(-6, 8, 1401))  # a grid of log sigma: its prior is d sigma / sigma
    spread = [(one / sigmas - effects) ** 2 for one in differences]
    likelihood = (np.exp(-sum(spread) / 2) / sigmas ** len(differences)).sum(-1)  # for each effect
    prior = stats.norm.pdf(effects[:, 0], 0, 2) * 0.02
    assert prior.sum() == pytest.approx(1)
    evidence = (likelihood * prior).sum() / likelihood[800]
    assert seeds.e_values(differences)[-1] == pytest.approx(evidence, rel=1e-5)
    assert seeds.e_values(differences)[0] == pytest.approx(1)
    assert seeds.e_values(1e-3 * differences) == pytest.approx(seeds.e_values(differences))
    assert seeds.e_values(np.zeros(3)).tolist() == [1, 1, 1]


def test_the_sequence_of_intervals_holds_the_means_without_evidence_against():
    differences = np.random.default_rng(5).normal(1, 1, size=12)
    low, high = seeds.confidence_sequence(differences)
    assert np.isinf(low[:3]).all()
    assert np.isfinite(high[3:]).all()
    for run in (4, 8, 12):
        for end in (low[run - 1], high[run - 1]):
            assert seeds.e_values(differences[:run] - end)[-1] == pytest.approx(20)


def test_looking_after_every_run_keeps_the_error_rate():
    draws = np.random.default_rng(6).normal(size=(2000, 200))
    stopped = (seeds.e_values(draws) >= 20).any(-1).mean()
    assert stopped <= 0.05
    mean, root = np.cumsum(draws, -1), np.sqrt(np.arange(1, 201))
    squares = np.cumsum(draws**2, -1)
    spread = np.sqrt((squares - mean**2 / root**2)[:, 1:] / np.arange(1, 200))
    naive = np.abs(mean / root)[:, 1:] / spread > stats.t.ppf(0.975, np.arange(1, 200))
    assert naive.any(-1).mean() > 0.3  # the problem that the rule solves
    found = (seeds.e_values(draws[:300] + 1.5) >= 20).argmax(-1) + 1
    assert np.median(found) < 15
    assert seeds.anytime_p(seeds.e_values(np.array([1.0, 1.1, 0.9, 1.0, -5.0]))) < 0.05  # a decision to stop is final


def test_too_few_runs_are_refused():
    for wrong in (np.array([1.0]), np.array([1.0, np.nan]), np.ones((2, 2))):
        with pytest.raises(InputError, match="2 runs or more, finite numbers"):
            seeds.summarize(wrong)
