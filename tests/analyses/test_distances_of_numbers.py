"""Distances of a regression's predictions: matrices, and contributions of examples and members to the mean."""

import itertools

import numpy as np
import pytest

from modescape.analyses.pairs import compare_means

MEMBERS, EXAMPLES = 4, 400


def distances(mean, target):
    found = compare_means(mean, target)
    return (found.different, found.normalized), found.example, found.influence, found.quality


random = np.random.default_rng(0)
TARGET = random.normal(size=(EXAMPLES, 1))
MEAN = TARGET + random.normal(size=(MEMBERS, EXAMPLES, 1)) * (1 + np.arange(EXAMPLES)[:, None] / EXAMPLES)


def test_matrices_are_root_mean_squares():
    (apart, ratio), _, _, rmse = distances(MEAN, TARGET)
    for i, j in itertools.combinations(range(MEMBERS), 2):
        expected = np.sqrt(np.mean((MEAN[i] - MEAN[j]) ** 2))
        assert apart[i, j] == apart[j, i] == pytest.approx(expected, rel=1e-12)
        errors = [np.mean((MEAN[at] - TARGET) ** 2) for at in (i, j)]
        assert ratio[i, j] == pytest.approx(expected / np.sqrt(np.mean(errors)), rel=1e-12)
        assert rmse[i] == pytest.approx(np.sqrt(errors[0]), rel=1e-12)
    assert ratio[np.triu_indices(MEMBERS, 1)].mean() == pytest.approx(np.sqrt(2), rel=0.05)  # errors are independent


@pytest.mark.parametrize("at", [0, 1], ids=["distance", "over the error"])
def test_examples_and_members_make_the_mean_over_pairs(at):
    matrices, example, influence, _ = distances(MEAN, TARGET)
    upper, matrix = np.triu_indices(MEMBERS, 1), matrices[at]
    assert example[at].mean() == pytest.approx(matrix[upper].mean(), rel=1e-12)
    without = []  # leaving an example out changes the mean by its contribution
    for left_out in range(0, EXAMPLES, 40):
        kept = np.arange(EXAMPLES) != left_out
        without.append(distances(MEAN[:, kept], TARGET[kept])[0][at][upper].mean())
    told = matrix[upper].mean() - (example[at, ::40] - example[at].mean()) / (EXAMPLES - 1)
    np.testing.assert_allclose(without, told, atol=2e-5)
    of_member = influence[at].mean(-1) - influence[at].mean()
    others = [[other for other in range(MEMBERS) if other != member] for member in range(MEMBERS)]
    rest = np.array([matrix[np.ix_(own, own)][np.triu_indices(MEMBERS - 1, 1)].mean() for own in others])
    np.testing.assert_allclose(of_member, -(MEMBERS - 1) * (rest - rest.mean()), rtol=1e-9)


def test_equal_predictions_have_no_distance():
    (apart, ratio), example, influence, _ = distances(MEAN[[0, 0]], TARGET)
    assert apart.tolist() == ratio.tolist() == [[0, 0], [0, 0]]
    assert not example.any()
    assert influence is None
