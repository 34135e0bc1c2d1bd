"""Groups of examples: the cluster-robust variance in two loops, copies of examples, groups of one example."""

from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax, stdtrit

from modescape.arrays import group_codes
from modescape.errors import InputError
from modescape.metrics import SCORES, accuracy, bootstrap, brier_equivalent_interval, calibrated_nll, ensemble_curve
from modescape.metrics.averages import Folds, Subsets
from modescape.metrics.between_members import between_members
from modescape.metrics.grouping import by_group, sums
from modescape.metrics.influence import crossed_interval, example_variance
from modescape.metrics.intervals import resample_counts, resample_means, resample_weights
from modescape.metrics.scoring import NUMBERS

GROUP = np.array([0, 1, 0, 2, 2, 0, 1, 2, 3, 3])


def predictions(seed: int, members: int, examples: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed)
    signal = 1.5 * numbers.normal(size=(examples, classes))
    log_prob = log_softmax(signal + numbers.normal(size=(members, examples, classes)), axis=-1)
    return log_prob, (signal + numbers.normal(size=signal.shape)).argmax(-1)


def copied(copies: int, examples: int) -> np.ndarray:
    """Indices that repeat each example that many times, copies far apart; they also serve as groups."""
    return np.tile(np.arange(examples), copies)


def test_the_variance_is_the_cluster_robust_one_and_the_mean_stays() -> None:
    values = np.random.default_rng(0).normal(size=(3, GROUP.size))
    found = by_group(values, GROUP)
    np.testing.assert_allclose(found.mean(1), values.mean(1), atol=1e-15)
    for row, variance in zip(values, example_variance(found), strict=True):
        squares = 0.0
        for group in range(4):
            squares += sum(row[x] - row.mean() for x in range(10) if GROUP[x] == group) ** 2
        assert variance == pytest.approx(4 / 3 * squares / 10**2, rel=1e-13)
    np.testing.assert_allclose(sums(values, GROUP)[:, 2], values[:, [3, 4, 7]].sum(1))


def test_new_members_on_new_groups_are_the_formula_in_loops() -> None:
    # v_x + v_m - v_i of `metrics.influence`, where x is a group
    influence = np.random.default_rng(1).normal(0, 1, (4, GROUP.size)) + np.arange(4)[:, None]
    score, n = influence.mean(0), 4
    group_score = by_group(score, GROUP)
    own = np.array([by_group(row, GROUP) for row in influence])
    v_m = np.var(influence.mean(1), ddof=1) / n
    v_i = 0.0
    for i in range(n):
        for g in range(4):
            v_i += (own[i, g] - group_score[g] - own[i].mean() + score.mean()) ** 2
    v_i /= n * 4 * (n - 1) * (4 - 1)
    low, high = crossed_interval(score.mean(), group_score, by_group(influence, GROUP))
    freedom = (n - 1) * (v_m - v_i) / v_m
    v_x = np.var(group_score, ddof=1) / 4
    total = v_x + v_m - v_i
    half = stdtrit(total**2 / ((v_m - v_i) ** 2 / freedom), 0.975) * total**0.5
    assert high - low == pytest.approx(2 * half, rel=1e-12)


@pytest.mark.parametrize("scoring", ["classes", "numbers"])
def test_copies_of_examples_in_groups_give_the_intervals_of_the_examples(scoring: str) -> None:
    more: dict[str, Any] = {"scoring": NUMBERS} if scoring == "numbers" else {}
    log_prob, label = predictions(2, 5, 60)
    if scoring == "numbers":
        log_prob, label = log_prob[..., :2], np.random.default_rng(3).normal(size=(60, 1))
    at = copied(3, 60)
    alone = ensemble_curve(log_prob, label, **more)
    grouped = ensemble_curve(log_prob[:, at], label[at], group=at, **more)
    ungrouped = ensemble_curve(log_prob[:, at], label[at], **more)
    for name in alone.data_vars:
        np.testing.assert_allclose(grouped[name].values, alone[name].values, atol=1e-7, err_msg=str(name))
    curves = {"alone": alone, "grouped": grouped, "ungrouped": ungrouped}
    ends = {key: (one["score_low_these"], one["score_high_these"]) for key, one in curves.items()}
    width = {key: float((high - low)[0, -1]) for key, (low, high) in ends.items()}
    assert width["ungrouped"] < 0.65 * width["grouped"]
    assert "there are 60" in grouped.attrs["intervals"]
    assert grouped.attrs["intervals"].startswith(alone.attrs["intervals"])


def test_one_example_in_each_group_is_as_without_groups_to_the_last_bit() -> None:
    log_prob, label = predictions(4, 4, 50)
    names = [f"patient {number}" for number in range(50)][::-1]
    assert ensemble_curve(log_prob, label, group=names).identical(ensemble_curve(log_prob, label))
    score = np.random.default_rng(0).normal(size=(50, 2))
    np.testing.assert_array_equal(bootstrap(score, 20, group=names), bootstrap(score, 20))


