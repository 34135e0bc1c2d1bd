"""Further scores, added by one entry each for the tests, appear in every curve, table and interval."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.special import log_softmax

from modescape.errors import InputError
from modescape.metrics import SCORES, Score, accuracy, combine, ece, ensemble_curve, ensemble_curves, example_scores
from modescape.metrics.crossed import Estimate, size_estimates, size_masks
from modescape.metrics.scores import ranges_of, units_of
from modescape.metrics.subsets import subset_scores, subsets

ECE, ACCURACY = list(SCORES).index("ece"), list(SCORES).index("accuracy")


def among_two(log_prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """1 where fewer than 2 classes are more probable than the label, else 0; [..., example]."""
    of_label = np.take_along_axis(log_prob, label.reshape((1,) * (log_prob.ndim - 2) + (-1, 1)), -1)
    return ((log_prob > of_label).sum(-1) < 2).astype(np.float64)


def macro_f1(log_prob: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Mean over classes of the F1 score of each, [...]."""
    predicted, classes = log_prob.argmax(-1), np.arange(log_prob.shape[-1])[:, None]
    hit, called, there = (
        one.sum(-1)
        for one in (
            (predicted[..., None, :] == classes) & (label == classes),
            predicted[..., None, :] == classes,
            label == classes,
        )
    )
    return (2 * hit / np.maximum(called + there, 1)).mean(-1)


TRIAL = {
    "top2": Score(label="Top-2 accuracy", short="top-2 accuracy", higher_is_better=True, per_example=among_two),
    "f1": Score(label="Macro F1", short="F1", higher_is_better=True, aggregate=macro_f1, largest=1.0),
    # known scores through the general code for aggregates, to compare with their special code
    "ece by groups": Score(label="ECE by groups", short="ECE", higher_is_better=False, aggregate=ece, largest=1.0),
    "accuracy by groups": Score(
        label="Accuracy by groups", short="accuracy", higher_is_better=True, aggregate=accuracy, largest=1.0
    ),
}


@pytest.fixture
def trial() -> Iterator[None]:
    """The scores, and those above."""
    SCORES.update(TRIAL)
    yield
    for name in TRIAL:
        del SCORES[name]


