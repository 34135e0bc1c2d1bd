"""Differences of calibration errors on the same resampled examples, against their spread over many test sets."""

import numpy as np

from modescape.metrics.calibration_change import ResampledErrors, paired_half
from modescape.metrics.classification import ece

EXAMPLES = 600


def draw(random: np.random.Generator, examples: int = EXAMPLES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidences of a calibrated network and of an overconfident one, and whether both are right."""
    sure = random.uniform(0.55, 0.9, examples)
    return sure, np.minimum(sure + 0.08, 0.999), (random.random(examples) < sure).astype(float)


def error(sure: np.ndarray, right: np.ndarray) -> float:
    log_prob = np.log(np.stack([sure, 1 - sure], -1))
    return float(ece(log_prob, np.where(right == 1, 0, 1)))


def test_every_example_once_is_the_calibration_error():
    sure, over, right = draw(np.random.default_rng(0))
    held = ResampledErrors(EXAMPLES, None, 3)
    held.counts, held.drawn = np.ones((1, held.parts)), np.array([float(EXAMPLES)])
    for one in (sure, over):
        assert np.isclose(held.of(one, right)[0], error(one, right), atol=1e-12)


def test_the_interval_holds_the_mean_difference_and_tells_a_worse_network():
    random = np.random.default_rng(1)
    sets = [draw(random) for _ in range(60)]
    change = np.array([error(over, right) - error(sure, right) for sure, over, right in sets])
    half = []
    for at, (sure, over, right) in enumerate(sets):
        held = ResampledErrors(EXAMPLES, None, at)
        half.append(paired_half(held.of(over, right), held.of(sure, right)))
    inside = np.abs(change - change.mean()) <= half
    assert inside.mean() >= 0.85  # the standard error of a coverage of .95 is .03 for 60 sets
    assert 0.7 < np.mean(half) / (1.96 * change.std(ddof=1)) < 1.5


def test_groups_are_drawn_as_one():
    sure, over, right = draw(np.random.default_rng(2), 300)
    five = np.repeat(np.arange(300), 5)
    alone = ResampledErrors(300, None, 7)
    grouped = ResampledErrors(1500, five, 7)
    halves = [
        paired_half(held.of(over[at], right[at]), held.of(sure[at], right[at]))
        for held, at in ((alone, slice(None)), (grouped, five))
    ]
    assert np.isclose(*halves)  # grouped copies of every example carry no more information
