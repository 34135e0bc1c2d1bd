"""Analyses of predictions and checkpoints in memory give the same numbers as of the study these were read from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from modescape import analyses
from modescape.errors import InputError, NotEnough
from modescape.offered import INDEPENDENT, SNAPSHOTS, TRAJECTORY, Checkpoints, Offered, arrays, model_of, runs, stacked
from modescape.study import Study
from modescape.study.offering import offer
from modescape.types import ModelState

FROM_PREDICTIONS = ("confusion", "tsne", "ensemble_size")
WITH_CHECKPOINTS = ("training", "trajectory_similarity", "solution_similarity")


@dataclass(frozen=True)
class Held:
    """Checkpoints in memory."""

    states: Mapping[tuple[int, int], ModelState]
    histories: Mapping[int, Mapping[str, np.ndarray]]
    normalization: tuple[str, ...]

    @property
    def members(self) -> list[int]:
        return sorted(self.histories)

    def steps(self, member: int) -> list[int]:
        return sorted(step for who, step in self.states if who == member)

    def state(self, member: int, step: int) -> ModelState:
        return self.states[member, step]

    def solution(self, member: int) -> ModelState:
        return self.states[member, self.steps(member)[-1]]

    def history(self, member: int) -> Mapping[str, np.ndarray]:
        return self.histories[member]


def in_memory(of: Offered) -> Offered:
    """An in-memory copy of a study's predictions."""
    log_prob, label, about = {}, {}, {}
    for split in of.predictions:
        try:
            one = of.predictions[split]
        except InputError:  # a made-up study has no validation images
            continue
        log_prob[split], label[split] = stacked(one, range(len(one.members))), one.label
        about = {"members": one.members, "epochs": one.epochs, "class_names": one.class_names, "groups": one.groups}
    return replace(arrays(log_prob, label, **about), seed=of.seed)


def held(of: Checkpoints) -> Held:
    states = {(member, step): of.state(member, step) for member in of.members for step in of.steps(member)}
    return Held(states, {member: of.history(member) for member in of.members}, tuple(of.normalization))


@pytest.fixture(scope="module")
def there(study: Study) -> Offered:
    return offer(study)


@pytest.fixture(scope="module")
def memory(there: Offered) -> Offered:
    return in_memory(there)


@pytest.fixture(scope="module")
def with_weights(there: Offered, memory: Offered) -> Offered:
    assert there.checkpoints is not None
    return replace(memory, checkpoints=held(there.checkpoints), examples=there.examples)


def same_numbers(one, other) -> None:
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    shared = set(one.attrs) - {"recipe_hash", "recipe_name", "left_out"}
    assert {key: one.attrs[key] for key in shared} == {key: other.attrs[key] for key in shared}


@pytest.mark.parametrize("name", FROM_PREDICTIONS)
def test_predictions_alone_give_what_a_study_gives(name, study, memory):
    same_numbers(analyses.measure(name, study), analyses.measure(name, memory))


@pytest.mark.parametrize("name", WITH_CHECKPOINTS)
def test_checkpoints_in_memory_give_what_a_study_gives(name, study, with_weights):
    same_numbers(analyses.measure(name, study), analyses.measure(name, with_weights))


def test_histories_may_have_steps_of_their_own(with_weights):
    """Entries every ten steps, one member lacks the last one, and nothing is known about the data."""
    checkpoints = with_weights.checkpoints
    histories = {member: dict(checkpoints.history(member)) for member in checkpoints.members}
    other = {
        member: {name: values * 10 if name == "epoch" else values for name, values in history.items()}
        for member, history in histories.items()
    }
    other[3] = {name: values[:-1] for name, values in other[3].items()}
    found = analyses.measure(
        "training", replace(with_weights, checkpoints=replace(checkpoints, histories=other), examples={})
    )
    assert found["epoch"].values.tolist() == [10, 20, 30, 40, 50, 60]
    assert (found.attrs["examples"], found.attrs["training_examples"]) == (0, 0)
    loss = found["train_loss"]
    np.testing.assert_array_equal(loss.sel(member=0), histories[0]["train_loss"])
    np.testing.assert_array_equal(loss.sel(member=3), [*histories[3]["train_loss"][:-1], np.nan])


def test_functions_are_compared_without_weights(study, memory):
    whole, functions = (analyses.measure("solution_similarity", one) for one in (study, memory))
    for name in ("cosine", "cosine_without_batch_norm"):
        assert functions[name].isnull().all()
    of_functions = [name for name in whole if not str(name).startswith("cosine") and not str(name).startswith("pair_")]
    for name in of_functions:
        np.testing.assert_array_equal(whole[name], functions[name], err_msg=str(name))
    metrics = ["disagreement", "normalized_disagreement"]
    np.testing.assert_array_equal(whole["pair_low"].sel(metric=metrics), functions["pair_low"].sel(metric=metrics))


