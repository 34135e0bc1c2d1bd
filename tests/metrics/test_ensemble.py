"""Curves of several methods over the same members: one by one, by formula, and against a simulation."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import log_softmax

from modescape.errors import InputError
from modescape.metrics import METRICS, combine, ensemble_curve, ensemble_curves, example_scores, subset_scores
from modescape.metrics.intervals import resample_counts
from modescape.metrics.subsets import subsets

torch.set_num_threads(1)

MEMBERS, EXAMPLES, RESAMPLES, KEY = 5, 150, 300, 11


def methods(seed: int, members: int, examples: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Networks that share a signal, and each of them averaged with ten others around it."""
    numbers = np.random.default_rng(seed)
    signal = 2 * numbers.normal(size=(examples, 4))
    single = signal + 2 * numbers.normal(size=(members, examples, 4))
    around = single + numbers.normal(size=(10, members, examples, 4))
    label = (signal + numbers.normal(size=signal.shape)).argmax(-1)
    return {"around": combine(log_softmax(around, axis=-1)), "single": log_softmax(single, axis=-1)}, label


@pytest.fixture(scope="module")
def case():
    log_probs, label = methods(0, MEMBERS, EXAMPLES)
    return log_probs, label, ensemble_curves(log_probs, label, baseline="single", resamples=RESAMPLES, key=KEY)


def test_each_curve_is_the_method_s_own_and_the_baseline_s_gains_too(case) -> None:
    log_probs, label, curves = case
    assert list(curves) == ["around", "single"]
    for name, curve in curves.items():
        alone = ensemble_curve(log_probs[name], label, resamples=RESAMPLES, key=KEY)
        for field in dataclasses.fields(curve):
            if name == "single" or not field.name.startswith("gain"):
                np.testing.assert_array_equal(getattr(curve, field.name), getattr(alone, field.name))
    assert (curves["single"].gain[:, 0] == 0).all()
    assert (curves["single"].gain_high[:, 0] == 0).all()


def test_gains_are_against_the_baseline_s_single_network(case) -> None:
    _, _, curves = case
    for curve in curves.values():
        np.testing.assert_allclose(curve.gain, curve.score - curves["single"].score[:, :1], atol=1e-15)
    around = curves["around"]
    assert (around.gain_low < around.gain).all()  # at size 1, too
    assert (around.gain < around.gain_high).all()
    assert (around.gain_high[2] < 0).all()  # better than the mean single network, Brier, at every size


@pytest.mark.parametrize("size", [1, 3])
def test_gain_s_interval_equals_its_formula(case, size: int) -> None:
    log_probs, label, curves = case
    counts = resample_counts(EXAMPLES, RESAMPLES, KEY)
    masks, alone = subsets(MEMBERS, size), subsets(MEMBERS, 1)
    for row, name in enumerate(("accuracy", "nll", "brier")):
        theta = subset_scores(log_probs["around"], label, masks).score[name]
        theta_1 = subset_scores(log_probs["single"], label, alone).score[name]
        without = [theta[~masks[:, i]].mean() - theta_1[~alone[:, i]].mean() for i in range(MEMBERS)]
        members = (MEMBERS - 1) ** 2 / MEMBERS * np.var(without, ddof=1)
        ensembles = [example_scores(combine(log_probs["around"][mask]), label)[name] for mask in masks]
        difference = np.mean(ensembles, axis=0) - example_scores(log_probs["single"], label)[name].mean(0)
        examples = (counts @ difference / EXAMPLES).var(ddof=1)
        half = stats.t.ppf(0.975, MEMBERS - 1) * np.sqrt(members + examples)
        curve, at = curves["around"], size - 1
        assert curve.gain_high[row, at] - curve.gain[row, at] == pytest.approx(half, rel=1e-9)
        assert curve.gain[row, at] - curve.gain_low[row, at] == pytest.approx(half, rel=1e-9)


