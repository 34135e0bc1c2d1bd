"""Temperatures against closed forms, SciPy's root finder and minimiser, and the protocol by hand."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_softmax, softmax

from modescape import rng
from modescape.errors import InputError
from modescape.metrics import blocks, calibrated_nll, fit_temperature, nll, rescale
from modescape.metrics.temperature import HIGHEST, LOWEST

torch.set_num_threads(1)


def predictions(seed: int, *shape: int, scale: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Models that are better than chance and overconfident (more so for a larger scale)."""
    numbers = np.random.default_rng(seed)
    signal = numbers.normal(size=shape[-2:])
    log_prob = log_softmax(scale * (signal + numbers.normal(size=shape)), axis=-1)
    return log_prob, (signal + numbers.normal(size=shape[-2:])).argmax(-1)


@pytest.mark.parametrize("right", [2, 3, 5, 9])
@pytest.mark.parametrize("odds", [3.0, 9.0, 1e4])
def test_a_constant_prediction_gets_the_odds_of_the_labels(right: int, odds: float) -> None:
    # odds^(1/T) = right : 1 at the best temperature.
    log_prob = np.log(np.tile([odds / (1 + odds), 1 / (1 + odds)], (right + 1, 1)))
    label = np.array([0] * right + [1])
    assert fit_temperature(log_prob, label) == pytest.approx(np.log(odds) / np.log(right), rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("classes", "scale"), [(2, 1.0), (10, 0.4), (10, 4.0), (100, 10.0)])
def test_temperature_equals_scipy(seed: int, classes: int, scale: float) -> None:
    log_prob, label = predictions(seed, 80, classes, scale=scale)
    got = float(fit_temperature(log_prob, label))
    assert LOWEST < got < HIGHEST

    def slope(inverse: float) -> float:  # of the NLL in 1 / T
        prob = softmax(inverse * log_prob, axis=-1)
        return ((prob * log_prob).sum(1) - log_prob[np.arange(80), label]).mean()

    inverse = brentq(slope, 1 / HIGHEST, 1 / LOWEST, xtol=1e-15, rtol=1e-14)  # pyright: ignore
    assert got == pytest.approx(1 / inverse, rel=1e-10)
    least = minimize_scalar(lambda t: nll(log_softmax(log_prob / t, axis=-1), label), (0.5, 2.0))
    assert nll(rescale(log_prob, got), label) <= least.fun + 1e-14
    assert got == pytest.approx(least.x, rel=1e-5)


@pytest.mark.parametrize("t", [0.2, 1.7, 5.0])
def test_rescaled_predictions_need_that_much_less(t: float) -> None:
    log_prob, label = predictions(0, 200, 10, scale=1.0)
    first = fit_temperature(log_prob, label)
    assert fit_temperature(rescale(log_prob, t), label) == pytest.approx(first / t, rel=1e-9)
    assert fit_temperature(rescale(log_prob, first), label) == pytest.approx(1, rel=1e-9)


def test_limits_are_returned_where_the_nll_still_falls() -> None:
    log_prob, _ = predictions(1, 3, 50, 10)
    assert fit_temperature(log_prob[0], log_prob[0].argmax(-1)) == LOWEST  # always right
    assert fit_temperature(log_prob[0], log_prob[0].argmin(-1)) == HIGHEST  # worse than chance
    uniform = np.log(np.full((4, 3), 1 / 3))  # no temperature is better than another
    assert fit_temperature(uniform, np.zeros(4, int)) == 1


def test_probabilities_of_zero() -> None:
    log_prob, label = predictions(2, 60, 5)
    wider = np.concatenate([log_prob, np.full((60, 2), -np.inf)], axis=1)  # two impossible classes change nothing
    assert fit_temperature(wider, label) == pytest.approx(fit_temperature(log_prob, label), rel=1e-12)
    rescaled = rescale(wider, 3.0)
    np.testing.assert_allclose(rescaled[:, :5], log_softmax(log_prob / 3, axis=-1), atol=1e-13)
    assert np.isneginf(rescaled[:, 5:]).all()
    label[0] = 5
    assert fit_temperature(wider, label) == HIGHEST
    assert calibrated_nll(wider, label).score == np.inf


