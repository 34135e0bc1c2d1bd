"""Pairs of many members, in blocks, against a loop over the pairs."""

from itertools import combinations

import numpy as np
import pytest

from modescape.analyses.pairs import compare, pair_mean
from modescape.analyses.pairs_of_labels import means_over_pairs, of_labels
from modescape.metrics.between_members import between_labels, between_members
from modescape.metrics.blocks import BLOCK
from modescape.metrics.pair_sums import MomentSums
from modescape.metrics.paired import moments
from modescape.offered import InBlocks, arrays
from modescape.offered.reading import READ, WORKED_ON, read_in_blocks
from modescape.study import Study
from modescape.study.offering import offer


def labels(members: int, examples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed)
    label = numbers.integers(0, 3, examples)
    wrong = numbers.random((members, examples)) < numbers.uniform(0.1, 0.5, (members, 1))
    return np.where(wrong, numbers.integers(0, 3, (members, examples)), label).astype(np.uint8), label


def in_a_loop(predicted: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Sums over the pairs that a member is in, [2, member, example]."""
    out = np.zeros((2, *predicted.shape))
    wrong = (predicted != label) * 1.0
    for i, j in combinations(range(len(predicted)), 2):
        differ = (predicted[i] != predicted[j]) * 1.0
        error = (wrong[i] + wrong[j]).mean() / 2
        ratio = differ.mean() / error
        linearised = ratio + (differ - ratio * (wrong[i] + wrong[j]) / 2) / error
        out[:, i] += differ, linearised
        out[:, j] += differ, linearised
    return out


def test_sums_over_the_pairs_of_a_member():
    predicted, label = labels(6, 40)
    expected = in_a_loop(predicted, label)
    np.testing.assert_allclose(of_labels(predicted, label).of_member(predicted, label), expected, atol=1e-12)
    found = compare(predicted, label)
    np.testing.assert_allclose(found.example, expected.sum(1) / 6 / 5, atol=1e-12)
    assert found.influence is not None
    np.testing.assert_allclose(found.influence, expected * 2 / 4, atol=1e-12)


@pytest.mark.parametrize(("members", "examples"), [(2, 50), (3, 50), (7, BLOCK // 7 + 100)])
def test_means_over_pairs_are_those_of_whole_arrays(members: int, examples: int):
    predicted, label = labels(members, examples)
    pairs, whole = compare(predicted, label), of_labels(predicted, label)
    for place, found in enumerate(means_over_pairs(predicted, label, whole)):
        matrix = (pairs.different, pairs.normalized)[place]
        influence = None if pairs.influence is None else pairs.influence[place]
        np.testing.assert_allclose(found, pair_mean(matrix, pairs.example[place], influence), rtol=1e-9)


def test_members_without_errors_have_no_ratio():
    predicted, label = labels(4, 30)
    predicted[:2] = label
    found = means_over_pairs(predicted, label, of_labels(predicted, label))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    predicted[1] = 1 - label % 2  # only member 1 has errors
    found = compare(predicted, label)
    np.testing.assert_allclose(found.example, in_a_loop(predicted, label).sum(1) / 4 / 3, atol=1e-12)


@pytest.mark.parametrize("group", [None, np.arange(60) // 3])
def test_spread_between_members_one_at_a_time(group: np.ndarray | None):
    predicted, label = labels(5, 60)
    found, whole = between_labels(predicted, label, group), between_members(predicted == label, group)
    np.testing.assert_allclose(found, whole, rtol=1e-12)
    right = predicted == label
    per_unit = right * 1.0 if group is None else np.stack([right[:, group == at].sum(1) for at in range(20)], 1)
    assert found.sampling == pytest.approx(np.sqrt(per_unit.var(0, ddof=1).sum()) / 60)


def test_moments_of_blocks_are_those_of_all():
    values = 3 + np.random.default_rng(0).random((4, 50))
    values[3, 7] = np.inf
    sums = MomentSums()
    for start in range(0, 50, 20):
        sums.add(values[:, start : start + 20])
    found, whole = sums.finish(), moments(values)
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-14)
    np.testing.assert_allclose(found.covariance[:3, :3], whole.covariance[:3, :3], atol=1e-14)
    assert np.isnan(found.covariance[3]).all()
    assert found.units == 50


def test_examples_are_read_once_and_in_order():
    log_prob = np.log(np.full((2, 100, 2), 0.5))
    predictions = arrays({"test": log_prob}, {"test": np.arange(100) % 2}).predictions["test"]
    parts = list(read_in_blocks(predictions, [0, 1]))
    assert [len(label) for _, label in parts] == [100]
    assert parts[0][0].shape == (2, 100, 2)
    assert 4 * WORKED_ON == READ


def test_some_examples_of_a_study_are_those_of_all(study: Study):
    predictions = offer(study).predictions["test"]
    model = predictions.groups["independent"][1]
    whole = predictions.log_prob(model)
    assert isinstance(predictions, InBlocks)
    np.testing.assert_array_equal(predictions.log_prob_of(model, slice(3, 9)), whole[3:9])  # this reads and checks all
    np.testing.assert_array_equal(predictions.log_prob_of(model, slice(5, None)), whole[5:])
