"""Estimates of every size against scores of subsets, the closed law of the Brier score, and a simulation."""

import numpy as np
import pytest
from scipy.special import log_softmax

from modescape.metrics import SCORES, blocks, brier_law, combine, ece, example_scores, subset_scores
from modescape.metrics.crossed import Estimate, of_runs, size_estimates, size_masks, subset_estimate
from modescape.metrics.subsets import subsets


def predictions(seed: int, members: int, examples: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Members that share a signal and have their own errors on each example and their own confidence."""
    numbers = np.random.default_rng(seed)
    signal = 2 * numbers.normal(size=(examples, classes))
    sure = np.exp(0.2 * numbers.normal(size=(members, 1, 1)))
    log_prob = log_softmax(sure * (signal + 2 * numbers.normal(size=(members, examples, classes))), axis=-1)
    return log_prob, (signal + numbers.normal(size=signal.shape)).argmax(-1)


def estimates(log_prob: np.ndarray, label: np.ndarray, limit: int = 200) -> dict[int, Estimate]:
    sizes = list(range(1, len(log_prob) + 1))
    return dict(size_estimates(log_prob, label, size_masks(len(log_prob), sizes, limit, 0)))


@pytest.mark.parametrize("block", [100, 1 << 20])
def test_scores_are_those_of_the_subsets_and_means_over_examples(block: int, in_blocks) -> None:
    in_blocks(blocks, block)
    log_prob, label = predictions(0, 5, 40)
    for size, estimate in estimates(log_prob, label).items():
        masks = subsets(5, size)
        found = subset_scores(log_prob, label, masks)
        np.testing.assert_allclose(estimate.score, [found.score[name].mean() for name in SCORES], atol=1e-13)
        np.testing.assert_allclose(estimate.example.mean(1), estimate.score, atol=1e-7)  # the ECE's are float32
        for row, values in enumerate(found.example.values()):
            np.testing.assert_allclose(estimate.example[row], values, atol=1e-13)


def test_examples_of_the_ece_change_it_as_leaving_them_out_does() -> None:
    log_prob, label = predictions(1, 3, 2000)
    estimate = subset_estimate(log_prob, label, subsets(3, 3), None)
    together = combine(log_prob)
    for example in (0, 7, 19):
        rest = np.delete(np.arange(2000), example)
        without = 1999 * ece(together[rest], label[rest])
        assert 2000 * estimate.score[3] - without == pytest.approx(estimate.example[3, example], abs=1e-6)


@pytest.mark.parametrize("members", [3, 4, 7])
def test_influences_on_brier_are_those_of_its_law_at_every_size(members: int) -> None:
    # Influences on the law B1 - (1 - 1/k) V, from leaving out each member, without scoring subsets of size n - 1.
    log_prob, label = predictions(2, members, 50)
    for size, estimate in estimates(log_prob, label).items():
        without = np.array([brier_law(np.delete(log_prob, i, 0), label).at(size) for i in range(members)])
        own = influence_of(estimate)[2].mean(1)
        np.testing.assert_allclose(own - own.mean(), (members - 1) * (without.mean() - without), atol=1e-12)


def test_influences_on_the_nll_are_near_its_derivative() -> None:
    log_prob, label = predictions(3, 10, 1000)
    of_label = np.exp(log_prob[:, np.arange(1000), label])
    derivative = 1 - (of_label / of_label.mean(0)).mean(1)  # of -log mean p in the weight of member i
    half = dict(size_estimates(log_prob, label, size_masks(10, [5], 60, 0)))[5]
    own = influence_of(half)[1].mean(1)
    assert np.corrcoef(own, derivative)[0, 1] > 0.9  # .96 to .99 over three seeds
    assert np.std(own) / np.std(derivative) == pytest.approx(1, abs=0.3)


def influence_of(estimate: Estimate) -> np.ndarray:
    assert estimate.influence is not None
    return estimate.influence


def test_two_members_show_no_influence_on_their_gain() -> None:
    log_prob, label = predictions(4, 2, 60)
    log_prob[1] = np.log(1 / 4)  # much worse than the other member
    found = estimates(log_prob, label)
    gain = found[2].gain(found[1])
    np.testing.assert_allclose(gain.new(), gain.these())
    assert (np.ptp(found[2].new(), axis=0) > np.ptp(found[2].these(), axis=0)).any()


def test_a_sample_of_subsets_hardly_changes_intervals() -> None:
    log_prob, label = predictions(5, 10, 400)
    every, some = estimates(log_prob, label, limit=252), estimates(log_prob, label, limit=40)
    for size in (3, 5, 7, 10):
        for one, other in ((every[size], some[size]), (every[size].gain(every[1]), some[size].gain(some[1]))):
            for width, fewer in zip(np.ptp(one.new(), axis=0)[:3], np.ptp(other.new(), axis=0)[:3], strict=True):
                assert fewer == pytest.approx(width, rel=0.1)


def test_scores_stay_in_their_range_with_two_members_and_few_examples() -> None:
    numbers = np.random.default_rng(6)
    label = numbers.integers(3, size=12)
    good = np.where(np.arange(3) == label[:, None], 6.0, 0.0)
    log_prob = log_softmax(np.stack([good, good + 4 * numbers.normal(size=good.shape)]), axis=-1)
    for estimate in estimates(log_prob, label).values():
        for low, high in (estimate.new(), estimate.these()):
            assert (low >= 0).all()
            assert (high <= [1, np.inf, 2, 1]).all()
            assert (low <= estimate.score).all()
            assert (estimate.score <= high).all()


def test_runs_are_members_whose_influence_is_their_own_score() -> None:
    log_prob, label = predictions(7, 4, 80)
    found = example_scores(log_prob, label)
    example = np.stack([*found.values(), np.zeros((4, 80))], 1)
    runs = of_runs(example.mean(2), example)
    alone = estimates(log_prob, label)[1]
    for ends, expected in zip((*runs.new(), *runs.these()), (*alone.new(), *alone.these()), strict=True):
        np.testing.assert_allclose(ends[:3], expected[:3], rtol=1e-12)


@pytest.mark.ci
@pytest.mark.parametrize("size", [2, 5])
def test_intervals_cover_new_members_and_are_short(size: int) -> None:
    # Five new members and 300 new examples each time: at sizes below five, and at five.
    drawn = []
    for seed in range(300):
        found = estimates(*predictions(seed, 5, 300), limit=10)
        gain = found[size].gain(found[1])
        drawn.append((gain.score, *gain.new()))
    value, low, high = np.moveaxis(np.array(drawn), 1, 0)[..., :3]
    inside = ((low <= value.mean(0)) & (value.mean(0) <= high)).mean(0)
    assert (inside > 0.91).all()  # the standard error of a share of 0.95 is 0.013 for 300 draws
    assert (inside < 0.99).all()
    assert ((high - low).mean(0) / (2 * 1.96 * value.std(0)) < 1.4).all()
