"""Scores against scikit-learn, torchmetrics, SciPy and closed forms."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp
from sklearn import metrics as sklearn_metrics

from modescape.errors import InputError
from modescape.metrics import SCORES, accuracy, blocks, brier, combine, ece, example_scores, nll

torch.set_num_threads(1)


def predictions(seed: int, *shape: int, scale: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Random log-probabilities [..., example, class] and labels [example]."""
    numbers = np.random.default_rng(seed)
    return log_softmax(scale * numbers.normal(size=shape), axis=-1), numbers.integers(shape[-1], size=shape[-2])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_scores_equal_scikit_learn(seed: int, classes: int) -> None:
    log_prob, label = predictions(seed, 200, classes)
    prob, labels = np.exp(log_prob), np.arange(classes)
    assert accuracy(log_prob, label) == sklearn_metrics.accuracy_score(label, prob.argmax(-1))
    assert nll(log_prob, label) == pytest.approx(sklearn_metrics.log_loss(label, prob, labels=labels), abs=1e-12)
    expected = np.square(prob - np.eye(classes)[label]).sum(-1).mean()
    assert brier(log_prob, label) == pytest.approx(expected, abs=1e-12)
    if classes > 2:
        by_sklearn = sklearn_metrics.brier_score_loss(label, prob, labels=labels, scale_by_half=False)  # pyright: ignore
        assert brier(log_prob, label) == pytest.approx(by_sklearn, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_ece_equals_torchmetrics(seed: int, bins: int) -> None:
    from torchmetrics.functional.classification import multiclass_calibration_error  # takes two seconds

    log_prob, label = predictions(seed, 500, 7)
    expected = multiclass_calibration_error(
        torch.tensor(np.exp(log_prob)), torch.tensor(label), num_classes=7, n_bins=bins, norm="l1"
    )
    assert ece(log_prob, label, bins=bins) == pytest.approx(expected.item(), abs=1e-6)  # theirs sums in float32


def test_ece_bins_are_closed_above() -> None:
    # Confidence exactly 0.75 belongs to (0.5, 0.75] with 4 bins, beside 0.6; gaps of opposite sign then cancel.
    log_prob, label = np.log([[0.75, 0.25], [0.6, 0.4]]), np.array([0, 1])
    assert ece(log_prob, label, bins=4) == pytest.approx(abs(0.25 - 0.6) / 2, abs=1e-12)
    # Confidence exactly 1 shares the last bin with 0.95.
    with np.errstate(divide="ignore"):
        log_prob = np.log([[1.0, 0.0], [0.95, 0.05]])
    assert ece(log_prob, np.array([1, 0]), bins=15) == pytest.approx((1 - 0.05) / 2, abs=1e-12)


@pytest.mark.parametrize("name", SCORES)
def test_leading_axes_equal_a_loop(name: str, in_blocks) -> None:
    in_blocks(blocks, 64)  # several blocks of examples, the last one ragged
    log_prob, label = predictions(1, 2, 3, 31, 4)
    function = SCORES[name]
    got = function(log_prob, label)
    assert got.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            assert got[i, j] == pytest.approx(function(log_prob[i, j], label), abs=1e-14)


@pytest.mark.parametrize("name", SCORES)
def test_metric_says_which_way_is_better(name: str) -> None:
    metric = SCORES[name]
    with np.errstate(divide="ignore"):
        right = np.log(np.eye(8)[[0, 1, 2, 0]])
    label = np.array([0, 1, 2, 0])
    best, worse = metric(right, label), metric(np.log([np.arange(1, 9) / 36] * 4), label)
    assert best == (1.0 if metric.higher_is_better else 0.0)
    assert (best > worse) == metric.higher_is_better
    assert metric.unit in ("1", "nats")


def test_worst_case_values() -> None:
    with np.errstate(divide="ignore"):
        wrong = np.log([[1.0, 0.0]])
    label = np.array([1])
    assert (accuracy(wrong, label), brier(wrong, label), ece(wrong, label)) == (0.0, 2.0, 1.0)
    assert nll(wrong, label) == np.inf


def test_ties_go_to_the_first_class() -> None:
    log_prob = np.log(np.full((3, 4), 0.25))
    assert accuracy(log_prob, np.array([0, 1, 0])) == pytest.approx(2 / 3)


def test_nan_stays_with_its_model() -> None:
    log_prob, label = predictions(2, 2, 20, 3)
    log_prob[1, 4] = np.nan
    for metric in SCORES.values():
        good, bad = metric(log_prob, label)
        assert good == pytest.approx(metric(log_prob[0], label))
        assert np.isnan(bad)


def test_example_scores_average_to_the_metrics() -> None:
    log_prob, label = predictions(3, 2, 50, 5)
    for name, values in example_scores(log_prob, label).items():
        assert values.shape == (2, 50)
        np.testing.assert_allclose(values.mean(-1), SCORES[name](log_prob, label), rtol=1e-14)


@pytest.mark.parametrize("name", SCORES)
def test_tensors_give_the_same_numbers_as_tensors(name: str) -> None:
    log_prob, label = predictions(4, 3, 40, 5)
    function = SCORES[name]
    got = function(torch.tensor(log_prob, requires_grad=True), torch.tensor(label))
    assert isinstance(got, torch.Tensor)
    np.testing.assert_array_equal(got.numpy(), function(log_prob, label))
    single = function(torch.tensor(log_prob[0]), torch.tensor(label))
    assert isinstance(single, torch.Tensor)
    assert single.ndim == 0
    assert isinstance(function(log_prob[0], label), float)


def test_half_precision_tensors_are_computed_in_float64() -> None:
    log_prob = torch.log(torch.tensor([[0.5, 0.5], [0.25, 0.75]])).bfloat16()
    expected = brier(log_prob.double(), torch.tensor([0, 0]))
    assert brier(log_prob, torch.tensor([0, 0])) == expected
    assert combine(log_prob).dtype == torch.float64


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_combine_equals_logsumexp(dim: int) -> None:
    log_prob, _ = predictions(5, 3, 4, 5, scale=300.0)  # down to about e^-1000: exp alone would underflow
    expected = logsumexp(log_prob, axis=dim) - np.log(log_prob.shape[dim])
    np.testing.assert_allclose(combine(log_prob, dim), expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(combine(torch.tensor(log_prob), dim).numpy(), combine(log_prob, dim))


def test_combine_takes_probability_zero() -> None:
    log_prob = np.array([[0.0, -np.inf, -np.inf], [-np.inf, 0.0, -np.inf]])
    np.testing.assert_allclose(combine(log_prob), [np.log(0.5), np.log(0.5), -np.inf])


@settings(derandomize=True, max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(2, 5))
def test_brier_of_the_ensemble_is_the_mean_minus_the_spread(seed: int, members: int, classes: int) -> None:
    log_prob, label = predictions(seed, members, 11, classes)
    prob = np.exp(log_prob)
    spread = np.square(prob - prob.mean(0)).sum(-1).mean()
    assert brier(combine(log_prob), label) == pytest.approx(brier(log_prob, label).mean() - spread, abs=1e-12)
    assert nll(combine(log_prob), label) <= nll(log_prob, label).mean() + 1e-12  # Jensen


LOG_PROB = np.log(np.full((4, 2), 0.5))


@pytest.mark.parametrize(
    ("log_prob", "label", "message"),
    [
        (LOG_PROB[0], np.array([0]), r"shape \[2\].*\[\.\.\., example, class\]"),
        (LOG_PROB[:0], np.array([], dtype=int), "none of them empty"),
        (LOG_PROB + 2, np.zeros(4, dtype=int), r"above 0 \(largest 1.31\).*log_softmax"),
        (np.array([[np.nan, np.inf]] * 4), np.zeros(4, dtype=int), r"above 0 \(largest inf\)"),  # NaN hides nothing
        (LOG_PROB, np.zeros(3, dtype=int), r"label has shape \[3\]; expected \[4\]"),
        (LOG_PROB, np.zeros((4, 1), dtype=int), r"label has shape \[4, 1\]"),
        (LOG_PROB, np.zeros(4), "dtype float64; expected whole numbers 0 .. 1"),
        (LOG_PROB, np.array([0, 1, 2, -1]), r"label 2 of example 2 \(2 in all\) is outside 0 .. 1"),
    ],
)
def test_wrong_input_is_refused(log_prob: np.ndarray, label: np.ndarray, message: str) -> None:
    for metric in SCORES.values():
        with pytest.raises(InputError, match=message):
            metric(log_prob, label)
    with pytest.raises(ValueError, match=message):
        example_scores(log_prob, label)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match="bins is 0"):
        ece(LOG_PROB, np.zeros(4, dtype=int), bins=0)
    with pytest.raises(InputError, match=r"dim is 2.*\[4, 2\]"):
        combine(LOG_PROB, dim=2)
    with pytest.raises(InputError, match="above 0"):
        combine(np.ones((2, 3)))


def test_numpy_users_do_not_load_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from modescape import metrics, functionspace\n"
        "x, y = np.log(np.full((2, 3, 2), .5)), np.array([0, 1, 1])\n"
        "metrics.accuracy(x, y), metrics.ece(x, y), metrics.combine(x), metrics.brier_law(x, y)\n"
        "functionspace.jensen_shannon(x), functionspace.disagreement(x.argmax(-1))\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
