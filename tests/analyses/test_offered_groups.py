"""Analyses of groups of networks that are in memory: the same numbers as of the study that drew them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from modescape import analyses
from modescape.analyses.sampled import with_sampled
from modescape.context import StudyContext
from modescape.errors import NotEnough
from modescape.methods import BOTH
from modescape.metrics import brier, combine, nll
from modescape.offered import INDEPENDENT, Offered, arrays, stacked
from modescape.study import Study

DRAWING = [
    name for name, one in analyses.ANALYSES.items() if analyses.AROUND in one.uses and analyses.NETWORK not in one.needs
]
OF_A_NETWORK = (
    "control",
    "barrier",
    "stored_score",
    "recomputed_score",
    "stored_disagreement",
    "stored_jensen_shannon",
)
OF_MODELS = ("scale", "distance")  # of a study as it was chosen, of arrays the models'


def in_memory(of: Offered) -> Offered:
    """Its predictions alone, and what is stated of them."""
    one = next(iter(of.sampled.values()))
    models = range(len(one.members))
    log_prob = {name: stacked(sampled, models) for name, sampled in of.sampled.items()}
    label = {name: sampled.label for name, sampled in of.sampled.items() if sampled.label.min() >= 0}
    found = arrays(
        log_prob,
        label,
        groups=one.groups,
        members=one.members,
        epochs=one.epochs,
        scales=one.scales,
        steps=one.steps,
        distances=one.distances(models),
        class_names=one.class_names,
    )
    return replace(found, seed=of.seed, training=of.training, shifted=of.shifted, sampling=of.sampling)


def test_which_analyses_take_groups_of_networks():
    assert [
        *("tsne_subspace", "ensemble_methods", "decomposition", "calibration"),
        *("diversity_plane", "diversity_map", "shift", "ood"),
    ] == DRAWING
    assert {analyses.ANALYSES[name].needs for name in DRAWING} == {(analyses.PREDICTIONS,)}


@pytest.mark.ci
@pytest.mark.parametrize("name", DRAWING)
def test_groups_in_memory_give_what_a_study_gives(networks: Study, name: str):
    context, settings = StudyContext(networks), networks.recipe.settings.get(name, {})
    announced = analyses.entry(name).part("measure").draws
    with context.at_work():
        memory = in_memory(with_sampled(context, announced(context, **analyses.defaults(name) | settings)))
    assert memory.drawing is None
    whole, found = without_best(networks.result(name)), without_best(analyses.measure(name, memory, **settings))
    assert set(whole.variables) == set(found.variables)
    for variable in whole.variables:
        if variable in OF_A_NETWORK:
            assert found[variable].isnull().all(), variable
        elif variable in OF_MODELS:
            # averages of weights are offered before they are rounded to float32: 1e-9
            np.testing.assert_allclose(found[variable], whole[variable], rtol=1e-8, err_msg=str(variable))
        else:
            np.testing.assert_array_equal(found[variable], whole[variable], err_msg=str(variable))
    stated = {"samples", "networks", "runs", "variant", "split", "stream_key", "tsne_seed", "without_effect", "source"}
    there = stated & set(whole.attrs)
    assert {key: found.attrs[key] for key in there} == {key: whole.attrs[key] for key in there}


def without_best(result: xr.Dataset) -> xr.Dataset:
    """A study knows the best method by its sweep, arrays by the tested networks: they need not agree."""
    if "approach" not in result.dims:
        return result
    return result.isel({"approach": [not str(name).startswith(BOTH) for name in result["approach"].values]})


@pytest.fixture(scope="module")
def strangers() -> Offered:
    """Three networks of somebody else, and four of an own method around each."""
    random, models = np.random.default_rng(1), 3 + 3 * 4
    label = {name: random.integers(0, 3, count) for name, count in (("test", 60), ("validation", 40))}
    log_prob = {}
    for name, truth in label.items():
        logits = random.normal(0, 1, (models, len(truth), 3)) + 2 * np.eye(3)[truth]
        log_prob[name] = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    groups = {INDEPENDENT: [0, 1, 2], "mine": list(range(3, models))}
    return arrays(log_prob, label, groups=groups, members=[0, 1, 2, *np.repeat([0, 1, 2], 4)])


def test_a_method_of_ones_own_is_compared(strangers):
    test = strangers.sampled["test"]
    assert (strangers.sampling.samples, strangers.sampling.networks) == (4, 3)
    groups = [stacked(test, range(start, start + 4)) for start in (3, 7, 11)]

    parts_of_all = analyses.measure("decomposition", strangers)
    parts = parts_of_all.sel({"metric": "brier"}, drop=True)
    scores = [float(brier(combine(group[-3:]), test.label)) for group in groups]
    assert parts["approach"].values.tolist() == [INDEPENDENT, "mine"]
    assert float(parts["ensemble_score"].sel({"approach": "mine"})) == pytest.approx(np.mean(scores))
    np.testing.assert_allclose(parts["mean_score"] - parts["diversity"], parts["ensemble_score"])

    found = analyses.measure("ensemble_methods", strangers)
    own = found["score"].sel({"approach": "mine", "metric": "nll"})
    assert float(own.sel({"size": 1})) == pytest.approx(np.mean([nll(combine(group), test.label) for group in groups]))
    assert float(own.sel({"size": 3})) == pytest.approx(float(nll(combine(np.concatenate(groups)), test.label)))
    assert found["forward_passes"].values.tolist() == [1, 4]
    assert found["training_epochs"].isnull().all()
    assert found.sizes["other_approach"] == 0
    for name, result in (("decomposition", parts_of_all), ("ensemble_methods", found)):
        assert analyses.entry(name).part("words").summarize(result).text

    worth = analyses.measure("calibration", strangers, resamples=20)
    assert worth["calibrated_nll"].shape == (2, 4)
    assert worth["temperature"].shape == (3,)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("shift", "under shift needs predictions of groups of networks on shift 1 examples; what is offered has none"),
        ("diversity_map", "the diversity map needs predictions of groups of networks on shift 3 examples; what is"),
        (
            "tsne_subspace",
            "the embedding of subspaces needs predictions of the group 'trajectory'; what is offered has",
        ),
    ],
)
def test_the_sets_and_groups_that_are_missing_are_named(strangers, name, sentence):
    with pytest.raises(NotEnough, match=re.escape(sentence)):
        analyses.measure(name, strangers)


@pytest.mark.parametrize("name", ["calibration", "ensemble_methods"])
def test_validation_examples_that_are_missing_are_named(strangers, name):
    alone = replace(strangers, sampled={"test": strangers.sampled["test"]})
    with pytest.raises(NotEnough, match="groups of networks on validation examples"):
        analyses.measure(name, alone)
    with pytest.raises(NotEnough, match="groups of networks on test examples"):
        analyses.measure(name, replace(strangers, sampled={}))
