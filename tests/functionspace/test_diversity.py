"""Jensen-Shannon, normalised diversity and its reference curves against SciPy, simulation and the paper's figure."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax
from scipy.stats import entropy

from modescape.errors import InputError
from modescape.functionspace import diversity, diversity_limits, jensen_shannon, normalized_diversity

torch.set_num_threads(1)


def random_log_prob(seed: int, *shape: int) -> np.ndarray:
    return log_softmax(3 * np.random.default_rng(seed).normal(size=shape), axis=-1)


@pytest.mark.parametrize("block", [30, 1 << 20])
def test_jensen_shannon_equals_scipy(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversity, "BLOCK", block)
    pair = random_log_prob(0, 2, 17, 5)
    expected = np.square(jensenshannon(*np.exp(pair).transpose(0, 2, 1))).mean()  # theirs is the square root, for two
    assert jensen_shannon(pair) == pytest.approx(expected, abs=1e-12)
    several = random_log_prob(1, 6, 17, 5)
    prob = np.exp(several)
    divergence = np.mean([entropy(one, prob.mean(0), axis=-1) for one in prob])  # 1/M sum_m KL(p_m, mean p)
    assert jensen_shannon(several) == pytest.approx(divergence, abs=1e-12)
    assert jensen_shannon(torch.tensor(several)) == jensen_shannon(several)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(2, 5))
def test_jensen_shannon_is_bounded(seed: int, models: int, classes: int) -> None:
    value = jensen_shannon(random_log_prob(seed, models, 4, classes))
    assert isinstance(value, float)
    assert 0 <= value <= min(np.log(models), np.log(classes)) + 1e-12


def test_jensen_shannon_extremes() -> None:
    with np.errstate(divide="ignore"):
        certain = np.log(np.eye(3))[:, None]  # three models, each certain of another class
    assert jensen_shannon(certain) == pytest.approx(np.log(3), abs=1e-15)
    assert jensen_shannon(np.repeat(random_log_prob(2, 1, 20, 7), 5, axis=0)) == pytest.approx(0, abs=1e-15)
    broken = random_log_prob(3, 2, 3, 4)
    broken[0, 0, 0] = np.nan
    assert np.isnan(jensen_shannon(broken))


def test_normalized_diversity_equals_a_loop() -> None:
    numbers = np.random.default_rng(4)
    predicted, (baseline, label) = numbers.integers(3, size=(4, 30)), numbers.integers(3, size=(2, 30))
    got = normalized_diversity(predicted, baseline, label)
    for model in range(4):
        differ = sum(a != b for a, b in zip(predicted[model], baseline, strict=True)) / 30
        right = sum(a == b for a, b in zip(predicted[model], label, strict=True)) / 30
        assert got[model] == pytest.approx(differ / (1 - right), rel=1e-14)
    tensors = normalized_diversity(torch.tensor(predicted), torch.tensor(baseline), torch.tensor(label))
    np.testing.assert_array_equal(tensors.numpy(), got)


def test_a_model_without_errors_has_no_finite_diversity() -> None:
    label = np.array([0, 1, 1])
    got = normalized_diversity(np.array([label, label]), np.array([0, 1, 0]), label)
    assert np.isinf(got).all()
    assert np.isnan(normalized_diversity(label[None], label, label)).all()


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("best", [0.7, 0.76, 0.89])
def test_both_limits_are_one_at_chance(best: float, classes: int) -> None:
    lower, upper = diversity_limits(1 / classes, best, classes)
    assert isinstance(lower, float)
    assert lower == pytest.approx(1, abs=1e-12)
    assert upper == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("best", "crossing"), [(0.70, 0.4375), (0.76, 0.486), (0.89, 0.659)])
def test_upper_limit_crosses_where_the_paper_prints_it(best: float, crossing: float) -> None:
    got = brentq(lambda a: diversity_limits(a, best, 10)[1] - 1.2, 0.2, 0.9)
    assert got == pytest.approx(crossing, abs=5e-4)  # the figures read off have three digits
    assert diversity_limits(best, best, 10)[1] == pytest.approx(2 * best + (1 - best) * 8 / 9)


def test_lower_limit_is_drawn_from_chance_to_the_baseline() -> None:
    lower, upper = diversity_limits(np.array([0.05, 0.1, 0.4, 0.7, 0.71]), 0.7, 10)
    assert np.isnan(lower[[0, 4]]).all()
    assert lower[3] == 0
    assert 0 < lower[2] < upper[2]
    assert np.isfinite(upper).all()
    assert diversity_limits(1.0, 0.7, 10)[1] == np.inf
    tensors = diversity_limits(torch.tensor([0.1, 0.4], dtype=torch.float64), 0.7, 10)
    np.testing.assert_array_equal(tensors[0].numpy(), lower[[1, 2]])
    assert isinstance(tensors[1], torch.Tensor)


def test_limits_describe_the_models_that_they_are_named_for() -> None:
    # A baseline right on 70 % of 200,000 examples; 0.005 is about 3 standard errors of the ratio.
    numbers = np.random.default_rng(5)
    count, classes = 200_000, 10
    label = numbers.integers(classes, size=count)

    def answer(right: np.ndarray) -> np.ndarray:
        return np.where(right, label, (label + numbers.integers(1, classes, size=count)) % classes)

    baseline = answer(numbers.random(count) < 0.7)
    independent = answer(numbers.random(count) < 0.5)
    moved = numbers.random(count) < 0.3
    relabelled = np.where(moved, (baseline + numbers.integers(1, classes, size=count)) % classes, baseline)
    got = normalized_diversity(np.stack([relabelled, independent]), baseline, label)
    best = np.mean(baseline == label)
    assert got[0] == pytest.approx(diversity_limits(np.mean(relabelled == label), best, classes)[0], abs=0.01)
    assert got[1] == pytest.approx(diversity_limits(np.mean(independent == label), best, classes)[1], abs=0.01)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected \[model, example, class\]"):
        jensen_shannon(random_log_prob(0, 3, 4))
    with pytest.raises(InputError, match=r"above 0.*log_softmax"):
        jensen_shannon(np.ones((2, 3, 4)))
    label = np.array([0, 1, 1])
    with pytest.raises(InputError, match=r"predicted has shape \[3\]; expected \[model, example\]"):
        normalized_diversity(label, label, label)
    with pytest.raises(InputError, match="baseline has 2 examples and predicted has 3"):
        normalized_diversity(label[None], label[:2], label)
    with pytest.raises(InputError, match="label has dtype float64"):
        normalized_diversity(label[None], label, label / 1)
    with pytest.raises(InputError, match="accuracy holds 70 to 70; expected fractions"):
        diversity_limits(70, 0.7, 10)
    with pytest.raises(InputError, match="baseline_accuracy holds"):
        diversity_limits(0.5, np.nan, 10)
    with pytest.raises(ValueError, match="num_classes is 1"):
        diversity_limits(0.5, 0.7, 1)
