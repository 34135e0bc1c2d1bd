"""Rank correlations and their intervals."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from modescape.metrics.ranks import rank_correlation


def test_rank_correlations_are_scipy_s():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(2, 12))
    assert rank_correlation(one, other).value == pytest.approx(spearmanr(one, other).statistic)
    tied = np.round(one)
    assert rank_correlation(tied, other).value == pytest.approx(spearmanr(tied, other).statistic)
    gap = np.where(np.arange(12) == 3, np.nan, other)
    assert rank_correlation(one, gap).value == pytest.approx(
        spearmanr(np.delete(one, 3), np.delete(other, 3)).statistic
    )


def test_the_interval_holds_the_correlation_of_the_population():
    random, inside = np.random.default_rng(1), {}
    for pearson in (0.0, 0.7):
        truth = 6 / np.pi * np.arcsin(pearson / 2)  # Spearman's for two Gaussians
        drawn = random.multivariate_normal([0, 0], [[1, pearson], [pearson, 1]], size=(2000, 10))
        found = [rank_correlation(*each.T) for each in drawn]
        inside[pearson] = np.mean([one.low <= truth <= one.high for one in found])
        assert all(-1 <= one.low <= one.value + 1e-9 and one.high <= 1 for one in found)
    assert inside[0.0] == pytest.approx(0.95, abs=0.02)
    assert inside[0.7] == pytest.approx(0.95, abs=0.03)


def test_few_and_constant_values():
    assert np.isnan(rank_correlation(np.ones(5), np.arange(5))).all()
    assert np.isnan(rank_correlation(np.arange(1), np.arange(1))).all()
    value, low, high = rank_correlation(np.arange(3), np.arange(3))
    assert value == pytest.approx(1)
    assert np.isnan([low, high]).all()
    same = rank_correlation(np.arange(10), np.arange(10))
    assert 0.9 < same.low < same.value == same.high == pytest.approx(1)
