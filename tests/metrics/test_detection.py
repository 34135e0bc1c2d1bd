"""Detection scores against scikit-learn, loops over all pairs, and closed forms."""

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from modescape.errors import InputError
from modescape.metrics import aupr, auroc, fpr_at_tpr

MEASURES = (auroc, aupr, fpr_at_tpr)


def case(seed: int, different: int, size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Scores with about `different` distinct values, so that there are ties, and which examples are positive."""
    numbers = np.random.default_rng(seed)
    positive = numbers.random(size) < 0.4
    positive[:2] = True, False
    return np.round((numbers.normal(size=size) + positive) * different / 5), positive


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("different", [1, 3, 10, 10**6])
def test_measures_equal_scikit_learn(seed: int, different: int) -> None:
    score, positive = case(seed, different)
    assert auroc(score, positive) == pytest.approx(sklearn_metrics.roc_auc_score(positive, score), rel=1e-12)
    expected = sklearn_metrics.average_precision_score(positive, score)
    assert aupr(score, positive) == pytest.approx(expected, rel=1e-12)
    false, true, _ = sklearn_metrics.roc_curve(positive, score, drop_intermediate=False)
    for tpr in (0.05, 0.5, 0.8, 0.95, 1.0):
        assert fpr_at_tpr(score, positive, tpr) == false[np.argmax(true >= tpr)]


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_share_of_pairs_won(seed: int) -> None:
    score, positive = case(seed, 4, 40)
    won = [np.sign(a - b) / 2 + 0.5 for a in score[positive] for b in score[~positive]]
    assert auroc(score, positive) == np.mean(won)
    assert auroc(-score, ~positive) == auroc(score, positive)
    assert auroc(-score, positive) == pytest.approx(1 - auroc(score, positive), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_thresholds_one_by_one(seed: int) -> None:
    score, positive = case(seed, 6, 40)
    area, found, rates = 0.0, 0.0, []
    for threshold in sorted(set(score), reverse=True):
        taken = score >= threshold
        recall, precision = positive[taken].sum() / positive.sum(), positive[taken].mean()
        area, found = area + (recall - found) * precision, recall
        rates.append((recall, taken[~positive].mean()))
    assert aupr(score, positive) == pytest.approx(area, rel=1e-12)
    assert fpr_at_tpr(score, positive, 0.7) == next(false for true, false in rates if true >= 0.7)


def test_best_worst_and_constant_scores() -> None:
    positive = np.arange(10) < 4
    best, worst, constant = np.where(positive, 1.0, 0.0), np.where(positive, 0.0, 1.0), np.zeros(10)
    assert [float(measure(best, positive)) for measure in MEASURES] == [1, 1, 0]
    assert [float(measure(worst, positive)) for measure in MEASURES] == pytest.approx([0, 0.4, 1])
    assert [float(measure(constant, positive)) for measure in MEASURES] == pytest.approx([0.5, 0.4, 1])


def test_a_rate_that_is_just_reached_counts() -> None:
    # 95 of 100 positives are above all negatives: a rate of 0.95 needs no false alarm, a higher one does.
    positive = np.arange(200) < 100
    score = np.where(positive, 2.0, 1.0)
    score[:5] = 0.0
    assert fpr_at_tpr(score, positive) == 0
    assert fpr_at_tpr(score, positive, 0.951) == 1
    for hundredth in range(1, 101):  # 100 distinct scores: exactly that many of the positives are needed
        scores = np.where(positive, 1.0 - np.arange(200), 0.5 - (np.arange(200) - 100))
        assert fpr_at_tpr(scores, positive, hundredth / 100) == pytest.approx((hundredth - 1) / 100, abs=1e-15)


@pytest.mark.parametrize("measure", MEASURES)
def test_rows_infinities_integers_and_nan(measure) -> None:
    score, positive = case(1, 5)
    rows = np.stack([[score, -score, score**2], [score + 1, np.full(60, np.nan), np.arange(60.0)]])
    rows[0, 0, 3], rows[0, 0, 4], rows[0, 0, 5] = np.inf, np.inf, -np.inf
    got = measure(torch.tensor(rows), torch.tensor(positive))
    assert isinstance(got, np.ndarray)
    assert (got.shape, got.dtype) == ((2, 3), np.float64)
    for i in range(2):
        for j in range(3):
            assert got[i, j] == pytest.approx(measure(rows[i, j], positive), nan_ok=True)
    assert np.isnan(got).sum() == 1
    finite = np.clip(rows[0, 0], -1e3, 1e3)
    assert got[0, 0] == measure(finite, positive)
    whole = (score - score.min()).astype(np.uint8)
    assert measure(whole, positive) == measure(score, positive)
    assert isinstance(measure(score, positive), float)


@pytest.mark.parametrize("measure", MEASURES)
def test_wrong_input_is_refused(measure) -> None:
    score, positive = case(2, 5)
    for wrong in (positive.astype(int), positive[None]):
        with pytest.raises(InputError, match=r"expected bool \[example\]"):
            measure(score, wrong)
    with pytest.raises(InputError, match=r"score has shape \[59\]; expected \[\.\.\., 60\]"):
        measure(score[1:], positive)
    with pytest.raises(InputError, match="expected real numbers"):
        measure(score > 0, positive)
    for one_kind in (positive | True, positive & False):
        with pytest.raises(InputError, match="some of both kinds"):
            measure(score, one_kind)


def test_wrong_rates_are_refused() -> None:
    for tpr in (0.0, 1.1, np.nan):
        with pytest.raises(InputError, match="expected a share above 0"):
            fpr_at_tpr(*case(3, 5), tpr)
