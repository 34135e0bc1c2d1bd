"""The numbers of analyses of given models: against scikit-learn, plain loops, and values measured elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shared_data import shared_data  # noqa: F401
from sklearn.metrics import accuracy_score, log_loss

from modescape import analyses, rng
from modescape.errors import NotEnough
from modescape.functionspace import jensen_shannon
from modescape.metrics import calibrated_nll, combine, nll
from modescape.metrics.folds import folds
from modescape.metrics.temperature import calibrated_by_halves
from modescape.offered import Offered, arrays, stacked
from modescape.pipeline.comparison import compare

from .test_given import CLASSES, EXAMPLES, MODELS, given, numbers


@pytest.fixture(scope="module")
def whole() -> Offered:
    return given()


@pytest.fixture(scope="module")
def log_prob(whole: Offered) -> np.ndarray:
    return stacked(whole.predictions["test"], range(MODELS)).astype(float)


@pytest.fixture(scope="module")
def label(whole: Offered) -> np.ndarray:
    return whole.predictions["test"].label


def test_scores_are_those_of_scikit_learn(whole: Offered, log_prob: np.ndarray, label: np.ndarray) -> None:
    found = analyses.measure("model_scores", whole)
    every_prob = np.exp(log_prob) / np.exp(log_prob).sum(-1, keepdims=True)  # renormalised from float32
    together = every_prob.mean(0)
    for at, prob in enumerate(every_prob):
        score = found["score"].sel(model=f"net-{at}")
        np.testing.assert_allclose(score.sel(metric="accuracy"), accuracy_score(label, prob.argmax(1)))
        np.testing.assert_allclose(score.sel(metric="nll"), log_loss(label, prob), rtol=1e-6)
    every = found["together"].sel(approach="all models")
    np.testing.assert_allclose(every.sel(metric="nll"), log_loss(label, together), rtol=1e-6)
    wide = found["together"].sel(approach="wide", metric="accuracy")
    np.testing.assert_allclose(wide, accuracy_score(label, np.exp(log_prob[3:]).mean(0).argmax(1)))


def test_the_best_alone_is_chosen_on_one_half_and_scored_on_the_other(
    whole: Offered, log_prob: np.ndarray, label: np.ndarray
) -> None:
    found = analyses.measure("model_scores", whole, splits=3)
    key, right = rng.key(whole.seed, "model_scores"), log_prob.argmax(-1) == label
    scores, chosen = [], np.zeros(MODELS)
    for split in range(3):
        half = folds(EXAMPLES, 2, key, split)
        for side in (0, 1):
            best = int(right[:, half == side].mean(1).argmax())
            chosen[best] += 1 / 6
            scores.append(right[best, half != side].mean())
    np.testing.assert_allclose(found["together"].sel(approach="best alone", metric="accuracy"), np.mean(scores))
    np.testing.assert_allclose(found["chosen"].sel(metric="accuracy"), chosen)


def test_what_is_kept_is_chosen_without_the_part_that_it_is_scored_on(
    whole: Offered, log_prob: np.ndarray, label: np.ndarray
) -> None:
    found = analyses.measure("subset_choice", whole, folds=4)
    part, at = folds(EXAMPLES, 4, rng.key(whole.seed, "subset_choice")), np.arange(EXAMPLES)
    prob = np.exp(log_prob)[:, at, label]
    masks = [np.flatnonzero([number >> model & 1 for model in range(MODELS)]) for number in range(1, 1 << MODELS)]
    loss = np.stack([-np.log(prob[own].mean(0)) for own in masks])
    own = np.empty(EXAMPLES)
    optimism = []
    for left in range(4):
        best = int(loss[:, part != left].mean(1).argmin())
        own[part == left] = loss[best, part == left]
        optimism.append(loss[best, part != left].mean())
    where = {"approach": "exact", "other_metric": "nll", "metric": "nll"}
    np.testing.assert_allclose(found["kept_score"].sel(where), own.mean(), rtol=1e-5)
    np.testing.assert_allclose(found["kept_optimism"].sel(where), np.mean(optimism) - own.mean(), atol=1e-6)
    final = masks[int(loss.mean(1).argmin())]
    np.testing.assert_array_equal(np.flatnonzero(found["kept"].sel(approach="exact", other_metric="nll")), final)
    np.testing.assert_allclose(found["all_score"].sel(metric="nll"), loss[-1].mean(), rtol=1e-6)
    assert found["weight"].values.sum() == pytest.approx(1)


def test_contributions_sum_to_what_all_have_over_nothing(
    whole: Offered, log_prob: np.ndarray, label: np.ndarray
) -> None:
    found = analyses.measure("contributions", whole)
    whole_gain = found["all_score"] - found["no_score"]
    np.testing.assert_allclose(found["shapley"].sum("model"), whole_gain, atol=1e-6)
    np.testing.assert_allclose(found["no_score"], [1 / CLASSES, np.log(CLASSES)])
    without = nll(combine(log_prob[1:]), label)
    change = found["all_score"].sel(metric="nll") - without
    np.testing.assert_allclose(found["without"].sel(model="net-0", metric="nll"), change, atol=1e-6)


def test_means_without_variances_have_no_contributions_and_no_gain_over_themselves() -> None:
    """The models' errors are independent, so that all are kept and the gain over all is 0."""
    stream = np.random.default_rng(0)
    label = stream.normal(size=40)
    found = compare({name: label + 0.3 * stream.normal(size=40) for name in "abc"}, label)
    assert "needs the accuracy or the NLL" in found.notes["contributions"]
    chosen = found.results["subset_choice"]
    assert chosen["kept"].values.all()
    np.testing.assert_allclose(chosen["kept_gain"], 0, atol=1e-12)


