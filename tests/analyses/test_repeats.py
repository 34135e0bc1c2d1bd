"""Scores of repeats and their differences: closed forms, and intervals against what they are said to cover."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modescape.analyses.cyclic import POSSIBLE, _table
from modescape.analyses.equal_cost import Networks
from modescape.analyses.repeats import MEANS, SCORES, Repeats, difference, repeats_of
from modescape.metrics import METRICS, fit_temperature, rescale

NLL = SCORES.index("nll")


def made(nll: np.ndarray, ece: tuple[float, ...] = ()) -> Repeats:
    """Repeats whose scores are all these, [repeat, example]."""
    example: dict[str, np.ndarray] = dict.fromkeys(MEANS, nll)
    score = {name: values.mean(1) for name, values in example.items()}
    return Repeats(example, score | {"ece": np.array(ece or nll.mean(1))})


def spread(means: tuple[float, ...], sd: float, examples: int = 1297) -> np.ndarray:
    """Scores of examples with these means and this standard deviation, the same examples in every repeat."""
    z = np.random.default_rng(0).normal(size=examples)
    z = (z - z.mean()) / z.std()
    return np.array(means)[:, None] + sd * z


def test_two_repeats_that_are_close_have_an_interval_as_test_sampling_makes_it():
    """Repeats of NLL .208 and .220 were printed as .092 to .335: a t with one degree on the whole variance."""
    _, low, high = difference(made(spread((0.208, 0.220), 0.8)), None)
    half = 1.96 * 0.8 / math.sqrt(1297)
    assert float(low[NLL]) == pytest.approx(0.214 - half, abs=0.004)
    assert float(high[NLL]) == pytest.approx(0.214 + half, abs=0.004)


def test_a_difference_is_paired_over_examples():
    one, other = spread((0.30,), 0.8), spread((0.28,), 0.8)  # hard examples are hard for both
    value, low, high = difference(made(one), made(other))
    assert value[NLL] == pytest.approx(0.02)
    assert (low[NLL], high[NLL]) == pytest.approx((0.02, 0.02), abs=1e-9)
    assert np.isnan(low[SCORES.index("ece")])


def test_a_single_repeat_leaves_test_sampling_and_calibration_error_without_an_interval():
    _, low, high = difference(made(spread((0.3,), 0.5)), None)
    assert high[NLL] - low[NLL] == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(1297), rel=3e-3)
    assert np.isnan(low[SCORES.index("ece")])
    _, low, high = difference(made(spread((0.3, 0.4), 0.5), ece=(0.02, 0.04)), None)
    assert high[SCORES.index("ece")] - low[SCORES.index("ece")] == pytest.approx(2 * 12.706 * 0.01, rel=1e-3)


def test_a_score_that_is_infinite_has_no_interval():
    table = spread((0.3, 0.3), 0.5)
    table[0, 3] = np.inf
    value, low, high = difference(made(table), made(spread((0.3, 0.3), 0.5)))
    assert np.isinf(value[NLL])
    assert np.isnan([low[NLL], high[NLL]]).all()


@pytest.mark.parametrize(("repeats", "between", "least"), [(2, 0.0, 0.93), (3, 0.02, 0.92), (5, 0.05, 0.91)])
def test_intervals_cover_new_repeats_on_new_examples(repeats: int, between: float, least: float):
    """400 pairs of methods of equal truth; ``between`` is the standard deviation of runs, that of a test set is .028.

    With the whole variance between repeats beside that of the examples coverage is .99 at 1.5 times the width.
    """
    random, covered, widths, values = np.random.default_rng(1), 0, [], []
    for _ in range(400):
        hard = random.normal(size=600)
        sides = [
            hard + random.normal(0, between, (repeats, 1)) + random.normal(0, 0.7, (repeats, 600)) for _ in range(2)
        ]
        value, low, high = difference(made(sides[0]), made(sides[1]))
        covered += low[NLL] <= 0 <= high[NLL]
        widths.append(high[NLL] - low[NLL])
        values.append(value[NLL])
    assert least <= covered / 400 <= 0.985
    assert np.median(widths) <= 1.2 * 2 * 1.96 * np.std(values)


def test_scores_are_those_of_the_metrics_and_temperatures_come_from_validation():
    random = np.random.default_rng(2)
    test, validation = (np.log(random.dirichlet(np.ones(4), (2, size))) for size in (50, 30))
    label, own = random.integers(0, 4, 50), random.integers(0, 4, 30)
    found = repeats_of(test, label, validation, own)
    for name, metric in METRICS.items():
        np.testing.assert_allclose(found.score[name], metric.function(test, label))
    wanted = METRICS["nll"].function(rescale(test, fit_temperature(validation, own)), label)
    np.testing.assert_allclose(found.score["calibrated_nll"], wanted)
    assert np.isnan(repeats_of(test, label, None, None).score["calibrated_nll"]).all()


def test_no_interval_reaches_beyond_what_scores_and_their_differences_can_be():
    """Two repeats of .45 and .95 against .30: the difference in accuracy was printed as -26 to 112 points."""
    found = {}
    for name, means in {"one": (0.45, 0.95), "other": (0.30,)}.items():
        repeats = made(spread(means, 0.05), ece=means)
        found[name] = Networks([], repeats, repeats)
    most = np.array([POSSIBLE[metric][1] for metric in SCORES])
    table = _table("difference", found, {"one": "other", "other": "other"})
    low, high = table["difference_low"][1][0], table["difference_high"][1][0]
    assert (np.isfinite(low) & (low >= -most)).all()
    assert (high <= most).all()
    assert high[SCORES.index("accuracy")] == 1
    assert np.isfinite(high).all()
