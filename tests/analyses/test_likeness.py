"""Comparisons of networks by task: labels and means, against direct computations."""

import numpy as np
import pytest

from modescape.analyses.likeness import CLASSES, LIKENESS, NUMBERS
from modescape.metrics.ensemble import ensemble_curves
from modescape.metrics.equivalents import squared_error_equivalent_interval
from modescape.metrics.regression import example_squared, squared_error_law
from modescape.metrics.scores import CALIBRATED_NUMBERS
from modescape.metrics.scoring import NUMBERS as SCORED
from modescape.tasks import TASKS

random = np.random.default_rng(1)
TARGET = random.normal(100, 20, (80, 2))
MEAN = TARGET + random.normal(0, 15, (6, 80, 2))
PREDICTIVE = np.concatenate([MEAN, np.log(np.full_like(MEAN, 15.0**2))], -1)


def test_every_task_has_one():
    assert set(LIKENESS) == set(TASKS)


def test_numbers_are_compared_by_their_means():
    said = NUMBERS.said(PREDICTIVE)
    np.testing.assert_array_equal(said, MEAN)
    np.testing.assert_allclose(
        NUMBERS.good(PREDICTIVE, TARGET), np.sqrt(((MEAN - TARGET) ** 2).mean((1, 2))), rtol=1e-14
    )
    assert NUMBERS.mean_good(PREDICTIVE, TARGET) == pytest.approx(np.mean(NUMBERS.good(PREDICTIVE, TARGET)), rel=1e-14)
    pairs = [np.mean((MEAN[i] - MEAN[j]) ** 2) for i in range(6) for j in range(i)]
    assert NUMBERS.spread(PREDICTIVE) == pytest.approx(np.sqrt(np.mean(pairs)), rel=1e-12)
    features = NUMBERS.features(PREDICTIVE, TARGET)
    apart = np.linalg.norm(features[0] - features[1])
    assert apart == pytest.approx(np.sqrt((((MEAN[0] - MEAN[1]) / TARGET.std(0)) ** 2).sum()), rel=1e-12)
    assert NUMBERS.moved(PREDICTIVE[0], PREDICTIVE[0]) == 0
    moved = PREDICTIVE[0].copy()
    moved[3, 0] += 2 * MEAN[0, :, 0].std()
    assert NUMBERS.moved(moved, PREDICTIVE[0]) == pytest.approx(2, rel=1e-12)


@pytest.mark.parametrize("likeness", [CLASSES, NUMBERS], ids=["classes", "numbers"])
def test_similarity_ends_at_the_same_function_and_at_errors_with_nothing_in_common(likeness):
    if likeness is CLASSES:
        target, baseline = np.zeros(8, int), np.array([1, 1, 0, 0, 0, 0, 0, 0])
        others = np.stack([baseline, np.array([0, 0, 1, 0, 0, 0, 0, 0]), target])
        expected = [1, 0, 0]
    else:
        target = np.zeros((2, 1))
        baseline = np.array([[1.0], [0.0]])
        others = np.stack([baseline, np.array([[0.0], [2.0]]), target])
        expected = [1, 0, 1 - 1 / np.sqrt(1)]
    np.testing.assert_allclose(likeness.similarity(others, baseline, target), expected, atol=1e-12)


def test_curves_of_several_methods_follow_the_squared_error_law():
    """The mean squared error of all subsets, to 1e-12, for the networks and for better ones."""
    better = PREDICTIVE.copy()
    better[..., :2] = TARGET + 0.5 * (MEAN - TARGET)
    curves = ensemble_curves({"a": PREDICTIVE, "b": better}, TARGET, baseline="a", scoring=SCORED)
    for name, own in (("a", PREDICTIVE), ("b", better)):
        law = squared_error_law(own, TARGET)
        rmse = curves[name].score[curves[name].metric.index("rmse")]
        masks = [[m for m in range(6) if subset >> m & 1] for subset in range(1, 64)]
        for size in (1, 2, 6):
            squared = [example_squared(own[mask].mean(0), TARGET).mean() for mask in masks if len(mask) == size]
            assert np.mean(squared) == pytest.approx(law.at(size), rel=1e-12)
        assert rmse[5] == pytest.approx(np.sqrt(law.at(6)), rel=1e-12)
    assert curves["b"].gain[0, 0] == pytest.approx(-curves["a"].score[0, 0] / 2, rel=1e-12)


def test_equivalents_by_the_law_of_the_squared_error():
    """By the law, the average of two networks is equivalent to two, and one network to one; intervals contain it."""
    law = squared_error_law(PREDICTIVE, TARGET)
    squared = np.full((6, 80), float(law.at(2)))
    found = squared_error_equivalent_interval(squared, PREDICTIVE, TARGET)
    assert float(found.number) == pytest.approx(2, rel=1e-9)
    assert float(found.low) < float(found.low_these) < 2 < float(found.high_these)
    one = squared_error_equivalent_interval(example_squared(PREDICTIVE, TARGET), PREDICTIVE, TARGET)
    assert float(one.number) == pytest.approx(1, rel=1e-12)


def test_calibration_finds_the_factor_that_suits_validation_best():
    """The closed form mean((y - m)^2 / s^2) for each network; no nearby factor has a lower NLL."""
    found = SCORED.calibrate(PREDICTIVE, PREDICTIVE, TARGET)
    factor = (np.square(MEAN - TARGET) / 15.0**2).mean((1, 2))
    np.testing.assert_allclose(found[..., 2:], PREDICTIVE[..., 2:] + np.log(factor)[:, None, None], rtol=1e-12)
    nll = CALIBRATED_NUMBERS["calibrated_nll"]
    best = nll(found, TARGET)
    for other in (0.9, 1.1):
        moved = np.concatenate([found[..., :2], found[..., 2:] + np.log(other)], -1)
        assert (nll(moved, TARGET) > best).all()