def test_a_part_has_the_scores_of_its_examples_alone(whole: Offered, log_prob: np.ndarray, label: np.ndarray) -> None:
    found = analyses.measure("parts_of_data", whole)
    part = whole.example_parts["test"]
    assert found["part"].values.tolist() == ["day", "night"]
    for name in ("day", "night"):
        here = part == name
        alone = replace(whole, predictions=arrays({"test": log_prob[:, here]}, {"test": label[here]}).predictions)
        own = analyses.measure("model_scores", alone)["together"].sel(approach="all models")
        np.testing.assert_allclose(found["together"].sel(part=name), own, rtol=1e-6)
        assert int(found["examples"].sel(part=name)) == here.sum()
    assert analyses.measure("parts_of_data", whole, parts=1).attrs["parts_left_out"] == 1
    with pytest.raises(NotEnough, match="need to know which part each test example belongs to"):
        analyses.measure("parts_of_data", replace(whole, example_parts={}))


def test_disputed_examples_have_the_largest_divergence(whole: Offered, log_prob: np.ndarray, label: np.ndarray) -> None:
    found = analyses.measure("disputed_examples", whole, examples=7)
    information = np.array([jensen_shannon(log_prob[:, [at]]) for at in range(EXAMPLES)])
    order = np.argsort(-information)[:7]
    assert found["example"].values.tolist() == [f"id-{at}" for at in order]
    np.testing.assert_allclose(found["mutual_information"], information[order], atol=1e-6)
    np.testing.assert_allclose(found["mean_information"], jensen_shannon(log_prob), atol=1e-6)
    votes = log_prob.argmax(-1)
    for row, at in enumerate(order):
        np.testing.assert_array_equal(found["votes"][row], np.bincount(votes[:, at], minlength=CLASSES))
    right = (votes == label).sum(0)
    np.testing.assert_array_equal(found["count"], np.bincount(right, minlength=MODELS + 1))


def test_each_half_is_at_the_temperature_of_the_other(log_prob: np.ndarray, label: np.ndarray) -> None:
    tempered, temperature = calibrated_by_halves(log_prob[0], label, key=5)
    wanted = calibrated_nll(log_prob[0], label, splits=1, key=5)
    np.testing.assert_allclose(-tempered[np.arange(EXAMPLES), label], wanted.example, rtol=1e-9)
    np.testing.assert_allclose(temperature, wanted.temperature[0])
    np.testing.assert_allclose(np.exp(tempered).sum(-1), 1)


def test_thirty_networks_on_cifar10_have_the_values_that_were_measured_elsewhere(shared_data: Path) -> None:  # noqa: F811
    """Published predictions on the official test images: best model 97.11 %, majority vote of all 97.00 %."""
    folder = shared_data / "predictions" / "cifar10"
    label = np.load(folder / "labels.npy").astype(np.int64)
    files = sorted(folder.glob("*_predictions.json"))
    said = np.array([json.loads(file.read_text()) for file in files], dtype=np.int64)
    votes = np.where(said[..., None] == np.arange(10), 0.0, -np.inf).astype(np.float32)
    names = [file.stem.removesuffix("_predictions") for file in files]
    offered = replace(arrays({"test": votes}, {"test": label}), names=names, bare=True)
    found = analyses.measure("model_scores", offered)
    score = found["score"].sel(metric="accuracy")
    assert float(score.max()) == pytest.approx(0.9711)
    assert str(score["model"].values[int(score.values.argmax())]) == "shake_shake_26_2x64d_SSI_cutout16"
    assert float(found["together"].sel(approach="all models", metric="accuracy")) == pytest.approx(0.97)
    kept = analyses.measure("subset_choice", offered)
    where = {"approach": "greedy", "other_metric": "accuracy", "metric": "accuracy"}
    assert 0.972 < float(kept["kept_score"].sel(where)) < 0.977
    assert float(kept["kept_gain_low"].sel(where)) > 0
    assert 0 < float(kept["kept_optimism"].sel(where)) < 0.005


@pytest.mark.parametrize("make", [given, numbers])
def test_all_models_have_the_same_scores_wherever_they_are_averaged(make: Callable[[], Offered]) -> None:
    """Whether from sums of each model's contributions or from averaged predictions; for classes and regressions."""
    offered = make()
    together = analyses.measure("model_scores", offered)["together"].sel(approach="all models")
    kept = analyses.measure("subset_choice", offered)
    for metric in kept["metric"].values:
        np.testing.assert_allclose(kept["all_score"].sel(metric=metric), together.sel(metric=metric), rtol=1e-5)
    of_all = kept["score"].isel(size=-1)
    np.testing.assert_allclose(of_all, np.broadcast_to(kept["all_score"], of_all.shape), rtol=1e-5)
    shares = analyses.measure("contributions", offered)
    np.testing.assert_allclose(shares["all_score"].sel(metric="nll"), together.sel(metric="nll"), rtol=1e-5)
