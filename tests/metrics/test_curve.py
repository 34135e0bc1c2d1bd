"""The labelled curve: direct averages, the exact law, intervals, and accepted and refused input."""

import numpy as np
import pytest
import torch
import xarray as xr
from scipy import stats
from scipy.special import log_softmax

import modescape as ms
from modescape.errors import InputError
from modescape.metrics import SCORES, accuracy, brier_law, combine, example_scores
from modescape.metrics.ensemble import LONG_NAMES
from modescape.metrics.subsets import subsets

torch.set_num_threads(1)


def predictions(seed: int, members: int, examples: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Members that share a signal, so that they agree more often than chance."""
    numbers = np.random.default_rng(seed)
    signal = 2 * numbers.normal(size=(examples, classes))
    log_prob = log_softmax(signal + 2 * numbers.normal(size=(members, examples, classes)), axis=-1)
    return log_prob, (signal + numbers.normal(size=signal.shape)).argmax(-1)


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray, xr.Dataset]:
    log_prob, label = predictions(7, 5, 150, 4)
    return log_prob, label, ms.ensemble_curve(log_prob, label, key=11)


def test_every_variable_is_labelled(case) -> None:
    _, _, curve = case
    assert set(curve.data_vars) == {*LONG_NAMES, "subsets", "brier_law"}
    assert {"gain_low", "gain_high", "gain_low_these", "gain_high_these"} < set(LONG_NAMES)
    for name in LONG_NAMES:
        assert curve[name].dims == ("metric", "size")
    assert curve["metric"].values.tolist() == list(SCORES)
    assert curve["size"].values.tolist() == [1, 2, 3, 4, 5]
    for name in curve.variables:
        assert {"units", "long_name"} <= set(curve[name].attrs)
    assert "new members on new examples" in curve.attrs["intervals"]


def test_scores_equal_direct_averages(case) -> None:
    log_prob, label, curve = case
    assert curve["subsets"].values.tolist() == [5, 10, 10, 5, 1]
    for name, metric in SCORES.items():
        score = curve["score"].sel(metric=name).values
        assert score[-1] == pytest.approx(metric(combine(log_prob), label), abs=1e-13)
        assert score[0] == pytest.approx(metric(log_prob, label).mean(), abs=1e-13)
        np.testing.assert_allclose(curve["gain"].sel(metric=name), score - score[0], atol=1e-15)
    np.testing.assert_allclose(curve["brier_law"], brier_law(log_prob, label).at(curve["size"].values))
    np.testing.assert_allclose(curve["score"].sel(metric="brier"), curve["brier_law"], rtol=0, atol=1e-12)


def test_intervals_hold_their_estimate(case) -> None:
    _, _, curve = case
    for quantity, sizes in (("score", slice(None)), ("gain", slice(2, None))):
        part = curve.sel(size=sizes)
        for whom in ("", "_these"):
            assert (part[f"{quantity}_low{whom}"] < part[quantity]).all()
            assert (part[quantity] < part[f"{quantity}_high{whom}"]).all()
        new, these = (part[f"{quantity}_high{whom}"] - part[f"{quantity}_low{whom}"] for whom in ("", "_these"))
        assert (new >= these - 1e-12).all()
    for name in ("gain", "gain_low", "gain_high", "gain_low_these", "gain_high_these"):
        assert (curve[name].sel(size=1) == 0).all()  # exactly 0: a size against itself
    # Paired: the interval of the Brier gain at full size is shorter than a difference of two intervals.
    length = curve["score_high"] - curve["score_low"]
    unpaired = np.hypot(*length.sel(metric="brier", size=[1, 5]).values)
    assert float((curve["gain_high"] - curve["gain_low"]).sel(metric="brier", size=5)) < unpaired


@pytest.mark.parametrize("size", [2, 3, 5])
def test_interval_of_an_accuracy_gain_for_these_members_equals_its_formula(case, size: int) -> None:
    log_prob, label, curve = case
    ensembles = [example_scores(combine(log_prob[mask]), label)["accuracy"] for mask in subsets(5, size)]
    difference = np.mean(ensembles, axis=0) - example_scores(log_prob, label)["accuracy"].mean(0)
    half = stats.norm.ppf(0.975) * np.sqrt(difference.var(ddof=1) / 150)
    here = curve.sel(metric="accuracy", size=size)
    assert float(here["gain_high_these"] - here["gain"]) == pytest.approx(half, rel=1e-9)
    assert float(here["gain"] - here["gain_low_these"]) == pytest.approx(half, rel=1e-9)


def test_interval_of_a_single_network_s_accuracy_for_new_ones_equals_its_formula(case) -> None:
    log_prob, label, curve = case
    right = example_scores(log_prob, label)["accuracy"]  # [member, example]
    test = right.mean(0).var(ddof=1) / 150
    spread = right.mean(1).var(ddof=1) / 5
    rest = right - right.mean(0) - right.mean(1, keepdims=True) + right.mean()
    shared = max(spread - np.square(rest).sum() / 4 / 149 / 5 / 150, 0)
    freedom = (test + shared) ** 2 / (shared * spread / 4) if shared else 1e9
    half = stats.t.ppf(0.975, freedom) * np.sqrt(test + shared)
    share, here = right.mean(), curve.sel(metric="accuracy", size=1)
    for end in (float(here["score_low"]), float(here["score_high"])):  # Wilson's
        assert (share - end) ** 2 == pytest.approx(half**2 * end * (1 - end) / (share * (1 - share)), rel=1e-8)


@pytest.mark.parametrize("metric", ["nll", "brier"])
def test_interval_of_a_gain_that_is_never_a_loss_equals_its_formula(case, metric: str) -> None:
    log_prob, label, curve = case
    difference = example_scores(combine(log_prob), label)[metric] - example_scores(log_prob, label)[metric].mean(0)
    half, here = stats.norm.ppf(0.975) * difference.std(ddof=1) / np.sqrt(150), curve.sel(metric=metric, size=5)
    gain = difference.mean()
    for end in (float(here["gain_low_these"]), float(here["gain_high_these"])):
        assert (gain - end) ** 2 == pytest.approx(half**2 * end / gain, rel=1e-8)
    assert float(here["gain"] - here["gain_low_these"]) > float(here["gain_high_these"] - here["gain"])


def test_a_gain_in_nll_or_brier_is_never_given_as_a_loss() -> None:
    log_prob, label = predictions(13, 3, 8, 3)  # so few examples that a symmetric interval would include 0
    curve = ms.ensemble_curve(log_prob, label).sel(size=[2, 3], metric=["nll", "brier"])
    assert ((curve["gain_low"] < curve["gain"]) & (curve["gain"] < curve["gain_high"])).all()
    assert (curve["gain_high"] < 0).all()
    assert (curve["gain_high_these"] < 0).all()


def test_tensors_and_arrays_give_the_same() -> None:
    log_prob, label = predictions(8, 4, 60, 3)
    arrays = ms.ensemble_curve(log_prob, label)
    xr.testing.assert_identical(arrays, ms.ensemble_curve(torch.tensor(log_prob), torch.tensor(label)))


def test_sampled_subsets_are_fixed_by_the_key() -> None:
    log_prob, label = predictions(9, 8, 20, 3)
    curve = ms.ensemble_curve(log_prob, label, limit=3)
    assert curve["subsets"].values.tolist() == [8, 8, 8, 8, 8, 8, 8, 1]  # never fewer than members
    assert np.isfinite(curve["score_low"]).all()
    xr.testing.assert_identical(curve, ms.ensemble_curve(log_prob, label, limit=3))
    assert (curve["score"] != ms.ensemble_curve(log_prob, label, limit=3, key=1)["score"]).any()


def test_one_member_has_an_interval_of_test_examples_alone() -> None:
    log_prob, label = predictions(8, 1, 100, 3)
    curve = ms.ensemble_curve(log_prob, label)
    assert curve["score"].shape == (4, 1)
    here = curve.sel(metric="accuracy", size=1)
    assert float(here["score"]) == accuracy(log_prob[0], label)
    right = round(100 * float(here["score"]))
    wilson = stats.binomtest(right, 100).proportion_ci(0.95, "wilson")
    assert float(here["score_low"]) == pytest.approx(wilson.low, abs=3e-3)  # the variance uses N - 1 in place of N
    assert float(here["score_high"]) == float(here["score_high_these"])
    assert float(curve["brier_law"][0]) == float(curve["score"].sel(metric="brier", size=1))
    for name in ("gain", "gain_low", "gain_high"):
        assert (curve[name] == 0).all()


def test_equal_members_gain_nothing() -> None:
    log_prob, label = predictions(10, 1, 30, 3)
    curve = ms.ensemble_curve(np.repeat(log_prob, 3, axis=0), label)
    for name in ("gain", "gain_low", "gain_high"):
        np.testing.assert_allclose(curve[name], 0, atol=1e-7)


def test_an_infinite_nll_leaves_the_others_alone() -> None:
    log_prob, label = predictions(11, 3, 30, 3)
    log_prob[:, 0] = np.where(np.arange(3) == (label[0] + 1) % 3, 0.0, -np.inf)
    curve = ms.ensemble_curve(log_prob, label)
    assert np.isinf(curve["score"].sel(metric="nll")).all()
    for name in ("score_low", "score_high", "score_low_these"):
        assert np.isnan(curve[name].sel(metric="nll")).all()
        assert np.isfinite(curve[name].sel(metric=["accuracy", "brier", "ece"])).all()


def test_wrong_input_is_refused() -> None:
    log_prob, label = predictions(12, 2, 5, 3)
    with pytest.raises(InputError, match=r"\[member, example, class\]"):
        ms.ensemble_curve(log_prob[0], label)
    with pytest.raises(InputError, match=r"label has shape \[4\]"):
        ms.ensemble_curve(log_prob, label[:4])
    log_prob[1, 2, 0] = np.nan
    with pytest.raises(InputError, match=r"members \[1\] holds NaN"):
        ms.ensemble_curve(log_prob, label)
