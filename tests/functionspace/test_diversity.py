"""Jensen-Shannon, normalised diversity and its reference curves against SciPy, simulation and the paper's figure."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax
from scipy.stats import entropy

from modescape import rng
from modescape.errors import InputError
from modescape.functionspace import (
    diversity,
    diversity_bounds,
    diversity_limits,
    jensen_shannon,
    normalized_diversity,
)

torch.set_num_threads(1)


def random_log_prob(seed: int, *shape: int) -> np.ndarray:
    return log_softmax(3 * np.random.default_rng(seed).normal(size=shape), axis=-1)


@pytest.mark.parametrize("block", [30, 1 << 20])
def test_jensen_shannon_equals_scipy(block: int, in_blocks) -> None:
    in_blocks(diversity, block)
    pair = random_log_prob(0, 2, 17, 5)
    expected = np.square(jensenshannon(*np.exp(pair).transpose(0, 2, 1))).mean()  # SciPy's is the root, for two
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
        certain = np.log(np.eye(3))[:, None]  # three models, each certain of a different class
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
    assert got == pytest.approx(crossing, abs=5e-4)  # the paper's figures have three digits
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


def uniform(purpose: str, rows: int, count: int) -> np.ndarray:
    """Uniform numbers in [0, 1) from named streams, the same on every machine; [row, count]."""
    return rng.uniform(torch.tensor([rng.key(4, purpose, row) for row in range(rows)]), count).numpy()


@pytest.mark.parametrize(("best", "classes"), [(0.70, 10), (0.76, 10), (0.89, 10), (0.6, 100), (0.8, 2)])
def test_both_curves_agree_with_a_simulation(best: float, classes: int) -> None:
    # 500,000 examples: the standard error is largest at a = a* = 0.89, where it is 0.0025 on a curve of 1.88. The
    # streams are named, so the result never changes.
    chosen, right, other, changed, another = uniform(f"diversity limits, {best}, {classes}", 5, 500_000)
    label = (classes * chosen).astype(np.int64)

    def others(than: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """One of the other classes, each with the same probability."""
        return (than + 1 + ((classes - 1) * numbers).astype(np.int64)) % classes

    baseline = np.where(right < best, label, others(label, other))
    relabelled = [np.where(changed < share, others(baseline, another), baseline) for share in (0.05, 0.2, 0.4)]
    independent = [np.where(changed < accuracy, label, others(label, another)) for accuracy in (0.3, 0.5, best)]
    for curve, networks in enumerate((relabelled, independent)):
        predicted = np.stack(networks)
        expected = diversity_limits((predicted == label).mean(1), np.mean(baseline == label), classes)[curve]
        np.testing.assert_allclose(normalized_diversity(predicted, baseline, label), expected, atol=0.01, rtol=0)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(2, 5))
def test_no_labels_leave_the_bounds(seed: int, examples: int, classes: int) -> None:
    predicted, baseline, label = np.random.default_rng(seed).integers(classes, size=(3, examples))
    right, best = np.count_nonzero(predicted == label), np.count_nonzero(baseline == label)
    got = normalized_diversity(predicted[None], baseline, label)[0]
    lowest, highest = diversity_bounds(right / examples, best / examples)
    if right == examples:
        np.testing.assert_array_equal([lowest, highest], [got, got])  # infinite, or NaN if both are always right
    else:
        assert lowest - 1e-12 <= got <= highest + 1e-12


def test_bounds_are_attained() -> None:
    examples, label = 12, np.zeros(12, dtype=np.int64)
    place = np.arange(examples)
    for right, best in itertools.product(range(examples), range(examples + 1)):
        baseline = np.where(place < best, 0, 1)
        nested = np.where(place < right, 0, 1)  # right wherever the less accurate one is, and with the same errors
        apart = np.where(place >= examples - right, 0, 2)  # right only where the baseline is wrong, as far as possible
        got = normalized_diversity(np.stack([nested, apart]), baseline, label)
        np.testing.assert_allclose(got, diversity_bounds(right / examples, best / examples), atol=1e-12)
        two_classes = normalized_diversity(np.minimum(apart, 1)[None], baseline, label)[0]
        most = min(right + best, 2 * examples - right - best) / (examples - right)
        assert two_classes == pytest.approx(most, abs=1e-12)


def test_curves_lie_between_the_bounds_and_bounds_are_arrays_or_numbers() -> None:
    accuracy = np.linspace(0.1, 0.9, 81)
    for best in (0.3, 0.7, 0.89):
        lower, upper = diversity_limits(accuracy, best, 10)
        lowest, highest = diversity_bounds(accuracy, best)
        there = np.isfinite(lower)
        assert (lowest[there] <= lower[there] + 1e-12).all()
        assert (upper <= highest + 1e-12).all()
    assert diversity_bounds(1.0, 0.7) == (np.inf, np.inf)
    assert np.isnan(diversity_bounds(1.0, 1.0)).all()
    assert diversity_bounds(0.7, 0.7) == (0, pytest.approx(2))
    tensors = diversity_bounds(torch.tensor([0.1, 0.4], dtype=torch.float64), 0.7)
    np.testing.assert_array_equal(tensors[1].numpy(), diversity_bounds(np.array([0.1, 0.4]), 0.7)[1])


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected \[model, example, class\]"):
        jensen_shannon(random_log_prob(0, 3, 4))
    with pytest.raises(InputError, match=r"above 0.*log_softmax"):
        jensen_shannon(np.ones((2, 3, 4)))
    with pytest.raises(InputError, match=r"above 0 \(largest inf\)"):
        jensen_shannon(np.array([[[np.nan, np.inf]]]))
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
    with pytest.raises(InputError, match=r"accuracy holds -0\.1 to 0\.5; expected fractions"):
        diversity_bounds([-0.1, 0.5], 0.7)
    with pytest.raises(ValueError, match="num_classes is 1"):
        diversity_limits(0.5, 0.7, 1)


@pytest.mark.parametrize("function", [diversity_bounds, lambda a, best: diversity_limits(a, best, 3)])
def test_accuracies_that_do_not_fit(function):
    with pytest.raises(InputError, match=r"accuracy has shape \[2\] and baseline_accuracy \[3\]"):
        function(np.zeros(2), np.zeros(3))
    with pytest.raises(InputError, match="dtype complex128; expected real numbers"):
        function(np.array(0.5 + 0j), 0.5)


def test_bounds_hold_a_rounding_away_from_no_errors():
    lowest, highest = diversity_bounds(np.nextafter(1, 0), 1.0)
    assert lowest == highest == 1
