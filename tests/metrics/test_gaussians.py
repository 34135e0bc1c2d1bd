"""Scores of a regression against quadrature, scikit-learn and closed forms; mixtures, intervals, scales, exact laws."""

import itertools

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from sklearn.metrics import root_mean_squared_error

import modescape as ms
from modescape.errors import InputError
from modescape.metrics import gaussians, regression
from modescape.metrics.crossed import size_estimates, subset_estimate
from modescape.metrics.decomposition import decompose_gaussians
from modescape.metrics.gaussians import Gaussian, predictive_of
from modescape.metrics.scores import REGRESSION_SCORES
from modescape.metrics.scoring import NUMBERS
from modescape.metrics.subsets import subsets

MEMBERS, EXAMPLES, OUTPUTS = 4, 12, 2
random = np.random.default_rng(0)
FOUND = Gaussian(
    3 + random.normal(size=(MEMBERS, EXAMPLES, OUTPUTS)), np.exp(random.normal(size=(MEMBERS, EXAMPLES, OUTPUTS)))
)
PREDICTIVE, TARGET = predictive_of(FOUND), 3 + 1.5 * random.normal(size=(EXAMPLES, OUTPUTS))
DENSITY = stats.norm(FOUND.mean, np.sqrt(FOUND.variance))


def crps_by_quadrature(distribution, target, reach):
    """The integral of (F - 1[x >= y])^2, in two smooth pieces."""
    exact = {"epsabs": 1e-12, "epsrel": 1e-12, "limit": 200}
    below = integrate.quad(lambda x: distribution(x) ** 2, target - reach, target, **exact)[0]
    return below + integrate.quad(lambda x: (1 - distribution(x)) ** 2, target, target + reach, **exact)[0]


def test_the_rmse_is_that_of_scikit_learn():
    for member in range(MEMBERS):
        expected = np.sqrt(
            np.mean([root_mean_squared_error(TARGET[:, at], FOUND.mean[member, :, at]) ** 2 for at in (0, 1)])
        )
        assert float(regression.rmse(PREDICTIVE[member], TARGET)) == pytest.approx(expected, rel=1e-12)
    assert regression.rmse(PREDICTIVE, TARGET).shape == (MEMBERS,)


def test_the_nll_is_that_of_scipy():
    expected = -DENSITY.logpdf(TARGET).sum(-1)
    np.testing.assert_allclose(regression.example_nll(PREDICTIVE, TARGET), expected, rtol=1e-12)


def test_the_crps_is_its_integral():
    found = regression.example_crps(PREDICTIVE, TARGET)
    for member, example in itertools.product(range(2), range(4)):
        each = [
            crps_by_quadrature(
                stats.norm(FOUND.mean[member, example, at], FOUND.variance[member, example, at] ** 0.5).cdf,
                TARGET[example, at],
                60,
            )
            for at in range(OUTPUTS)
        ]
        assert found[member, example] == pytest.approx(np.mean(each), abs=1e-9)


def test_the_crps_of_a_mixture_is_its_integral():
    found = gaussians.crps_mixture(FOUND, TARGET)

    def cdf(example, at):
        return lambda x: DENSITY.cdf(x)[:, example, at].mean()

    for example in range(4):
        each = [crps_by_quadrature(cdf(example, at), TARGET[example, at], 60) for at in range(OUTPUTS)]
        assert found[example] == pytest.approx(np.mean(each), abs=1e-9)


def test_a_mixture_of_one_and_of_points():
    one = Gaussian(FOUND.mean[:1], FOUND.variance[:1])
    np.testing.assert_allclose(gaussians.crps_mixture(one, TARGET), gaussians.crps(one, TARGET)[0], rtol=1e-12)
    points = Gaussian(FOUND.mean, np.zeros_like(FOUND.variance))
    apart = np.abs(points.mean[:, None] - points.mean[None]).mean((0, 1))
    expected = (np.abs(points.mean - TARGET).mean(0) - apart / 2).mean(-1)
    np.testing.assert_allclose(gaussians.crps_mixture(points, TARGET), expected, rtol=1e-12)