@pytest.mark.ci
def test_auxiliary_predictions_in_memory_give_what_a_study_gives(networks):
    of = offer(networks)
    auxiliary = {}
    for folder, one in of.auxiliary.items():
        assert one.checkpoints is not None
        auxiliary[folder] = replace(
            in_memory(one), checkpoints=held(one.checkpoints), training=one.training, examples=one.examples
        )
    copy = replace(in_memory(of), auxiliary=auxiliary, training=of.training, examples=of.examples)
    for name in ("randomness", "cyclic"):
        found = analyses.measure(name, copy)
        same_numbers(networks.result(name).drop_attrs().assign_attrs(found.attrs), found)


def test_plain_arrays_are_independent_networks():
    random = np.random.default_rng(0)
    values = np.log(random.dirichlet(np.ones(3), (4, 50))).astype(np.float32)
    label = random.integers(0, 3, 50)
    of = arrays({"test": values}, {"test": label}, class_names=["cat", "dog", "rat"])
    found = analyses.measure("confusion", of)
    assert found["class"].values.tolist() == ["cat", "dog", "rat"]
    right = (np.exp(values.astype(float)).mean(0).argmax(-1) == label).mean()
    assert float(found["accuracy"].sel({"approach": "ensemble"})) == pytest.approx(right)
    curve = analyses.measure("ensemble_size", of)
    assert curve.sizes["size"] == 4
    assert curve.attrs["snapshots"] == 1  # a solution is the only snapshot of its run
    assert analyses.measure("solution_similarity", of)["disagreement"].shape == (4, 4)


def test_one_model_is_asked_for_at_a_time(memory):
    """Reading stays lazy: no analysis of labels asks for the same model twice while it counts."""
    asked: list[int] = []
    one = memory.predictions["test"]

    @dataclass(frozen=True)
    class Counting:
        label, class_names, members, epochs, groups = one.label, one.class_names, one.members, one.epochs, one.groups

        def log_prob(self, model: int, /) -> np.ndarray:
            asked.append(model)
            return one.log_prob(model)

    analyses.measure("confusion", replace(memory, predictions={"test": Counting()}))
    assert asked == list(one.groups[INDEPENDENT])


def test_a_decision_without_predictions_says_what_it_needs(memory):
    with pytest.raises(NotEnough, match=r"the decision needs predictions of test examples; .* has none"):
        analyses.measure("equal_cost", replace(memory, predictions={}))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "training",
            "the analysis 'training' needs checkpoints, the members' weights and histories; what is offered has none",
        ),
        ("trajectory_similarity", "the analysis 'trajectory_similarity' needs checkpoints, the members' weights"),
        (
            "randomness",
            "needs predictions of auxiliary networks, 'randomness-same-same-same-last-bit'; what is",
        ),
        ("cyclic", "needs predictions of auxiliary networks, 'cyclic-independent'; what is offered has none"),
        (
            "radial",
            "needs checkpoints, the members' weights and histories, and a network and data, to run weights on",
        ),
    ],
)
def test_what_is_missing_is_named(memory, name, sentence):
    with pytest.raises(NotEnough, match=re.escape(sentence)):
        analyses.measure(name, memory)


@pytest.mark.parametrize("name", [name for name, one in analyses.ANALYSES.items() if "auxiliary" not in one.also])
def test_each_of_the_three_that_an_analysis_needs_is_asked_for(with_weights, name):
    """That nothing else is asked for is tested by those that measure without it."""
    whole = replace(with_weights, context=object())
    without = {"predictions": {"predictions": {}, "sampled": {}}, "checkpoints": {"checkpoints": None}}
    without["network"] = {"context": None}
    words = {"predictions": "predictions;", "checkpoints": "checkpoints, the", "network": "a network and data, to"}
    for needed in analyses.ANALYSES[name].needs:
        with pytest.raises(NotEnough, match=f"the analysis '{name}' needs {words[needed]}"):
            analyses.measure(name, replace(whole, **without[needed]))


def test_who_needs_what():
    """The lists of analyses that the tests here and in test_offered_groups.py measure without the rest are complete."""
    needs = {
        name: one.needs
        for name, one in analyses.ANALYSES.items()
        if "auxiliary" not in one.also and one.only_for != analyses.GIVEN  # given models: test_given.py
    }
    of_groups = {name for name in needs if analyses.AROUND in analyses.ANALYSES[name].uses}
    alone = {name for name, own in needs.items() if own == (analyses.PREDICTIONS,)}
    assert alone - of_groups == {*FROM_PREDICTIONS, "solution_similarity", "member_predictions"}
    assert {name for name, own in needs.items() if analyses.CHECKPOINTS in own and analyses.NETWORK not in own} == {
        *WITH_CHECKPOINTS
    } - {"solution_similarity"}


