"""Curves of many members: computed in blocks, equal to those of whole arrays."""

import numpy as np
import pytest
from scipy.special import log_softmax

import modescape as ms
from modescape.errors import InputError
from modescape.metrics import SCORES, brier_law, many
from modescape.metrics.crossed import RunSums, of_runs, subset_estimate
from modescape.metrics.ensemble import ALL_SIZES, LONG_NAMES, curve_of_many
from modescape.metrics.influence import crossed_interval

MEMBERS, EXAMPLES, CLASSES = 48, 90, 3


def predictions(members: int = MEMBERS, examples: int = EXAMPLES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed)
    signal = 2 * numbers.normal(size=(examples, CLASSES))
    own = 1.5 * numbers.normal(size=(members, examples, CLASSES)) + 0.3 * numbers.normal(size=(members, 1, CLASSES))
    label = (signal + numbers.normal(size=signal.shape)).argmax(-1)
    return log_softmax(signal + own, axis=-1).astype(np.float32), label


@pytest.fixture(scope="module")
def case():
    log_prob, label = predictions()
    return log_prob, label, many.design(MEMBERS), ms.ensemble_curve(log_prob, label)


def of_subsets(log_prob: np.ndarray, label: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Values of every subset and example, [metric, subset, example]."""
    rows = [subset_estimate(log_prob, label, mask[None], None).example for mask in masks]
    return np.stack(rows, axis=1)


def test_subsets_are_disjoint_and_a_larger_one_is_the_union_of_two(case) -> None:
    plan = case[2]
    assert list(plan.uses) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48]
    for size in plan.uses:
        masks, count = plan.masks(size), MEMBERS // size
        assert (masks.sum(1) == size).all()
        assert len(masks) == count * plan.uses[size]
        assert (masks[:count].sum(0) <= 1).all()
        if 2 * size in plan.uses:
            pairs = masks[: count - count % 2].reshape(-1, 2, MEMBERS).any(1)
            np.testing.assert_array_equal(plan.masks(2 * size)[: count // 2], pairs)
    few = many.design(1000)
    assert few.uses[1] == few.uses[4] == 1
    assert few.uses[20] == 4
    assert few.uses[500 // 2 + 6] == many.ORDERS
    assert few.largest == 96


@pytest.mark.parametrize("members", [11, 15, 19, 20, 21])
def test_any_number_of_members_above_the_setting_has_a_curve(members) -> None:
    """With fewer than 20 members, there are no ten disjoint subsets of two."""
    log_prob, label = predictions(members, 40)
    found = ms.ensemble_curve(log_prob, label, all_sizes=10)
    assert np.isfinite(found["score"].sel(metric="nll")).all()


def test_sums_are_those_of_the_subsets(case) -> None:
    values = np.random.default_rng(0).random((50, 4, 3))
    plan, room = many.design(50), {}
    for own in (values, 2 * values, values[:, :, :2]):  # buffers are reused from call to call
        for size, found in plan.sums(own, room).items():
            np.testing.assert_allclose(found, np.tensordot(plan.masks(size).astype(float), own, 1), rtol=1e-13)


def test_scores_are_means_over_the_subsets_and_intervals_for_these_follow(case) -> None:
    log_prob, label, plan, curve = case
    assert curve["size"].values.tolist() == list(plan.uses)
    for size in plan.uses:
        estimate = subset_estimate(log_prob, label, plan.masks(size), None)
        here = curve.sel(size=size)
        np.testing.assert_allclose(here["score"], estimate.score, rtol=1e-12)
        for ends, names in ((estimate.these(), ("score_low_these", "score_high_these")),):
            for end, name in zip(ends, names, strict=True):
                np.testing.assert_allclose(here[name], end, rtol=1e-8)
    np.testing.assert_allclose(curve["gain"], curve["score"] - curve["score"].sel(size=1), atol=1e-14)
    np.testing.assert_allclose(curve["brier_law"], brier_law(log_prob, label).at(curve["size"].values), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_intervals_for_new_networks_are_of_disjoint_ensembles_crossed_with_examples(case, size: int) -> None:
    log_prob, label, plan, curve = case
    count = MEMBERS // size
    whole = of_subsets(log_prob, label, plan.masks(size))
    alone = of_subsets(log_prob, label, plan.masks(1))
    single = alone[:, : count * size].reshape(len(SCORES), count, size, EXAMPLES).mean(2)
    score = crossed_interval(whole.mean((1, 2)), whole.mean(1), whole[:, :count])
    gain = crossed_interval(
        (whole.mean(1) - alone.mean(1)).mean(1), whole.mean(1) - alone.mean(1), whole[:, :count] - single
    )
    here, of_accuracy = curve.sel(size=size), list(SCORES).index("accuracy")
    # the interval of a gain in accuracy is symmetric; those of scores are bounded, so their half-widths differ
    if size > 1:
        assert float(here["gain_low"][of_accuracy]) == pytest.approx(gain[0][of_accuracy], rel=1e-9)
        assert float(here["gain_high"][of_accuracy]) == pytest.approx(gain[1][of_accuracy], rel=1e-9)
    wide = (here["score_high"] - here["score_low"]) / (here["score_high_these"] - here["score_low_these"])
    plain = (score[1] - score[0]) / np.subtract(*crossed_interval(0.0, whole.mean(1))[::-1])
    np.testing.assert_allclose(wide, plain, rtol=0.02)


def test_large_ensembles_grow_by_the_law(case) -> None:
    log_prob, label, plan, curve = case
    top, size = plan.largest, 24
    assert top == 4
    count = MEMBERS // top
    whole = of_subsets(log_prob, label, plan.masks(top)[:count])
    alone = of_subsets(log_prob, label, plan.masks(1)).reshape(len(SCORES), count, top, EXAMPLES).mean(2)
    growth = (1 - 1 / size) / (1 - 1 / top)
    estimate = subset_estimate(log_prob, label, plan.masks(size), None)
    of_single = subset_estimate(log_prob, label, plan.masks(1), None)
    gain = crossed_interval(
        estimate.score - of_single.score, estimate.example - of_single.example, growth * (whole - alone)
    )
    here = curve.sel(size=size, metric="accuracy")
    assert float(here["gain_low"]) == pytest.approx(gain[0][0], rel=1e-9)


def test_blocks_change_nothing_but_the_ends_of_the_calibration_error() -> None:
    log_prob, label = predictions(examples=1500)
    asked: list[slice] = []

    def read(block: slice) -> np.ndarray:
        asked.append(block)
        return log_prob[:, block]

    whole = many.curve(read, label, MEMBERS, CLASSES)
    blocks = many.curve(read, label, MEMBERS, CLASSES, held=1 << 18)
    assert asked == [slice(0, 1500)] * 2  # each curve reads all examples at once, as they are few
    parts = many.curve(read, label, MEMBERS, CLASSES, held=1 << 18, taken=500 * MEMBERS * CLASSES)
    assert len(asked) > 4
    exact = [name != "ece" for name in SCORES]
    for one, two, other in zip(blocks.columns, parts.columns, whole.columns, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(two[exact], other[exact], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(parts.columns[0], whole.columns[0], rtol=1e-12)
    width = [one.columns[2][-1] - one.columns[1][-1] for one in (parts, whole)]
    # the ECE's signs come from a third of the examples and are uncertain near 0
    np.testing.assert_allclose(*width, rtol=0.35)
    np.testing.assert_allclose(width[0][12:], width[1][12:], rtol=0.05)


def test_runs_that_come_one_by_one_are_those_in_memory() -> None:
    example = np.random.default_rng(1).random((5, 2, 40))
    score = example.mean(2)
    scores = {name: SCORES[name] for name in ("accuracy", "nll")}
    sums = RunSums()
    for one, own in zip(score, example, strict=True):
        sums.add(one, own)
    estimate = of_runs(score, example)
    low, high = crossed_interval(estimate.score, estimate.example, estimate.influence)
    value, found_low, found_high, *_ = sums.columns("difference", scores)
    np.testing.assert_allclose(value, estimate.score)
    np.testing.assert_allclose((found_low, found_high), (low, high), rtol=1e-10)


def test_few_members_and_groups_have_every_size() -> None:
    log_prob, label = predictions(ALL_SIZES, 30)
    assert len(ms.ensemble_curve(log_prob, label)["size"]) == ALL_SIZES
    log_prob, label = predictions(ALL_SIZES + 1, 30)
    assert len(ms.ensemble_curve(log_prob, label)["size"]) < ALL_SIZES
    assert len(ms.ensemble_curve(log_prob, label, limit=45, group=np.arange(30) // 2)["size"]) == ALL_SIZES + 1


def test_nan_is_refused_and_infinite_scores_have_no_interval() -> None:
    log_prob, label = predictions(examples=30)
    broken = log_prob.copy()
    broken[3, 4] = np.nan
    with pytest.raises(InputError, match="NaN"):
        curve_of_many(lambda block: broken[:, block], label, MEMBERS, CLASSES)
    broken = log_prob.copy()
    broken[:, 0, label[0]] = -np.inf
    curve = ms.ensemble_curve(broken, label).sel(metric="nll")
    assert np.isinf(curve["score"]).all()
    assert np.isnan(curve["score_low"]).all()
    assert set(LONG_NAMES) <= set(curve.data_vars)
