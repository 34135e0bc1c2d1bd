"""Reliability diagrams against the expected calibration error, a loop over bins, and closed forms."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from modescape.errors import InputError
from modescape.metrics import accuracy, ece, reliability

torch.set_num_threads(1)


def predictions(seed: int, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed)
    return log_softmax(2 * numbers.normal(size=shape), axis=-1), numbers.integers(shape[-1], size=shape[-2])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bins", [1, 4, 15])
def test_the_bins_add_up_to_the_scores(seed: int, bins: int) -> None:
    log_prob, label = predictions(seed, 2, 3, 70, 4)
    result = reliability(log_prob, label, bins)
    for part in result:
        assert part.shape == (2, 3, bins)
    gap = np.nansum(result.share * np.abs(result.accuracy - result.confidence), axis=-1)
    np.testing.assert_allclose(gap, ece(log_prob, label, bins), rtol=1e-12)
    np.testing.assert_allclose(
        np.nansum(result.share * result.accuracy, axis=-1), accuracy(log_prob, label), rtol=1e-12
    )
    top = np.exp(log_prob).max(-1).mean(-1)
    np.testing.assert_allclose(np.nansum(result.share * result.confidence, axis=-1), top, rtol=1e-12)
    np.testing.assert_allclose(result.share.sum(-1), 1, rtol=1e-12)


def test_each_bin_is_its_examples() -> None:
    log_prob, label = predictions(6, 200, 3)
    result = reliability(log_prob, label, bins=10)
    sure, right = np.exp(log_prob).max(-1), log_prob.argmax(-1) == label
    for place in range(10):
        inside = (sure > place / 10) & (sure <= (place + 1) / 10)
        assert result.share[place] == inside.mean()
        if inside.any():
            assert result.confidence[place] == pytest.approx(sure[inside].mean(), rel=1e-12)
            assert result.accuracy[place] == pytest.approx(right[inside].mean(), rel=1e-12)
        else:
            assert np.isnan([result.confidence[place], result.accuracy[place]]).all()
    assert np.isnan(result.accuracy[:3]).all()  # with 3 classes, confidence is at least 1/3


def test_calibrated_predictions_lie_on_the_diagonal() -> None:
    log_prob = np.log(np.repeat([[0.75, 0.25], [0.6, 0.4]], [4, 5], axis=0))
    label = np.array([0, 0, 0, 1, 0, 0, 0, 1, 1])
    result = reliability(log_prob, label)
    filled = result.share > 0
    np.testing.assert_allclose(result.accuracy[filled], result.confidence[filled])
    np.testing.assert_allclose(result.share[filled], [5 / 9, 4 / 9])


def test_bins_are_closed_above() -> None:
    # Confidence exactly 0.75 belongs to (0.5, 0.75] with 4 bins, beside 0.6.
    result = reliability(np.log([[0.75, 0.25], [0.6, 0.4]]), np.array([0, 1]), bins=4)
    assert result.share.tolist() == [0, 0, 1, 0]
    assert result.confidence[2] == pytest.approx(0.675)


def test_certainty_is_in_the_last_bin() -> None:
    with np.errstate(divide="ignore"):
        result = reliability(np.log([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0]), bins=3)
    assert result.share.tolist() == [0, 0, 1]
    assert (result.confidence[2], result.accuracy[2]) == (1, 0.5)


def test_nan_stays_with_its_model_and_tensors_are_taken() -> None:
    log_prob, label = predictions(7, 2, 30, 4)
    log_prob[1, 3] = np.nan
    result = reliability(torch.tensor(log_prob), torch.tensor(label))
    alone = reliability(log_prob[0], label)
    for both, one in zip(result, alone, strict=True):
        np.testing.assert_array_equal(both[0], one)
        assert np.isnan(both[1]).all()
        assert isinstance(both, np.ndarray)


def test_wrong_input_is_refused() -> None:
    log_prob, label = predictions(8, 10, 4)
    with pytest.raises(InputError, match="bins is 0"):
        reliability(log_prob, label, bins=0)
    with pytest.raises(InputError, match=r"label has shape \[9\]"):
        reliability(log_prob, label[:9])
    with pytest.raises(InputError, match="above 0"):
        reliability(-log_prob, label)
