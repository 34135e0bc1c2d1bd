"""Analyses of groups of networks in memory give the same numbers as of the study that drew them."""

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
from modescape.offered import INDEPENDENT, InMemory, Offered, arrays, stacked
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
OF_MODELS = ("scale", "distance")  # a study gives the chosen ones, arrays the models' own


def in_memory(of: Offered) -> Offered:
    """An in-memory copy of a study's predictions and of what is stated about the models."""
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
    """Without the best method: a study takes it from its sweep, arrays from the tested networks, which may differ."""
    if "approach" not in result.dims:
        return result
    return result.isel({"approach": [not str(name).startswith(BOTH) for name in result["approach"].values]})


@pytest.fixture(scope="module")
def strangers() -> Offered:
    """Three networks from elsewhere, and four of a custom method around each."""
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


def regrouped(of: Offered, **groups: list[int]) -> Offered:
    """The same models in other groups."""
    sampled = {name: replace(one, groups=groups) for name, one in of.sampled.items() if isinstance(one, InMemory)}
    members = [int(sampled["test"].members[model]) for model in groups[INDEPENDENT]]
    return replace(of, members=members, predictions=sampled, sampled=sampled)


@pytest.mark.parametrize("name", ["ensemble_methods", "decomposition", "diversity_map"])
def test_members_are_paired_by_their_numbers(strangers, name):
    """Whatever the order in which models are listed."""
    shifted = replace(strangers, sampled={**strangers.sampled, "shift 3": strangers.sampled["test"]})
    backwards = [model for first in (11, 7, 3) for model in range(first, first + 4)]
    there, other = (
        analyses.measure(name, regrouped(shifted, independent=[0, 1, 2], mine=models))
        for models in (list(range(3, 15)), backwards)
    )
    for variable in there.variables:
        np.testing.assert_array_equal(there[variable], other[variable], err_msg=str(variable))


@pytest.mark.parametrize("name", ["ensemble_methods", "decomposition", "calibration"])
def test_members_that_are_missing_or_foreign_are_named(strangers, name):
    needs = "a comparison of 'mine' needs networks around each independent network, members "
    one = regrouped(strangers, independent=[0, 1, 2], mine=[3, 4, 5])
    least = 2 if name == "decomposition" else 1
    sentence = f"{needs}0-2, {least} or more each; there are 0 around member 1, 0 around member 2"
    with pytest.raises(NotEnough, match=re.escape(sentence)):
        analyses.measure(name, replace(one, sampling=replace(one.sampling, networks=2)))
    foreign = regrouped(strangers, independent=[0, 1], mine=list(range(3, 15)))
    with pytest.raises(
        NotEnough, match=re.escape(f"{needs}0-1, and around no others; there are some around members 2")
    ):
        analyses.measure(name, foreign)


def test_runs_of_unequal_length(strangers):
    """Runs are compared at what all of them have, or an error names the counts."""
    unequal = regrouped(strangers, independent=[0, 1, 2], mine=[3, 4, 5, 7, 8, 9, 10, 11, 12])
    found = analyses.measure("calibration", unequal, resamples=20)["calibrated_nll"]
    assert found.sel({"other_approach": "mine"}).notnull().values.tolist() == [True, True, False]
    even = regrouped(strangers, independent=[0, 1, 2], mine=[4, 5, 9, 10, 11, 12])
    worth = analyses.measure("calibration", even, resamples=20)["calibrated_nll"]
    np.testing.assert_array_equal(found.sel({"other_approach": "mine"})[:2], worth.sel({"other_approach": "mine"})[:2])
    sentence = "3 or more each; there are 2 around member 2"
    with pytest.raises(NotEnough, match=sentence):
        analyses.measure("decomposition", unequal)
    one_each = regrouped(strangers, independent=[0, 1, 2], mine=[3, 7, 11])
    assert analyses.measure("decomposition", one_each)["approach"].values.tolist() == [INDEPENDENT]


def test_the_shortest_run_says_how_many_snapshots_are_averaged(strangers):
    unequal = regrouped(strangers, independent=[0, 1], snapshots=[3, 4, 5, 7, 8])
    even = regrouped(strangers, independent=[0, 1], snapshots=[4, 5, 7, 8])
    for name in ("ensemble_size", "solution_similarity"):
        found, wanted = analyses.measure(name, unequal), analyses.measure(name, even)
        assert found.attrs["snapshots"] == 2
        for variable in wanted.variables:
            np.testing.assert_array_equal(found[variable], wanted[variable], err_msg=str(variable))


def test_too_little_is_said_of_what_is_offered(strangers):
    """The message does not speak of a study, since there is none."""
    alone = replace(strangers, sampling=replace(strangers.sampling, networks=1))
    for name in ("decomposition", "diversity_map"):
        with pytest.raises(NotEnough, match=r"needs 2 networks of each approach; what is offered has 1$"):
            analyses.measure(name, alone)
    one = {name: stacked(strangers.sampled[name], [0, 1])[:, :1] for name in ("test", "validation")}
    label = {name: sampled.label[:1] for name, sampled in strangers.sampled.items()}
    with pytest.raises(NotEnough, match=r"needs 2 test images or more; what is offered has 1$"):
        analyses.measure("calibration", arrays(one, label))


def test_one_network_has_no_place_in_the_plane(strangers):
    with pytest.raises(NotEnough, match="diversity and accuracy needs 2 networks or more; what is offered has 1"):
        analyses.measure("diversity_plane", regrouped(strangers, independent=[0]))


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