def test_names_and_the_order_of_examples_do_not_matter() -> None:
    log_prob, label = predictions(5, 4, 80)
    group = np.random.default_rng(6).integers(0, 12, 80)
    order = np.random.default_rng(7).permutation(80)
    one = ensemble_curve(log_prob, label, group=group)
    other = ensemble_curve(log_prob[:, order], label[order], group=[f"p{number}" for number in group[order]])
    for name in one.data_vars:
        np.testing.assert_allclose(other[name].values, one[name].values, atol=1e-7)


def test_a_score_of_a_whole_test_set_leaves_out_whole_groups() -> None:
    log_prob, label = predictions(8, 3, 90)
    masks, mixing = np.ones((1, 3), dtype=bool), np.ones((1, 1))
    seen: list[set[int]] = []
    at = copied(2, 90)

    def score(together: Any, label: Any) -> Any:
        seen.append(set(np.unique(together[:, 0]).tolist()))
        return accuracy(together, label)

    total, values = Folds(Subsets(log_prob[:, at], label[at], masks, mixing, at), score).finish()
    total_alone, alone = Folds(Subsets(log_prob, label, masks, mixing), score).finish()
    np.testing.assert_allclose(total / 180, total_alone / 90)
    np.testing.assert_allclose(by_group(values, at), alone, atol=1e-12)
    assert [len(one) for one in seen[1:31]] == [87] * 30  # of 90 distinct predictions: all copies are left out together


def test_a_score_of_a_whole_test_set_of_unequal_groups_keeps_its_mean() -> None:
    log_prob, label = predictions(9, 2, 10)
    subsets = Subsets(log_prob, label, np.ones((1, 2), dtype=bool), np.ones((1, 1)), GROUP)
    total, values = Folds(subsets, accuracy).finish()
    found = by_group(values, GROUP)
    assert found.mean() == pytest.approx(total[0] / 10)
    masked = [np.log(np.exp(log_prob).mean(0))[g != GROUP] for g in range(4)]
    apart = np.array([accuracy(one, label[g != GROUP]) for g, one in enumerate(masked)])
    jackknife = 3 / 4 * np.square(apart - apart.mean()).sum()  # the delete-one-group variance
    assert example_variance(found)[0] == pytest.approx(4 / 3 * jackknife, rel=1e-12)  # G / (G - 1), for groups


def test_resamples_are_of_groups() -> None:
    score = np.random.default_rng(0).normal(size=(10, 3))
    counts = resample_counts(4, 50, 0)
    means = resample_means(counts, score, GROUP)
    for drawn, found in zip(counts, means, strict=True):
        rows = np.concatenate([np.tile(np.flatnonzero(g == GROUP), drawn[g]) for g in range(4)])
        np.testing.assert_allclose(found, score[rows].mean(0), atol=1e-13)
    weights = resample_weights(counts, GROUP)
    np.testing.assert_allclose(weights @ score, means, atol=1e-13)
    np.testing.assert_allclose(weights.sum(1), 1)
    np.testing.assert_allclose(resample_weights(counts), counts / 4)
    at = copied(3, 10)
    np.testing.assert_allclose(bootstrap(score[at], 30, group=at), bootstrap(score, 30), atol=1e-13)


def test_equivalents_and_the_spread_between_members_of_copies_are_those_of_the_examples() -> None:
    log_prob, label = predictions(10, 5, 80)
    brier = SCORES["brier"].examples(log_prob, label) - 0.05
    at = copied(2, 80)
    one = brier_equivalent_interval(brier, log_prob, label)
    np.testing.assert_allclose(brier_equivalent_interval(brier[:, at], log_prob[:, at], label[at], at), one, rtol=1e-9)
    narrow = brier_equivalent_interval(brier[:, at], log_prob[:, at], label[at])
    assert narrow.high_these - narrow.low_these < 0.8 * (one.high_these - one.low_these)
    right = log_prob.argmax(-1) == label
    np.testing.assert_allclose(between_members(right[:, at], at), between_members(right), rtol=1e-12)
    assert between_members(right[:, at]).q > 1.9 * between_members(right).q


def test_halves_of_the_calibrated_nll_cut_no_group() -> None:
    log_prob, label = predictions(11, 1, 40)
    at = copied(3, 40)
    one, other = calibrated_nll(log_prob, label), calibrated_nll(log_prob[:, at], label[at], group=at)
    np.testing.assert_allclose(other.example[0, :40], one.example[0], atol=1e-7)
    np.testing.assert_allclose(other.temperature, one.temperature, rtol=1e-6)
    with pytest.raises(InputError, match="one group"):
        calibrated_nll(log_prob, label, group=np.zeros(40, dtype=np.int64))


@pytest.mark.parametrize(
    ("group", "words"),
    [([1, 2], "expected [3]"), (["a", None, "b"], "example 1"), (np.array([0.0, 1.0, np.nan]), "example 2")],
)
def test_groups_that_are_missing_are_named(group: Any, words: str) -> None:
    with pytest.raises(InputError) as error:
        group_codes(group, 3)
    assert words in str(error.value)


def test_a_single_group_has_no_interval() -> None:
    log_prob, label = predictions(12, 3, 20)
    curve = ensemble_curve(log_prob, label, group=["all"] * 20)
    assert curve["score_low"].isnull().all()
    assert not curve["score"].isnull().any()