@pytest.mark.parametrize("members", [MEMBERS, 1])
def test_all_members_and_a_single_one_have_test_sampling_alone(members: int) -> None:
    log_probs, label = methods(1, members, EXAMPLES)
    curve = ensemble_curves(log_probs, label, baseline="single", resamples=RESAMPLES, key=KEY)["around"]
    counts = resample_counts(EXAMPLES, RESAMPLES, KEY)
    for row, name in enumerate(("accuracy", "nll", "brier")):
        full = example_scores(combine(log_probs["around"]), label)[name]
        difference = full - example_scores(log_probs["single"], label)[name].mean(0)
        low, high = np.quantile(counts @ difference / EXAMPLES, [0.025, 0.975])
        assert curve.gain_low[row, -1] == pytest.approx(low, rel=1e-9)
        assert curve.gain_high[row, -1] == pytest.approx(high, rel=1e-9)
        assert high > low
    assert np.isfinite(curve.gain_low).all()


def test_pairing_takes_out_what_methods_share(case) -> None:
    _, _, curves = case
    around, single = curves["around"], curves["single"]
    unpaired = np.hypot(around.high - around.low, (single.high - single.low)[:, :1])
    assert ((around.gain_high - around.gain_low)[1:3] < 0.8 * unpaired[1:3]).all()


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # Gain of Brier at sizes 1 and 2 of 4, new members and new examples each time; truth: the mean of all.
    curves = [
        ensemble_curves(*methods(seed, 4, 60), baseline="single", resamples=60, key=seed)["around"]
        for seed in range(120)
    ]
    truth = np.mean([curve.gain[2, :2] for curve in curves], axis=0)
    inside = [(curve.gain_low[2, :2] < truth) & (truth < curve.gain_high[2, :2]) for curve in curves]
    assert (np.mean(inside, axis=0) > 0.9).all()  # 120 repeats know a share of 0.95 to 0.02


def test_a_copy_of_the_baseline_gains_what_it_gains() -> None:
    log_probs, label = methods(2, 3, 40)
    single = log_probs["single"]
    curves = ensemble_curves({"single": single, "copy": torch.tensor(single)}, label, baseline="single", resamples=20)
    for field in dataclasses.fields(curves["copy"]):
        np.testing.assert_array_equal(getattr(curves["copy"], field.name), getattr(curves["single"], field.name))


def test_all_methods_see_the_same_sampled_subsets() -> None:
    log_probs, label = methods(3, 8, 20)
    curves = ensemble_curves(log_probs, label, baseline="single", limit=10, resamples=20, key=4)
    for name, curve in curves.items():
        assert curve.subsets.tolist() == [8, 10, 10, 10, 10, 10, 8, 1]
        masks = subsets(8, 4, 10, key=4)
        for row, metric in enumerate(METRICS):
            expected = subset_scores(log_probs[name], label, masks).score[metric].mean()
            assert curve.score[row, 3] == pytest.approx(expected, rel=1e-12)


def test_wrong_input_is_refused() -> None:
    log_probs, label = methods(4, 3, 10)
    with pytest.raises(InputError, match="baseline is 'other'; expected one of the methods, 'around', 'single'"):
        ensemble_curves(log_probs, label, baseline="other")
    with pytest.raises(InputError, match=r"differ \(3 for 'around', 2 for 'single'\)"):
        ensemble_curves({**log_probs, "single": log_probs["single"][:2]}, label, baseline="single")
    with pytest.raises(InputError, match=r"method 'single': label has shape \[10\]; expected \[9\]"):
        ensemble_curves({**log_probs, "single": log_probs["single"][:, :9]}, label, baseline="single")
    with pytest.raises(InputError, match="resamples is 1"):
        ensemble_curves(log_probs, label, baseline="single", resamples=1)
    with pytest.raises(InputError, match=r"^log_prob has shape \[10, 4\]"):
        ensemble_curve(log_probs["single"][0], label)
