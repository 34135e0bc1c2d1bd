"""Every interval of every analysis respects groups: copies of each example as a group give the same intervals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from modescape import analyses, rng
from modescape.analyses.cka.measure import drawn
from modescape.analyses.connectivity.barriers import Barriers, Lines
from modescape.analyses.pairs import compare, compare_means, pair_mean
from modescape.analyses.repeats import difference, repeats_of
from modescape.analyses.scales import Swept
from modescape.data.corruptions import SEVERITIES
from modescape.data.dataset import Split
from modescape.errors import NotEnough
from modescape.offered import INDEPENDENT, SNAPSHOTS, InMemory, Offered, arrays
from modescape.results import of_groups
from modescape.types import ModelState

MEMBERS, DRAWN, TEST, COPIES = 4, 3, 40, 3
MODELS = MEMBERS * (1 + DRAWN)
SETS = ("test", "validation", "other noise", *(f"shift {severity}" for severity in SEVERITIES))
OF_PREDICTIONS = (
    *("ensemble_size", "equal_cost", "solution_similarity", "ensemble_methods"),
    *("decomposition", "calibration", "diversity_map", "shift", "ood"),
    *(
        "model_scores",
        "model_groups",
        "model_pairs",
        "subset_choice",
        "contributions",
        "parts_of_data",
        "model_calibration",
    ),
)
ELSEWHERE = {  # analyses with intervals that need more than predictions -> the test below that covers their intervals
    "subspace_scales": "test_the_choice_of_a_scale_is_of_groups",
    "cyclic": "test_repeats_and_their_difference_are_of_groups",
    "randomness": "test_disagreement_of_pairs_is_of_groups",
    "branching": "test_disagreement_of_pairs_is_of_groups",
    "fine_tuning": "test_disagreement_of_pairs_is_of_groups",
    "connectivity": "test_barriers_are_of_groups",
    "cka": "test_layers_are_compared_on_one_example_of_each_group",
    "curvature": "test_spectra_and_rank_correlations_have_no_interval_over_examples",
    # uses `size_estimates` and `subset_estimate`, as ensemble_size and ensemble_methods do
    "gradient_boosting": "test_copies_of_examples_in_groups_give_the_intervals_of_the_examples",
}
AT = np.tile(np.arange(TEST), COPIES)
GROUPS = {name: AT for name in SETS if name != "validation"}
GROUPS["other noise"] = np.repeat(np.arange(TEST), COPIES)  # another order: these are not the test examples


def offered(copies: bool, groups: bool) -> Offered:
    """Members, and networks around each; the validation examples are not copied."""
    random = np.random.default_rng(1)
    log_prob, label = {}, {}
    for name in SETS:
        truth = random.integers(0, 3, TEST)
        shared = random.normal(0, 0.6, (TEST, 3))
        logits = random.normal(0, 1, (MODELS, TEST, 3)) + shared + 1.5 * np.eye(3)[truth]
        at = GROUPS.get(name, np.arange(TEST)) if copies else np.arange(TEST)
        log_prob[name] = (logits - np.log(np.exp(logits).sum(-1, keepdims=True)))[:, at]
        label[name] = truth[at]
    own = list(range(MEMBERS, MODELS))
    found = arrays(
        log_prob,
        label,
        groups={INDEPENDENT: list(range(MEMBERS)), SNAPSHOTS: own, "mine": own},
        members=[*range(MEMBERS), *np.repeat(range(MEMBERS), DRAWN)],
        example_groups=GROUPS if groups else None,
    )
    part = np.array(["day", "night"])[np.arange(TEST) % 2][AT if copies else np.arange(TEST)]
    return replace(found, name_groups={"one": [0, 1], "other": [2, 3]}, example_parts={"test": part})


@pytest.fixture(scope="module")
def three() -> tuple[Offered, Offered, Offered]:
    return offered(False, False), offered(True, True), offered(True, False)


def ends_of(result: xr.Dataset) -> list[str]:
    """Variables that are ends of intervals."""
    return [str(name) for name in result.data_vars if "_low" in str(name) or "_high" in str(name)]


def test_every_analysis_with_intervals_is_listed() -> None:
    every = {name: one.part("example").example() for name, one in analyses.ANALYSES.items()}
    with_intervals = {name for name, made in every.items() if ends_of(made)}
    assert with_intervals == {*OF_PREDICTIONS, *ELSEWHERE}
    assert all(test in globals() for test in ELSEWHERE.values())


@pytest.mark.parametrize("name", OF_PREDICTIONS)
def test_copies_of_examples_in_groups_give_the_intervals_of_the_examples(
    three: tuple[Offered, Offered, Offered], name: str
) -> None:
    settings = {"resamples": 50} if name == "calibration" else {}
    alone, grouped, ungrouped = (analyses.measure(name, one, **settings) for one in three)
    for variable in ends_of(alone):
        # some scores of examples are stored in float32
        np.testing.assert_allclose(grouped[variable], alone[variable], atol=2e-5, err_msg=variable)
        differ = ~np.isclose(ungrouped[variable], alone[variable], atol=2e-5, equal_nan=True)
        known = np.isfinite(alone[variable].values) & (alone[variable].values != 0)
        share = differ[known].mean() if known.any() else 1
        assert share > (0 if "equivalent" in variable else 0.5), f"{variable} is the same without groups"
    assert grouped.attrs["groups"] == TEST
    assert grouped.attrs["intervals"] == f"{alone.attrs['intervals']}. {of_groups(TEST)}"
    assert "groups" not in ungrouped.attrs


NUMBERS = ("ensemble_size", "solution_similarity", "decomposition", "calibration", "shift", "ood")


def of_numbers(copies: bool, groups: bool) -> Offered:
    """The same for a regression."""
    random = np.random.default_rng(2)
    found = {}
    for split in SETS:
        target = random.normal(size=(TEST, 1))
        mean = target + random.normal(0, 0.5, (TEST, 1)) + random.normal(0, 0.5, (MODELS, TEST, 1))
        at = GROUPS.get(split, np.arange(TEST)) if copies else np.arange(TEST)
        about: dict[str, Any] = {
            name: np.zeros(MODELS) for name in ("epochs", "scales", "steps", "distance")
        }  # unknown for these networks
        found[split] = InMemory(
            values=np.concatenate([mean, np.full_like(mean, -0.5)], -1)[:, at],
            label=target[at],
            class_names=["y"],
            members=np.array([*range(MEMBERS), *np.repeat(range(MEMBERS), DRAWN)]),
            groups={INDEPENDENT: list(range(MEMBERS)), SNAPSHOTS: list(range(MEMBERS, MODELS))},
            example_group=GROUPS.get(split) if groups else None,
            **about,
        )
    return Offered(members=list(range(MEMBERS)), predictions=found, sampled=found, task="regression")


@pytest.mark.parametrize("name", NUMBERS)
def test_copies_of_examples_of_a_regression_give_the_intervals_of_the_examples(name: str) -> None:
    three = (of_numbers(False, False), of_numbers(True, True), of_numbers(True, False))
    alone, grouped, ungrouped = (analyses.measure(name, one) for one in three)
    ends = ends_of(alone)
    assert ends
    for variable in ends:
        np.testing.assert_allclose(grouped[variable], alone[variable], atol=1e-5, err_msg=variable)
        if alone[variable].size:  # empty without corruptions
            assert not np.allclose(ungrouped[variable], alone[variable], atol=1e-5, equal_nan=True), variable


def test_distances_of_pairs_are_of_groups() -> None:
    random = np.random.default_rng(3)
    target = random.normal(size=(TEST, 1))
    mean = target + random.normal(size=(4, TEST, 1))
    alone, grouped = compare_means(mean, target), compare_means(mean[:, AT], target[AT], AT)
    example, influence = alone.example, alone.influence
    of_groups, influence_of_groups = grouped.example, grouped.influence
    np.testing.assert_allclose(of_groups, example, atol=1e-12)
    np.testing.assert_allclose(influence_of_groups, influence, atol=1e-12)


def test_disagreement_of_pairs_is_of_groups() -> None:
    random = np.random.default_rng(4)
    predicted, label = random.integers(0, 3, (4, TEST)), random.integers(0, 3, TEST)
    found = []
    for at, group in ((np.arange(TEST), None), (AT, AT)):
        pairs = compare(predicted[:, at], label[at], group)
        assert pairs.influence is not None
        found.append([pair_mean(pairs.different, pairs.example[row], pairs.influence[row]) for row in (0, 1)])
    np.testing.assert_allclose(found[1], found[0], atol=1e-12)


def test_barriers_are_of_groups() -> None:
    with rng.seeded(4):
        model, inputs = nn.Linear(5, 3), torch.randn(TEST, 5)
        states = [
            ModelState({name: torch.randn(one.shape) for name, one in model.named_parameters()}, {}) for _ in "abc"
        ]
    target, found = torch.arange(TEST) % 3, []
    for at, group in ((np.arange(TEST), None), (AT, AT)):
        data = [(inputs[at], target[at])]
        matrices = Barriers(3, group, len(at))
        matrices.measure(Lines(model, data, data, t=3, loss="cross_entropy", squared=None), states, lambda lines: None)
        variables = matrices.variables("nats")
        found.append([variables[name][1] for name in variables if "_low" in name or "_high" in name])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_repeats_and_their_difference_are_of_groups() -> None:
    random = np.random.default_rng(5)
    log_prob = np.log(random.dirichlet(np.ones(3), (2, 3, TEST)))
    label, validation = random.integers(0, 3, TEST), np.log(random.dirichlet(np.ones(3), (3, 20)))
    truth = random.integers(0, 3, 20)
    intervals = []
    for at, group in ((np.arange(TEST), None), (AT, AT)):
        one, other = (repeats_of(part[:, at], label[at], validation, truth, group) for part in log_prob)
        intervals.append(np.stack([*difference(one, other), *difference(one, None)]))
    np.testing.assert_allclose(intervals[1], intervals[0], atol=1e-6)


def test_the_choice_of_a_scale_is_of_groups() -> None:
    random = np.random.default_rng(6)
    loss = random.normal(1, 1, (5, 3, 2, TEST)) + 0.1 * np.square(np.arange(5) - 2)[:, None, None, None]
    nothing = np.arange(5.0)
    swept = Swept(nothing, nothing, nothing, nothing, nothing, loss)
    copied = swept._replace(loss=loss[..., AT])
    assert copied.chosen_again(3, AT) == swept.chosen_again(3)


def test_layers_are_compared_on_one_example_of_each_group() -> None:
    inputs, group = torch.arange(COPIES * TEST), np.array([f"patient {number}" for number in AT])
    grouped = Split(inputs, inputs, group=group)
    chosen = drawn(grouped, TEST, 0)
    assert sorted(group[chosen.numpy()]) == sorted(set(group))
    assert len({int(at) // TEST for at in chosen}) == COPIES  # not only the first copy of each
    assert len(drawn(replace(grouped, group=None), COPIES * TEST, 0)) == COPIES * TEST


def test_a_single_group_has_no_halves(three: tuple[Offered, Offered, Offered]) -> None:
    test = three[1].sampled["test"]
    one = replace(test, example_group=np.zeros(len(test.label), dtype=np.int64))
    with pytest.raises(NotEnough, match="needs 2 groups of examples; what is offered has 1"):
        analyses.measure("calibration", replace(three[1], sampled={**three[1].sampled, "test": one}))


def test_spectra_and_rank_correlations_have_no_interval_over_examples() -> None:
    """Intervals of densities and traces are over random vectors, those of rank correlations over members."""
    made = analyses.ANALYSES["curvature"].part("measure").INTERVALS
    assert "for these members and examples" in made
    assert "new examples" not in made