def test_models_do_not_touch_each_other(in_blocks) -> None:
    log_prob, label = predictions(3, 2, 3, 41, 5)
    log_prob *= np.array([0.1, 0.3, 1.0, 2.0, 5.0, 10.0]).reshape(2, 3, 1, 1)
    log_prob = log_softmax(log_prob, axis=-1)
    log_prob[1, 1, 7] = np.nan
    alone = [fit_temperature(one, label) for one in log_prob.reshape(6, 41, 5)]
    scored = [calibrated_nll(one, label, splits=2) for one in log_prob.reshape(6, 41, 5)]
    in_blocks(blocks, 200)  # several blocks of examples, the last one ragged
    got = fit_temperature(log_prob, label)
    assert got.shape == (2, 3)
    assert np.isnan(got).ravel().tolist() == [False] * 4 + [True, False]
    np.testing.assert_allclose(got.ravel(), alone, rtol=1e-11)
    result = calibrated_nll(log_prob, label, splits=2)
    assert (result.example.shape, result.temperature.shape) == ((2, 3, 41), (2, 3, 2, 2))
    np.testing.assert_allclose(result.score.ravel(), [one.score for one in scored], rtol=1e-11)
    np.testing.assert_allclose(
        rescale(log_prob, got)[0, 2], log_softmax(log_prob[0, 2] / got[0, 2], axis=-1), atol=1e-13
    )


def test_numbers_or_tensors_in_float64_out() -> None:
    log_prob, label = predictions(4, 2, 30, 4)
    tensors = torch.tensor(log_prob).float(), torch.tensor(label)
    np.testing.assert_allclose(fit_temperature(*tensors), fit_temperature(log_prob, label), rtol=1e-5)
    for value in (
        fit_temperature(*tensors),
        rescale(tensors[0], torch.tensor([1.0, 2.0])),
        calibrated_nll(*tensors)[0],
    ):
        assert isinstance(value, np.ndarray)
        assert value.dtype == np.float64
    assert isinstance(fit_temperature(log_prob[0], label), float)


@pytest.mark.parametrize("examples", [2, 41, 200])
def test_calibrated_nll_is_the_protocol_written_out(examples: int) -> None:
    log_prob, label = predictions(5, examples, 6)
    result = calibrated_nll(log_prob, label, splits=3, key=9)
    total = np.zeros(examples)
    for split in range(3):
        keys = torch.tensor([rng.key(9, "calibration halves", split)])
        order = rng.permutation(keys, examples)[0].numpy()
        first, second = order[: examples // 2], order[examples // 2 :]
        for half, (fitted, scored) in enumerate(((first, second), (second, first))):
            t = fit_temperature(log_prob[fitted], label[fitted])
            assert result.temperature[split, half] == pytest.approx(t, rel=1e-9)
            total[scored] -= log_softmax(log_prob[scored] / t, axis=-1)[np.arange(scored.size), label[scored]]
    np.testing.assert_allclose(result.example, total / 3, rtol=1e-7, atol=1e-12)
    assert result.score == result.example.mean()


def test_calibrated_nll_forgets_the_confidence() -> None:
    log_prob, label = predictions(6, 300, 10, scale=2.0)
    result = calibrated_nll(log_prob, label)
    assert result.score == pytest.approx(calibrated_nll(rescale(log_prob, 0.4), label).score, rel=1e-8)
    best = nll(rescale(log_prob, fit_temperature(log_prob, label)), label)  # fitted and scored on the same examples
    assert best < result.score < nll(log_prob, label)
    assert result.score - best < 0.02


def test_halves_are_fixed_by_their_key() -> None:
    log_prob, label = predictions(7, 50, 4)
    first = calibrated_nll(log_prob, label, splits=2, key=1)
    more = calibrated_nll(log_prob, label, splits=4, key=1)
    np.testing.assert_array_equal(more.temperature[:2], first.temperature)
    assert (calibrated_nll(log_prob, label, splits=2, key=2).temperature != first.temperature).all()


def test_wrong_input_is_refused() -> None:
    log_prob, label = predictions(8, 2, 10, 4)
    for function in (fit_temperature, calibrated_nll):
        with pytest.raises(InputError, match=r"label has shape \[9\]; expected \[10\]"):
            function(log_prob, label[:9])
        with pytest.raises(InputError, match="above 0"):
            function(log_prob + 30, label)
    with pytest.raises(InputError, match="splits is 0"):
        calibrated_nll(log_prob, label, splits=0)
    with pytest.raises(InputError, match="halves need 2"):
        calibrated_nll(log_prob[:, :1], label[:1])
    with pytest.raises(InputError, match=r"temperature has shape \[3\]; expected one number, or \[2\]"):
        rescale(log_prob, np.ones(3))
    for wrong in (0.0, -1.0, np.inf, [1.0, 0.0]):
        with pytest.raises(InputError, match="expected finite numbers above 0"):
            rescale(log_prob, wrong)


def test_fitting_does_not_load_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from modescape import metrics\n"
        "x, y = np.log(np.full((2, 3, 2), .5)), np.array([0, 1, 1])\n"
        "metrics.rescale(x, metrics.fit_temperature(x, y)), metrics.decompose(x, y), metrics.reliability(x, y)\n"
        "metrics.auroc(x[..., 0], y == 1), metrics.deep_ensemble_equivalent(.5, np.array([.6, .4]))\n"
        "assert not {'torch', 'scipy', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
