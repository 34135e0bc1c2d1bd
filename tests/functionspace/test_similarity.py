"""Disagreement and cosine against the double loop."""

import tracemalloc

import numpy as np
import pytest
import torch
from sklearn.metrics import pairwise

from modescape.errors import InputError
from modescape.functionspace import cosine_similarity, disagreement, similarity

torch.set_num_threads(1)


@pytest.mark.parametrize("block", [12, 1 << 22])
@pytest.mark.parametrize(("models", "classes"), [(1, 10), (2, 2), (7, 10), (4, 1000)])
def test_disagreement_equals_the_double_loop(models: int, classes: int, block: int, in_blocks) -> None:
    in_blocks(similarity, block)
    predicted = np.random.default_rng(classes).integers(classes, size=(models, 101))
    got = disagreement(predicted)
    for i in range(models):
        for j in range(models):
            assert got[i, j] == sum(a != b for a, b in zip(predicted[i], predicted[j], strict=True)) / 101


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_disagreement_takes_any_whole_numbers(dtype: type) -> None:
    predicted = np.random.default_rng(0).integers(100, size=(3, 50)).astype(dtype)
    expected = (predicted[:, None] != predicted[None]).mean(-1)
    np.testing.assert_array_equal(disagreement(predicted), expected)
    got = disagreement(torch.tensor(predicted))
    assert isinstance(got, torch.Tensor)
    np.testing.assert_array_equal(got.numpy(), expected)


def test_disagreement_does_not_confuse_labels_that_share_low_bits() -> None:
    assert disagreement(np.array([[0, 256, 65536], [256, 0, 0]]))[0, 1] == 1.0
    assert disagreement(np.array([[-1, 255], [255, -1]]))[0, 1] == 1.0


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_disagreement_takes_the_whole_range_of_a_type(dtype: type) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    predicted = np.array([[low, high, low, 7], [low, low, high, 7], [high, high, low, 8]], dtype=dtype)
    np.testing.assert_array_equal(disagreement(predicted), (predicted[:, None] != predicted[None]).mean(-1))


@pytest.mark.ci
def test_disagreement_of_many_examples_takes_no_more_memory() -> None:
    """Ten times the examples take no more memory, apart from the input, which is allocated beforehand."""

    def peak(examples: int) -> int:
        predicted = np.random.default_rng(0).integers(10, size=(4, examples)).astype(np.uint8)
        tracemalloc.start()
        disagreement(predicted)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    block = similarity.BLOCK // 4
    assert peak(20 * block) < 1.1 * peak(2 * block)


@pytest.mark.parametrize("block", [20, 1 << 22])
def test_cosine_equals_the_double_loop_and_scikit_learn(block: int, in_blocks) -> None:
    in_blocks(similarity, block)
    weights = np.random.default_rng(1).normal(size=(5, 333)).astype(np.float32)
    got = cosine_similarity(weights)
    wide = weights.astype(np.float64)
    for i in range(5):
        for j in range(5):
            expected = wide[i] @ wide[j] / np.linalg.norm(wide[i]) / np.linalg.norm(wide[j])
            assert got[i, j] == pytest.approx(expected, abs=1e-14)
    np.testing.assert_allclose(got, pairwise.cosine_similarity(wide), atol=1e-14)
    np.testing.assert_array_equal(got, got.T)
    assert (np.diagonal(got) == 1).all()
    np.testing.assert_array_equal(cosine_similarity(torch.tensor(weights)).numpy(), got)


def test_cosine_is_summed_in_float64() -> None:
    # 1e8 + 1 is 1e8 in float32: with sums in float32, the second model would be parallel to the first.
    weights = np.array([[1e4, 1.0, 0.0], [1e4, 0.0, 1.0]], dtype=np.float32)
    assert cosine_similarity(weights)[0, 1] == pytest.approx(1 - 1 / (1e8 + 1), abs=1e-15)
    large = np.full((2, 4), 1e30, dtype=np.float32)  # squares overflow in float32
    np.testing.assert_allclose(cosine_similarity(large), 1.0, rtol=1e-15)


def test_cosine_without_direction_is_nan() -> None:
    got = cosine_similarity(np.array([[0.0, 0.0], [1.0, 0.0], [np.inf, 1.0], [-1.0, 0.0]]))
    assert np.isnan(got[[0, 2]]).all()
    assert np.isnan(got[:, [0, 2]]).all()
    assert got[1, 3] == -1.0


def test_wrong_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \[2, 3, 4\]; expected \[model, example\].*argmax"):
        disagreement(np.zeros((2, 3, 4)))
    with pytest.raises(InputError, match=r"shape \[3\]; expected \[model, example\]"):
        disagreement(np.zeros(3, dtype=int))
    with pytest.raises(InputError, match="dtype float64; expected whole numbers"):
        disagreement(np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"weights has shape \[3\]; expected \[model, parameter\]"):
        cosine_similarity(np.zeros(3))
