"""Decompositions of ensemble scores against independently averaged predictions, and closed forms."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from modescape.errors import InputError
from modescape.functionspace import jensen_shannon
from modescape.metrics import blocks, brier, brier_law, combine, decompose, nll
from modescape.metrics.decomposition import DECOMPOSED, LABEL_FREE

torch.set_num_threads(1)

TIGHT = 1e-12  # relative tolerance: some thousand float64 rounding errors


def predictions(seed: int, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed)
    return log_softmax(3 * numbers.normal(size=shape), axis=-1), numbers.integers(shape[-1], size=shape[-2])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("members", "classes"), [(2, 2), (5, 10), (11, 3)])
def test_ensemble_is_mean_member_minus_diversity(seed: int, members: int, classes: int) -> None:
    log_prob, label = predictions(seed, members, 60, classes)
    parts = decompose(log_prob, label)
    assert parts.metric == DECOMPOSED
    mean = np.log(np.exp(log_prob).mean(0))
    geometric = log_softmax(log_prob.mean(0), axis=-1)
    ensembles = [brier(mean, label), nll(mean, label), brier(geometric, label), nll(geometric, label)]
    np.testing.assert_allclose(parts.ensemble, ensembles, rtol=TIGHT)
    members_mean = [brier(log_prob, label).mean(), nll(log_prob, label).mean()] * 2
    np.testing.assert_allclose(parts.mean_member, members_mean, rtol=TIGHT)
    np.testing.assert_allclose(parts.ensemble, parts.mean_member - parts.diversity, rtol=TIGHT)
    np.testing.assert_allclose(parts.example_diversity.mean(1), parts.diversity, rtol=TIGHT)


def test_diversity_of_each_example_is_its_formula() -> None:
    log_prob, label = predictions(1, 4, 30, 5)
    prob = np.exp(log_prob)
    example = dict(zip(DECOMPOSED, decompose(log_prob, label).example_diversity, strict=True))
    pairs = np.square(prob[:, None] - prob[None]).sum(-1).mean((0, 1)) / 2  # half the mean over ordered pairs
    np.testing.assert_allclose(example["brier"], pairs, rtol=TIGHT)
    at = np.arange(30)
    expected = np.log(prob.mean(0)[at, label]) - log_prob[:, at, label].mean(0)
    np.testing.assert_allclose(example["nll"], expected, rtol=1e-10)  # looser, since it is a difference
    expected = -np.log(np.prod(prob, axis=0) ** (1 / 4) @ np.ones(5))
    np.testing.assert_allclose(example["nll_geometric"], expected, rtol=TIGHT)
    assert (np.stack([example[name] for name in ("brier", "nll", "nll_geometric")]) > 0).all()


def test_brier_diversity_is_that_of_the_law() -> None:
    log_prob, label = predictions(2, 6, 40, 4)
    diversity = decompose(log_prob, label).diversity[0]
    assert diversity == pytest.approx((1 - 1 / 6) * brier_law(log_prob, label).diversity, rel=TIGHT)


def test_only_two_of_them_do_without_the_label() -> None:
    log_prob, label = predictions(3, 4, 30, 5)
    first, second = decompose(log_prob, label), decompose(log_prob, (label + 1) % 5)
    for name, one, other in zip(DECOMPOSED, first.example_diversity, second.example_diversity, strict=True):
        assert np.array_equal(one, other) == (name in LABEL_FREE)
    assert (first.example_diversity[DECOMPOSED.index("brier_geometric")] < 0).any()


def test_nll_diversity_is_a_reverse_divergence_not_jensen_shannon() -> None:
    # Labels drawn from the ensemble's own p: sum_y p_y (log p_y - mean_m log p_my) = mean_m KL(p, p_m).
    log_prob, _ = predictions(4, 3, 20, 4)
    p = np.exp(combine(log_prob))
    by_label = np.stack([decompose(log_prob, np.full(20, c)).example_diversity[1] for c in range(4)], axis=1)
    reverse = (p * (np.log(p) - log_prob)).sum(-1).mean(0)
    np.testing.assert_allclose((p * by_label).sum(1), reverse, rtol=1e-10)
    assert abs(reverse.mean() - jensen_shannon(log_prob)) > 0.1


def test_two_members_by_hand() -> None:
    parts = decompose(np.log([[[0.8, 0.2]], [[0.2, 0.8]]]), np.array([0]))
    root = np.sqrt(0.8 * 0.2)  # both classes have the geometric mean 0.4, together 0.8
    np.testing.assert_allclose(parts.diversity, [0.18, np.log(0.5 / root), 0.68 - 0.5, -np.log(2 * root)], rtol=TIGHT)
    np.testing.assert_allclose(parts.ensemble, [0.5, np.log(2), 0.5, np.log(2)], rtol=TIGHT)


def test_one_member_and_equal_members_have_no_diversity() -> None:
    log_prob, label = predictions(5, 1, 20, 4)
    for copies in (1, 3):
        parts = decompose(np.repeat(log_prob, copies, axis=0), label)
        np.testing.assert_allclose(parts.example_diversity, 0, atol=1e-13)
        assert parts.ensemble[0] == pytest.approx(brier(log_prob[0], label))


def test_probabilities_of_zero_give_what_is_promised() -> None:
    with np.errstate(divide="ignore"):
        log_prob = np.log([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [0.5, 0.5], [0.0, 1.0]]])
    parts = decompose(log_prob, np.array([0, 0, 0]))
    expected = {
        "brier": [0.5, 0.125, 0.0],
        "nll": [np.inf, np.inf, np.nan],  # last: both members are certain of the wrong class
        "brier_geometric": [np.nan, (2 + 0.5) / 2 - 2, 0.0],  # first: no class is possible for both
        "nll_geometric": [np.inf, -np.log(np.sqrt(0.5)), 0.0],
    }
    np.testing.assert_allclose(parts.example_diversity, list(expected.values()), rtol=TIGHT, atol=1e-15)
    alone = decompose(log_prob[:, 1:2], np.array([0]))
    np.testing.assert_allclose(alone.ensemble, [2 * 0.75**2, -np.log(0.25), 2.0, np.inf], rtol=TIGHT)
    np.testing.assert_array_equal(alone.mean_member[[1, 3]], np.inf)
    assert np.isnan(decompose(log_prob[:, :1], np.array([0])).ensemble[2:]).all()


def test_probabilities_below_the_smallest_number_are_kept() -> None:
    # e^-800 is 0 in float64: log of the mean is -800 + log(1/2 (1 + e^-100)).
    parts = decompose(np.array([[[-800.0, 0.0]], [[-900.0, 0.0]]]), np.array([0]))
    np.testing.assert_allclose(parts.mean_member[1], 850)
    np.testing.assert_allclose(parts.ensemble[[1, 3]], [800 + np.log(2), 850], rtol=TIGHT)
    np.testing.assert_allclose(parts.diversity[[1, 3]], [50 - np.log(2), 0], rtol=TIGHT)


def test_blocks_and_tensors_change_nothing(in_blocks) -> None:
    log_prob, label = predictions(6, 3, 37, 4)
    whole = decompose(log_prob, label)
    in_blocks(blocks, 100)  # 8 examples at a time, the last block ragged
    parts = decompose(torch.tensor(log_prob), torch.tensor(label))
    assert isinstance(parts.example_diversity, np.ndarray)
    np.testing.assert_allclose(parts.example_diversity, whole.example_diversity, rtol=1e-13)
    single = decompose(torch.tensor(log_prob).float(), torch.tensor(label))
    assert single.diversity.dtype == np.float64
    np.testing.assert_allclose(single.diversity, whole.diversity, rtol=1e-4)


def test_wrong_input_is_refused() -> None:
    log_prob, label = predictions(7, 3, 10, 4)
    with pytest.raises(InputError, match=r"shape \[10, 4\]; expected \[member, example, class\]"):
        decompose(log_prob[0], label)
    with pytest.raises(InputError, match=r"label has shape \[9\]"):
        decompose(log_prob, label[:9])
    log_prob[2, 1, 1] = np.nan
    with pytest.raises(InputError, match=r"members \[2\] holds NaN"):
        decompose(log_prob, label)