def test_the_combined_prediction_has_the_moments_of_the_mixture():
    draws = np.random.default_rng(1)
    mean, variance = gaussians.gaussian(gaussians.combine_gaussians(PREDICTIVE))
    np.testing.assert_allclose(mean, FOUND.mean.mean(0), rtol=1e-13)
    second = (FOUND.variance + FOUND.mean**2).mean(0)
    np.testing.assert_allclose(variance, second - mean**2, rtol=1e-12)
    sample = draws.normal(FOUND.mean[:, 0, 0], FOUND.variance[:, 0, 0] ** 0.5, (200_000, MEMBERS))
    assert sample.var() == pytest.approx(variance[0, 0], rel=0.02)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_subsets_of_members_are_scored_as_mixtures(size):
    masks = subsets(MEMBERS, size)
    estimate = dict(
        size_estimates(PREDICTIVE, TARGET, {1: subsets(MEMBERS, 1), 2: subsets(MEMBERS, 2), size: masks}, NUMBERS)
    )[size]
    rmse, nll, crps = [], [], []
    for mask in masks:
        together = Gaussian(FOUND.mean[mask], FOUND.variance[mask])
        rmse.append(np.sqrt(np.square(together.mean.mean(0) - TARGET).mean()))
        nll.append(-np.log(np.exp(DENSITY.logpdf(TARGET)[mask].sum(-1)).mean(0)).mean())
        crps.append(gaussians.crps_mixture(together, TARGET).mean())
    np.testing.assert_allclose(estimate.score, [np.mean(rmse), np.mean(nll), np.mean(crps)], rtol=1e-11)
    np.testing.assert_allclose(estimate.example.mean(-1), estimate.score, rtol=1e-11)  # the linearised RMSE, too


def test_the_nll_of_a_mixture_survives_underflow():
    far = predictive_of(Gaussian(np.array([[[0.0]], [[1e3]], [[2e3]]]), np.ones((3, 1, 1))))
    masks = np.array([[True, True, False]])
    estimate = subset_estimate(far, np.array([[2e3]]), masks, None, NUMBERS)
    assert estimate.score[1] == pytest.approx(0.5e6 + 0.5 * np.log(2 * np.pi) + np.log(2), rel=1e-12)


def test_central_intervals_of_mixtures_have_their_share_on_each_side():
    low, high = gaussians.interval_mixture(FOUND)
    np.testing.assert_allclose(DENSITY.cdf(low).mean(0), 0.025, atol=1e-12)
    np.testing.assert_allclose(DENSITY.cdf(high).mean(0), 0.975, atol=1e-12)
    one = Gaussian(FOUND.mean[:1], FOUND.variance[:1])
    np.testing.assert_allclose(gaussians.interval_mixture(one)[1], DENSITY.ppf(0.975)[0], rtol=1e-12)


def test_coverage_and_width():
    target = np.random.default_rng(2).normal(2.0, 3.0, (20_000, 1))
    predictive = predictive_of(Gaussian(np.full((1, 20_000, 1), 2.0), np.full((1, 20_000, 1), 9.0)))
    found = regression.coverage(predictive, target)
    assert found.share.mean() == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / 20_000))
    assert found.width.mean() == pytest.approx(6 * stats.norm.ppf(0.975), rel=1e-12)


def test_the_ambiguity_decomposition_is_exact():
    found = regression.ambiguity(PREDICTIVE, TARGET)
    assert found.ensemble == pytest.approx(found.members - found.variance, rel=1e-12)
    assert found.ensemble == pytest.approx(np.square(FOUND.mean.mean(0) - TARGET).mean(), rel=1e-13)


def test_the_squared_error_law_is_exact():
    law = regression.squared_error_law(PREDICTIVE, TARGET)
    for size in range(1, MEMBERS + 1):
        every = [
            np.square(FOUND.mean[list(chosen)].mean(0) - TARGET).mean()
            for chosen in itertools.combinations(range(MEMBERS), size)
        ]
        assert law.at(size) == pytest.approx(np.mean(every), rel=1e-12)
    with pytest.raises(InputError, match="1 member"):
        regression.squared_error_law(PREDICTIVE[:1], TARGET)


