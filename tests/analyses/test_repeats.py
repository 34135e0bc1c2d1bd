"""Scores of repeats and their differences: closed forms, and coverage of the intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modescape.analyses.repeats import Repeats, compared_scores, difference, repeats_of
from modescape.analyses.scoring import runs_estimate, scored
from modescape.metrics import SCORES, fit_temperature, rescale
from modescape.metrics.scores import ranges_of

NAMES = compared_scores()
MOST = ranges_of(NAMES)[1]
NLL = NAMES.index("nll")


def made(nll: np.ndarray) -> Repeats:
    """Repeats in which every score has these values, [repeat, example]."""
    return Repeats(np.stack([nll] * len(NAMES)))


def spread(means: tuple[float, ...], sd: float, examples: int = 1297) -> np.ndarray:
    """Scores of examples with these means and this standard deviation, the same examples in every repeat."""
    z = np.random.default_rng(0).normal(size=examples)
    z = (z - z.mean()) / z.std()
    return np.array(means)[:, None] + sd * z


def test_two_repeats_that_are_close_have_an_interval_as_test_sampling_makes_it():
    """A t of one degree of freedom on the whole variance gave .092 to .335 for repeats of NLL .208 and .220."""
    _, low, high = difference(made(spread((0.208, 0.220), 0.8)), None)
    half = 1.96 * 0.8 / math.sqrt(1297)
    assert high[NLL] - low[NLL] == pytest.approx(2 * half, rel=0.06)
    assert low[NLL] > 0.214 - half  # longer above the mean, since the NLL is not negative
    _, low, high = difference(made(spread((0.208, 0.220), 0.8)), made(np.zeros((1, 1297))))
    assert (low[NLL], high[NLL]) == pytest.approx((0.214 - half, 0.214 + half), abs=0.004)


def test_a_difference_is_paired_over_examples():
    one, other = spread((0.30,), 0.8), spread((0.28,), 0.8)  # the same examples are hard for both
    value, low, high = difference(made(one), made(other))
    assert value[NLL] == pytest.approx(0.02)
    assert (low[NLL], high[NLL]) == pytest.approx((0.02, 0.02), abs=1e-9)


def test_a_single_repeat_leaves_test_sampling():
    _, low, high = difference(made(spread((0.3,), 0.5)), made(np.zeros((1, 1297))))
    assert high[NLL] - low[NLL] == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(1297), rel=1e-3)


def test_repeats_are_to_an_interval_what_networks_are():
    """The same code computes both: the mean over repeats has the interval of the mean over members, ECE included."""
    random = np.random.default_rng(3)
    log_prob, label = np.log(random.dirichlet(np.ones(4), (3, 80))), random.integers(0, 4, 80)
    value, low, high = difference(repeats_of(log_prob, label, None, None), None)
    found = scored(runs_estimate(log_prob, label))
    for ours, theirs in ((value, found.mean), (low, found.low), (high, found.high)):
        np.testing.assert_allclose(ours[:-1], theirs, rtol=1e-7)
    assert np.isnan([value[-1], low[-1], high[-1]]).all()  # there are no examples to fit temperatures on


def test_the_calibration_error_of_a_single_run_has_an_interval():
    """Of test sampling alone, as one run says nothing about others."""
    random = np.random.default_rng(4)
    log_prob, label = np.log(random.dirichlet(np.ones(4), (2, 300))), random.integers(0, 4, 300)
    one, other = (repeats_of(row[None], label, None, None) for row in log_prob)
    _, low, high = difference(one, other)
    assert 0.01 < (high - low)[NAMES.index("ece")] < 0.3


def test_a_score_that_is_infinite_has_no_interval():
    table = spread((0.3, 0.3), 0.5)
    table[0, 3] = np.inf
    value, low, high = difference(made(table), made(spread((0.3, 0.3), 0.5)))
    assert np.isinf(value[NLL])
    assert np.isnan([low[NLL], high[NLL]]).all()


@pytest.mark.parametrize(("repeats", "between", "least"), [(2, 0.0, 0.93), (3, 0.02, 0.92), (5, 0.05, 0.91)])
def test_intervals_cover_new_repeats_on_new_examples(repeats: int, between: float, least: float):
    """400 pairs of equally good methods; ``between`` is the standard deviation of runs, that of a test set is .028.

    Adding the whole variance between repeats to that of examples would give coverage .99 at 1.5 times the width.
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
    for name, metric in SCORES.items():
        np.testing.assert_allclose(found.score[NAMES.index(name)], metric(test, label))
    wanted = SCORES["nll"](rescale(test, fit_temperature(validation, own)), label)
    np.testing.assert_allclose(found.score[-1], wanted)
    assert np.isnan(repeats_of(test, label, None, None).score[-1]).all()


def test_no_interval_reaches_beyond_what_scores_and_their_differences_can_be():
    """Two repeats of .45 and .95 against .30: the difference in accuracy must not reach beyond 100 points."""
    found = difference(made(spread((0.45, 0.95), 0.05)), made(spread((0.30,), 0.05)))
    assert found.high[NAMES.index("accuracy")] == 1
    assert ((found.low >= -MOST) & (found.high <= MOST)).all()
    assert found.low[NAMES.index("nll")] < -2  # a loss is unbounded