def test_missing_predictions_and_runs_are_named(memory, with_weights):
    with pytest.raises(NotEnough, match=r"the confusion of classes needs predictions of test examples; .* has none"):
        analyses.measure("confusion", replace(memory, predictions={}))
    with pytest.raises(NotEnough, match=r"the analysis 'confusion' needs predictions; what is offered has none"):
        analyses.measure("confusion", Offered(members=[]))
    with pytest.raises(NotEnough, match=r"confusion of classes needs 1 network or more; what is offered has none"):
        analyses.measure("confusion", replace(memory, members=[]))
    one = memory.predictions["test"]
    alone = arrays({"test": stacked(one, one.groups[INDEPENDENT])}, {"test": one.label})
    with pytest.raises(NotEnough, match="the embedding needs a trained member of which every epoch is kept"):
        analyses.measure("tsne", alone)
    with pytest.raises(NotEnough, match="or 2 kept epochs of one; what is offered has 1 network and 1 epoch"):
        analyses.measure("ensemble_size", arrays({"test": stacked(one, [0])}, {"test": one.label}))


def test_groups_of_a_study(study, there):
    one = there.predictions["test"]
    assert [int(one.members[model]) for model in one.groups[INDEPENDENT]] == study.trained == list(there.members)
    assert {member: [int(one.epochs[model]) for model in own] for member, own in runs(one, TRAJECTORY).items()} == {
        0: [0, 1, 2, 3, 4, 5, 6],
        2: [0, 1, 2, 3, 4, 5, 6],
    }
    assert {tuple(one.epochs[own]) for own in runs(one, SNAPSHOTS, 3).values()} == {(4, 5, 6)}
    assert model_of(one, 2, 5) == study.predictions("test").index(2, 5)
    with pytest.raises(InputError, match="there are no predictions of member 1 at epoch 5"):
        model_of(one, 1, 5)
    assert set(there.predictions) == {"validation", "test"}
    assert "train" not in there.predictions


def test_half_precision_is_taken():
    half = np.log(np.full((2, 5, 1000), 1 / 1000)).astype(np.float16)  # sums to 1.0022
    assert arrays({"test": half}, {"test": np.zeros(5, int)}).members == [0, 1]


GOOD = np.log(np.full((2, 5, 3), 1 / 3))


@pytest.mark.parametrize(
    ("log_prob", "label", "more", "sentence"),
    [
        ({}, {}, {}, "the splits hold [] models; expected one split or more, of the same models"),
        ({"test": GOOD, "validation": GOOD[:1]}, {}, {}, "the splits hold [1, 2] models"),
        ({"test": GOOD}, {}, {}, "label of 'test' is float64 [0]; expected 5 whole numbers, 0 to 2"),
        ({"test": GOOD}, {"test": np.arange(5)}, {}, "label of 'test' is int64 [5]; expected 5 whole numbers, 0 to 2"),
        ({"test": GOOD[0]}, {"test": np.arange(3)}, {}, "log_prob has shape [5, 3]; expected [model, example, class]"),
        ({"test": np.exp(GOOD)}, {"test": np.zeros(5, int)}, {}, "log_prob holds values above 0"),
        (
            {"test": GOOD},
            {"test": np.zeros(5, int)},
            {"members": [0]},
            "there are 2 models and 1 members; expected one",
        ),
        ({"test": GOOD}, {"test": np.zeros(5, int)}, {"groups": {"swag": [2]}}, "group 'swag' names models that are"),
        (
            {"test": GOOD},
            {"test": np.zeros(5, int)},
            {"groups": {INDEPENDENT: [0], "swag": [1, 1]}},
            "group 'swag' names model 1 twice; expected it once",
        ),
        (
            {"test": GOOD},
            {"test": np.zeros(5, int)},
            {"members": [7, 7]},
            "group 'independent' has member 7 twice; expected one model per member",
        ),
        (
            {"test": np.where(np.arange(3) == 1, np.nan, GOOD)},
            {"test": np.zeros(5, int)},
            {},
            "log_prob of model 0 on 'test', example 0, holds NaN; leave out what diverged",
        ),
        (
            {"test": np.stack([GOOD[0], GOOD[1] - 0.1])},
            {"test": np.zeros(5, int)},
            {},
            "probabilities of model 1 on 'test', example 0, sum to 0.9048, expected 1: take log_softmax",
        ),
        ({"test": GOOD}, {"test": np.zeros(5, int)}, {"class_names": ["a"]}, "there are 1 class names and 3 classes"),
    ],
)
def test_wrong_arrays_are_refused(log_prob, label, more, sentence):
    with pytest.raises(InputError, match=re.escape(sentence)):
        arrays(log_prob, label, **more)