def test_the_scale_of_one_gaussian_and_of_a_mixture_is_the_best():
    def nll(log_scale, members):
        density = stats.norm(FOUND.mean[members], np.sqrt(np.exp(log_scale) * FOUND.variance[members]))
        return -np.log(np.exp(density.logpdf(TARGET).sum(-1)).mean(0)).mean()

    exact = {"method": "bounded", "bounds": (-5, 5), "options": {"xatol": 1e-12}}
    one = optimize.minimize_scalar(nll, args=([0],), **exact).x
    assert np.log(gaussians.scale_gaussian(FOUND, TARGET)[0]) == pytest.approx(one, abs=1e-6)
    assert gaussians.scale_mixture(Gaussian(FOUND.mean[:1], FOUND.variance[:1]), TARGET) == pytest.approx(
        gaussians.scale_gaussian(FOUND, TARGET)[0], rel=1e-9
    )
    every = list(range(MEMBERS))
    scale = gaussians.scale_mixture(FOUND, TARGET)
    assert np.log(scale) == pytest.approx(optimize.minimize_scalar(nll, args=(every,), **exact).x, abs=1e-6)
    step = 1e-5  # at the minimum the slope is 0
    slope = (nll(np.log(scale) + step, every) - nll(np.log(scale) - step, every)) / (2 * step)
    assert slope == pytest.approx(0, abs=1e-8)


def test_scaled_variances():
    twice = gaussians.gaussian(gaussians.scaled(PREDICTIVE, np.full(MEMBERS, 2.0)))
    np.testing.assert_allclose(twice.variance, 2 * FOUND.variance, rtol=1e-12)
    np.testing.assert_array_equal(twice.mean, FOUND.mean)


def test_the_curve_of_a_regression():
    curve = ms.ensemble_curve(PREDICTIVE, TARGET, scoring=NUMBERS)
    assert curve["metric"].values.tolist() == list(REGRESSION_SCORES)
    law = curve["squared_error_law"].values
    assert law[-1] == pytest.approx(curve["score"].sel(metric="rmse").values[-1] ** 2, rel=1e-12)
    inside = (curve["score_low"] <= curve["score"]) & (curve["score"] <= curve["score_high"])
    assert bool(inside.all())
    assert (curve["gain"].values <= 1e-12).all()
    lone = ms.ensemble_curve(PREDICTIVE[:1], TARGET, scoring=NUMBERS)
    assert lone["squared_error_law"].values[0] == pytest.approx(float(regression.rmse(PREDICTIVE[0], TARGET)) ** 2)


def test_predictions_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="means of all outputs"):
        regression.rmse(PREDICTIVE[..., :3], TARGET)
    with pytest.raises(InputError, match="target has shape"):
        regression.rmse(PREDICTIVE, TARGET[:3])
    with pytest.raises(InputError, match="not finite"):
        regression.rmse(PREDICTIVE, np.full_like(TARGET, np.nan))
    broken = PREDICTIVE.copy()
    broken[2, 0, 0] = np.nan
    with pytest.raises(InputError, match="members \\[2\\]"):
        ms.ensemble_curve(broken, TARGET, scoring=NUMBERS)


def test_scores_of_mixtures_are_the_mean_member_less_the_diversity():
    parts = decompose_gaussians(PREDICTIVE, TARGET)
    np.testing.assert_allclose(parts.ensemble, parts.mean_member - parts.diversity, rtol=1e-11)
    np.testing.assert_allclose(parts.example_diversity.mean(1), parts.diversity, rtol=1e-13)
    assert (parts.example_diversity >= -1e-12).all()
    every = subset_estimate(PREDICTIVE, TARGET, np.ones((1, MEMBERS), bool), None, NUMBERS).score
    np.testing.assert_allclose(parts.ensemble, [every[0] ** 2, every[1], every[2]], rtol=1e-11)
    found = regression.ambiguity(PREDICTIVE, TARGET)
    assert parts.diversity[0] == pytest.approx(found.variance, rel=1e-12)
