"""Curves of several methods over the same members, against each alone, formulas, and a simulation."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import log_softmax

from modescape.errors import InputError
from modescape.metrics import SCORES, combine, ensemble_curve, ensemble_curves, example_scores, subset_scores
from modescape.metrics.subsets import subsets

torch.set_num_threads(1)

MEMBERS, EXAMPLES, KEY = 5, 150, 11


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
    return log_probs, label, ensemble_curves(log_probs, label, baseline="single", key=KEY)


def test_each_curve_is_the_method_s_own_and_the_baseline_s_gains_too(case) -> None:
    log_probs, label, curves = case
    assert list(curves) == ["around", "single"]
    for name, curve in curves.items():
        alone = ensemble_curve(log_probs[name], label, key=KEY)
        for variable, values in curve.values().items():
            if name == "single" or not variable.startswith("gain"):
                np.testing.assert_array_equal(values, alone[variable])
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
    masks = subsets(MEMBERS, size)
    single = log_probs["single"]
    for row, name in enumerate(("accuracy", "nll", "brier")):
        ensembles = [example_scores(combine(log_probs["around"][mask]), label)[name] for mask in masks]
        alone = example_scores(single, label)[name]
        difference = np.mean(ensembles, axis=0) - alone.mean(0)
        without = [
            np.mean([one for one, mask in zip(ensembles, masks, strict=True) if not mask[i]], 0) for i in range(5)
        ]
        without = np.array(without) - np.array([np.delete(alone, i, 0).mean(0) for i in range(5)])
        influence = -(MEMBERS - 1) * (without - without.mean(0))  # of each member on each example
        spread = influence.mean(1).var(ddof=1) / MEMBERS
        rest = influence - influence.mean(1, keepdims=True)
        noise = np.square(rest).sum() / (MEMBERS - 1) / (EXAMPLES - 1) / MEMBERS / EXAMPLES
        test, shared = difference.var(ddof=1) / EXAMPLES, max(spread - noise, 0)
        freedom = (test + shared) ** 2 / (shared * spread / (MEMBERS - 1)) if shared else 1e9
        curve, at = curves["around"], size - 1
        for half, low, high in (
            (stats.t.ppf(0.975, freedom) * np.sqrt(test + shared), curve.gain_low, curve.gain_high),
            (stats.norm.ppf(0.975) * np.sqrt(test), curve.gain_low_these, curve.gain_high_these),
        ):
            assert high[row, at] - curve.gain[row, at] == pytest.approx(half, rel=1e-8)
            assert curve.gain[row, at] - low[row, at] == pytest.approx(half, rel=1e-8)


def test_a_single_member_has_intervals_of_test_examples_alone() -> None:
    log_probs, label = methods(1, 1, EXAMPLES)
    curve = ensemble_curves(log_probs, label, baseline="single")["around"]
    np.testing.assert_array_equal(curve.gain_low, curve.gain_low_these)
    assert (curve.gain_low < curve.gain_high).all()


def test_pairing_takes_out_what_methods_share(case) -> None:
    _, _, curves = case
    around, single = curves["around"], curves["single"]
    unpaired = np.hypot(around.high - around.low, (single.high - single.low)[:, :1])
    assert ((around.gain_high - around.gain_low)[1:3] < 0.8 * unpaired[1:3]).all()


@pytest.mark.ci
def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    # Gain of Brier at sizes 1 and 4 of 4, new members and new examples each time; truth: the mean of all.
    curves = [ensemble_curves(*methods(seed, 4, 60), baseline="single", key=seed)["around"] for seed in range(120)]
    truth = np.mean([curve.gain[2, [0, 3]] for curve in curves], axis=0)
    inside = [(curve.gain_low[2, [0, 3]] < truth) & (truth < curve.gain_high[2, [0, 3]]) for curve in curves]
    assert (np.mean(inside, axis=0) > 0.9).all()  # the standard error of a share of 0.95 is 0.02 for 120 repeats


def test_a_copy_of_the_baseline_gains_what_it_gains() -> None:
    log_probs, label = methods(2, 3, 40)
    single = log_probs["single"]
    curves = ensemble_curves({"single": single, "copy": torch.tensor(single)}, label, baseline="single")
    for name, values in curves["copy"].values().items():
        if name == "gain" or not name.startswith("gain"):  # the ends of gains use that averaging itself never harms
            np.testing.assert_array_equal(values, curves["single"].values()[name])
    for end in ("gain_low", "gain_high"):
        np.testing.assert_array_equal(getattr(curves["copy"], end)[0], getattr(curves["single"], end)[0])


def test_all_methods_see_the_same_sampled_subsets() -> None:
    log_probs, label = methods(3, 8, 20)
    curves = ensemble_curves(log_probs, label, baseline="single", limit=10, key=4)
    for name, curve in curves.items():
        assert curve.subsets.tolist() == [8, 10, 10, 10, 10, 10, 8, 1]
        masks = subsets(8, 4, 10, key=4)
        for row, metric in enumerate(SCORES):
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
    with pytest.raises(InputError, match=r"^log_prob has shape \[10, 4\]"):
        ensemble_curve(log_probs["single"][0], label)
