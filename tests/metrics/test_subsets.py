"""Subsets and their scores against enumeration, direct averages and the exact Brier law."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from modescape.errors import InputError
from modescape.metrics import SCORES, BrierLaw, blocks, brier_law, combine, example_scores, subset_scores
from modescape.metrics.subsets import subsets

torch.set_num_threads(1)


def predictions(seed: int, members: int, examples: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Members that share a signal, so that they agree more often than chance."""
    numbers = np.random.default_rng(seed)
    signal = 2 * numbers.normal(size=(examples, classes))
    log_prob = log_softmax(signal + numbers.normal(size=(members, examples, classes)), axis=-1)
    return log_prob, (signal + numbers.normal(size=signal.shape)).argmax(-1)


@pytest.mark.parametrize(("members", "size"), [(1, 1), (5, 1), (5, 3), (5, 5), (10, 3)])
def test_all_subsets_come_in_lexicographic_order(members: int, size: int) -> None:
    got = [tuple(np.flatnonzero(mask)) for mask in subsets(members, size)]
    assert got == list(combinations(range(members), size))


@pytest.mark.parametrize(
    ("members", "size", "limit"), [(10, 5, 200), (10, 4, 200), (20, 10, 33), (64, 63, 20), (30, 2, 200), (7, 3, 5)]
)
def test_sampled_subsets_are_distinct_and_balanced(members: int, size: int, limit: int) -> None:
    masks = subsets(members, size, limit, key=1)
    assert masks.shape == (limit, members)
    assert masks.dtype == bool
    assert (masks.sum(1) == size).all()
    assert len({mask.tobytes() for mask in masks}) == limit
    assert np.ptp(masks.sum(0)) <= 1


@pytest.mark.parametrize("key", range(20))
def test_sampling_all_but_one_still_ends_with_distinct_subsets(key: int) -> None:
    masks = subsets(6, 3, 19, key)  # 19 of 20 subsets: they cannot be balanced as well as distinct
    assert len({mask.tobytes() for mask in masks}) == 19
    assert np.ptp(masks.sum(0)) <= 1  # one subset missing


def test_sampled_subsets_are_fixed_by_their_key() -> None:
    first = subsets(10, 5, 50, key=7)
    np.testing.assert_array_equal(first, subsets(10, 5, 50, key=7))
    assert (first != subsets(10, 5, 50, key=8)).any()


@pytest.mark.parametrize("block", [20, 1 << 20])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_subset_scores_equal_direct_averages(size: int, block: int, in_blocks) -> None:
    in_blocks(blocks, block)
    log_prob, label = predictions(0, 4, 37, 5)
    masks = subsets(4, size)
    got = subset_scores(log_prob, label, masks)
    direct = [combine(log_prob[mask]) for mask in masks]
    assert list(got.score) == list(SCORES)
    for name, metric in SCORES.items():
        expected = [metric(one, label) for one in direct]
        np.testing.assert_allclose(got.score[name], expected, rtol=0, atol=1e-13)
    for name, values in got.example.items():
        expected = np.mean([example_scores(one, label)[name] for one in direct], axis=0)
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-13)


def test_subset_scores_take_float32_tensors() -> None:
    log_prob, label = predictions(1, 3, 20, 4)
    masks = subsets(3, 2)
    got = subset_scores(torch.tensor(log_prob).float(), torch.tensor(label), torch.tensor(masks))
    expected = subset_scores(log_prob.astype(np.float32), label, masks)
    for name in SCORES:
        np.testing.assert_array_equal(got.score[name], expected.score[name])


def test_nll_survives_underflow() -> None:
    # e^-800 and e^-900 are 0 in float64; the NLL of their mean is 800 + ln 2 (the other adds e^-100).
    log_prob = np.array([[[-800.0, 0.0]], [[-900.0, 0.0]], [[-np.inf, 0.0]]])
    label = np.array([0])
    got = subset_scores(log_prob, label, np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 1]], dtype=bool))
    np.testing.assert_allclose(got.score["nll"], [800 + np.log(2), 800, 800 + np.log(3), np.inf], rtol=1e-14)


def test_brier_of_every_size_obeys_the_exact_law() -> None:
    members = 7
    log_prob, label = predictions(2, members, 60, 6)
    law = brier_law(log_prob, label)
    for size in range(1, members + 1):
        masks = subsets(members, size)
        assert len(masks) == comb(members, size)
        assert subset_scores(log_prob, label, masks).score["brier"].mean() == pytest.approx(law.at(size), abs=1e-12)


def test_diversity_of_the_law_is_the_mean_over_pairs() -> None:
    log_prob, label = predictions(3, 5, 30, 4)
    prob = np.exp(log_prob)
    pairs = [np.square(prob[i] - prob[j]).sum(-1).mean() / 2 for i, j in combinations(range(5), 2)]
    law = brier_law(torch.tensor(log_prob), torch.tensor(label))
    assert isinstance(law, BrierLaw)
    assert law.diversity == pytest.approx(np.mean(pairs), abs=1e-14)
    assert law.at(np.inf) == pytest.approx(law.mean_member - law.diversity)
    assert law.at(np.array([1, 2])).shape == (2,)


def test_wrong_input_is_refused() -> None:
    log_prob, label = predictions(4, 3, 10, 4)
    masks = subsets(3, 2)
    for size in (0, 4):
        with pytest.raises(InputError, match=f"size is {size}; expected 1 to 3"):
            subsets(3, size)
    with pytest.raises(InputError, match="limit is 0"):
        subsets(3, 2, limit=0)
    with pytest.raises(InputError, match=r"shape \[10, 4\]; expected \[member, example, class\]"):
        subset_scores(log_prob[0], label, masks)
    with pytest.raises(InputError, match=r"shape .* expected .member, example, class"):
        subset_scores(log_prob[None], label, masks)
    for wrong in (masks[:, :2], masks.astype(int), masks & False):
        with pytest.raises(InputError, match=r"expected bool \[subset, 3\]"):
            subset_scores(log_prob, label, wrong)
    with pytest.raises(InputError, match="1 member"):
        brier_law(log_prob[:1], label)
    log_prob[1, 2, 3] = np.nan
    with pytest.raises(InputError, match=r"members \[1\] holds NaN"):
        subset_scores(log_prob, label, masks)