def predictions(seed: int, members: int, examples: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.random.default_rng(seed)
    signal = 2 * numbers.normal(size=(examples, classes))
    sure = np.exp(0.2 * numbers.normal(size=(members, 1, 1)))
    log_prob = log_softmax(sure * (signal + 2 * numbers.normal(size=(members, examples, classes))), axis=-1)
    return log_prob, (signal + numbers.normal(size=signal.shape)).argmax(-1)


def estimates(log_prob: np.ndarray, label: np.ndarray) -> dict[int, Estimate]:
    masks = size_masks(len(log_prob), list(range(1, len(log_prob) + 1)), 200, 0)
    return dict(size_estimates(log_prob, label, masks))


@pytest.mark.usefixtures("trial")
def test_curves_have_the_new_scores_with_intervals() -> None:
    log_prob, label = predictions(0, 4, 90)
    curve = ensemble_curve(log_prob, label)
    assert curve["metric"].values.tolist() == list(SCORES)
    for name in TRIAL:
        for size in (1, 3):
            wanted = np.mean([SCORES[name](combine(log_prob[mask]), label) for mask in subsets(4, size)])
            assert float(curve["score"].sel(metric=name, size=size)) == pytest.approx(wanted, abs=1e-12)
        for ends in (("score_low", "score", "score_high"), ("gain_low", "gain", "gain_high")):
            low, value, high = (curve[end].sel(metric=name).values[1:] for end in ends)
            assert (low <= value).all(), name
            assert (value <= high).all(), name
    assert (curve["score_high"].sel(metric="f1") <= 1).all()
    assert "top2" in example_scores(log_prob, label)
    assert "f1" not in example_scores(log_prob, label)
    both = ensemble_curves({"one": log_prob, "other": log_prob[::-1]}, label, baseline="one")
    assert both["other"].metric == tuple(SCORES)


@pytest.mark.usefixtures("trial")
def test_what_stands_in_for_examples_has_the_score_as_its_mean() -> None:
    log_prob, label = predictions(1, 3, 100)  # 100 is not a multiple of the number of folds
    for size, estimate in estimates(log_prob, label).items():
        np.testing.assert_allclose(estimate.example.mean(1), estimate.score, atol=1e-7)
        found = subset_scores(log_prob, label, subsets(3, size))
        np.testing.assert_allclose(estimate.score, [found.score[name].mean() for name in SCORES], atol=1e-13)


@pytest.mark.usefixtures("trial")
def test_intervals_by_groups_are_as_long_as_those_of_examples() -> None:
    # the error of a standard deviation is 13 % for 30 folds, so 3 % for the mean over 20 test sets
    names, ratio = list(SCORES), []
    for seed in range(20):
        log_prob, label = predictions(seed, 3, 600)
        found = estimates(log_prob, label)[2]
        length = np.ptp(found.these(), axis=0)
        ratio.append([length[names.index(f"{name} by groups")] / length[SCORES_AT[name]] for name in SCORES_AT])
    mean = dict(zip(SCORES_AT, np.mean(ratio, 0), strict=True))
    assert mean["accuracy"] == pytest.approx(1, abs=0.1)
    assert mean["ece"] == pytest.approx(1, abs=0.25)  # signs of bins near 0 change when a fold is left out


SCORES_AT = {"accuracy": ACCURACY, "ece": ECE}


@pytest.fixture
def f1_alone() -> Iterator[None]:
    """The scores, and the F1 score."""
    SCORES["f1"] = TRIAL["f1"]
    yield
    del SCORES["f1"]


@pytest.mark.ci
@pytest.mark.usefixtures("f1_alone")
def test_intervals_of_a_score_of_the_whole_test_set_cover() -> None:
    at, drawn = list(SCORES).index("f1"), []
    for seed in range(150):
        found = dict(size_estimates(*predictions(seed, 4, 300), size_masks(4, [2], 200, 0)))[2]
        drawn.append((found.score[at], *(end[at] for end in found.new())))
    value, low, high = np.array(drawn).T
    inside = ((low <= value.mean()) & (value.mean() <= high)).mean()
    assert 0.89 < inside < 0.995  # the standard error of 0.95 is 0.018 for 150 draws
    assert (high - low).mean() / (2 * 1.96 * value.std()) < 1.4


@pytest.mark.usefixtures("trial")
def test_a_single_example_has_no_interval_by_groups() -> None:
    log_prob, label = predictions(2, 2, 1)
    curve = ensemble_curve(log_prob, label)
    assert np.isnan(curve["score_low"].sel(metric="f1")).all()
    assert np.isfinite(curve["score"].sel(metric="f1")).all()


def test_a_score_says_how_it_is_written() -> None:
    assert [score.axis for score in SCORES.values()] == [
        "Accuracy (%)",
        "NLL (nats per example)",
        "Brier score (0 to 2)",
        "ECE (0 to 1)",
    ]
    assert TRIAL["top2"].axis == "Top-2 accuracy (1)"
    assert SCORES["nll"].with_unit(SCORES["nll"].label) == "Negative log-likelihood (nats)"
    assert (SCORES["accuracy"].difference_unit, SCORES["nll"].difference_unit) == ("points", "nats")
    assert units_of(SCORES) == "1 (nats for nll)"
    assert units_of([*SCORES, "calibrated_nll"]) == "1 (nats for nll and calibrated_nll)"
    assert units_of(["accuracy"]) == "1"
    smallest, largest = ranges_of([*SCORES, "of somebody"])
    assert smallest.tolist() == [0.0] * 5
    assert largest.tolist() == [1.0, np.inf, 2.0, 1.0, np.inf]


@pytest.mark.parametrize(("smallest", "low"), [(-np.inf, -5.5), (-5.0, -5.0)])
def test_a_score_below_0_has_an_interval_around_it(smallest: float, low: float) -> None:
    """As for the NLL of a density, whose interval must not be cut off at 0."""
    log_prob, label = predictions(3, 4, 60)
    SCORES["density"] = Score(
        label="NLL of a density",
        short="NLL",
        higher_is_better=False,
        per_example=lambda log_prob, label: SCORES["nll"].examples(log_prob, label) - 5,
        smallest=smallest,
    )
    try:
        curve = ensemble_curve(log_prob, label)
    finally:
        del SCORES["density"]
    for ends in (("score_low", "score_high"), ("score_low_these", "score_high_these")):
        least, score, most = (curve[name].sel(metric="density").values for name in (ends[0], "score", ends[1]))
        assert (low <= least).all()
        assert ((least < score) & (score < most)).all()
        if not np.isfinite(smallest):  # unbounded: symmetric
            np.testing.assert_allclose(score - least, most - score, rtol=1e-9)
        else:  # bounded: that of the same score shifted to start at 0
            own = (curve[name].sel(metric="nll").values - 5 for name in ends)
            np.testing.assert_allclose(np.stack([least, most]), np.stack(list(own)), rtol=1e-9)
    np.testing.assert_allclose(curve["gain"].sel(metric="density"), curve["gain"].sel(metric="nll"), atol=1e-12)


def test_a_score_is_computed_in_one_way() -> None:
    words = {"label": "A", "short": "a", "higher_is_better": True}
    with pytest.raises(InputError, match="'A' has per_example and aggregate, or neither"):
        Score(**words)
    with pytest.raises(InputError, match="'A' has per_example and aggregate, or neither"):
        Score(**words, per_example=among_two, aggregate=accuracy)
    with pytest.raises(InputError, match="on a whole test set"):
        SCORES["ece"].examples(*predictions(3, 1, 5))
