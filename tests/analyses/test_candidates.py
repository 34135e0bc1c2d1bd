"""Candidates of the decision: their scores, calibrations and intervals against plain computations."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from modescape import analyses
from modescape.analyses.auxiliary import LONG_RUN, SHORT, WIDE
from modescape.analyses.equal_cost.halves import Side, on_the_other_half
from modescape.analyses.equal_cost.kinds import table_of
from modescape.analyses.equal_cost.reading import decided
from modescape.arrays import group_codes
from modescape.decision.labelled import table_of_result
from modescape.errors import NotEnough
from modescape.metrics.classification import nll
from modescape.metrics.temperature import fit_temperature, rescale
from modescape.offered import INDEPENDENT, InMemory, Offered, Training
from modescape.types import ModelState

MEMBERS, CLASSES = 4, 3


def predictions(examples: int, seed: int, members: int = MEMBERS, sharp: float = 2.0) -> InMemory:
    """Overconfident networks, each with its own errors."""
    random = np.random.default_rng(seed)
    label = random.integers(0, CLASSES, examples)
    own = random.normal(0, 1, (members, examples, CLASSES)) + random.normal(0, 0.5, (examples, CLASSES))
    logits = sharp * (1.3 * np.eye(CLASSES)[label] + own)
    values = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nothing = {name: np.zeros(members) for name in ("epochs", "scales", "steps", "distance")}
    return InMemory(
        values=values,
        label=label,
        class_names=list("abc"),
        members=np.arange(members),
        groups={INDEPENDENT: list(range(members))},
        **nothing,
    )


def offer(**more) -> Offered:
    sets = {"test": predictions(400, 1), "validation": predictions(200, 2)}
    return Offered(members=list(range(MEMBERS)), predictions=sets, examples={"test": 400, "validation": 200}, **more)


@pytest.fixture(scope="module")
def offered() -> Offered:
    return offer()


@pytest.fixture(scope="module")
def table(offered):
    return table_of(offered)


def average(values: np.ndarray) -> np.ndarray:
    return np.log(np.exp(values.astype(np.float64)).mean(0))


def test_scores_are_means_over_networks_and_subsets(offered, table):
    test = offered.predictions["test"]
    one = table.index("one network")
    assert table.mean["nll"][one] == pytest.approx(np.mean([nll(own, test.label) for own in test.values]))
    for size in (2, 3, 4):
        subsets = [average(test.values[list(chosen)]) for chosen in combinations(range(MEMBERS), size)]
        place = table.index(f"{size} networks")
        assert table.mean["nll"][place] == pytest.approx(np.mean([nll(own, test.label) for own in subsets]))
        right = np.mean([(own.argmax(-1) == test.label).mean() for own in subsets])
        assert table.mean["accuracy"][place] == pytest.approx(right)


def test_every_way_to_calibrate_is_scored(offered, table):
    test, validation = offered.predictions["test"], offered.predictions["validation"]
    temperature = fit_temperature(validation.values, validation.label)
    before = average(rescale(test.values, temperature))
    after = rescale(average(test.values), fit_temperature(average(validation.values), validation.label))
    assert table.mean["nll"][table.index("4 networks", "members")] == pytest.approx(nll(before, test.label))
    assert table.mean["nll"][table.index("4 networks", "average")] == pytest.approx(nll(after, test.label))


def test_the_interval_of_a_gain_is_that_of_paired_examples(offered, table):
    test = offered.predictions["test"]
    at = np.arange(len(test.label))
    single = -test.values[:, at, test.label].mean(0)
    together = -average(test.values)[at, test.label]
    than = together - single
    found = table.difference(table.index("4 networks"), 0)
    half = 1.959964 * than.std(ddof=1) / np.sqrt(len(than))
    assert (found.value, found.low) == pytest.approx((than.mean(), than.mean() - half), rel=1e-5)


def test_choosing_calibrates_each_half_on_the_other():
    side = Side(np.arange(10), None, 3)
    seen = []

    def fitted(here, there, targets):
        seen.append((set(here[:, 0].astype(int)), set(targets)))
        return here

    on_the_other_half(np.arange(10.0)[:, None], side, fitted)
    for scored, known in seen:
        assert not scored & known
        assert len(scored) == len(known) == 5


def test_groups_are_not_cut_and_count_as_one():
    group = group_codes([f"g{number // 4}" for number in range(40)], 40)
    side = Side(np.zeros(40, dtype=int), group, 0)
    half = side.halves()
    assert side.units == 10
    assert all(len(set(half[group == one])) == 1 for one in range(10))


def test_without_validation_examples_half_of_the_test_examples_chooses():
    whole = offer()
    alone = Offered(members=whole.members, predictions={"test": whole.predictions["test"]}, examples={"test": 400})
    found = table_of(alone)
    assert found.examples == 200
    assert (found.chosen_on, found.judged_on) == ("half of the test images (200)", "the other 200 test images")


def test_given_networks_are_ranked_where_they_are_chosen():
    """The best network alone is the baseline; where an example chooses, networks are ranked without it."""
    test = predictions(600, 5)
    test.values[2] = predictions(600, 5, sharp=1.0).values[2]  # not overconfident
    given = Offered(members=list(range(4)), predictions={"test": test}, names=list("wxyz"), examples={"test": 600})
    found = table_of(given)
    half = Side(test.label, None, 0)
    assert [one.name for one in found.candidates[:2]] == ["the best network"] * 2
    assert found.candidates[-1].name == "all 4 networks"
    assert np.isnan(found.candidates[-1].price.training)
    assert half.units == 600


def test_a_result_holds_the_whole_table(offered, table):
    result = analyses.measure("equal_cost", offered, pass_price=0.02)
    back = table_of_result(result)
    assert back.candidates == table.candidates
    for name in ("nll", "accuracy"):
        np.testing.assert_array_equal(back.mean[name], table.mean[name])
        np.testing.assert_array_equal(back.covariance[name], table.covariance[name])
    np.testing.assert_array_equal(back.chosen, table.chosen)
    again, rules, decision = decided({"any": result})
    assert rules.pass_price == 0.02
    assert decision.advice == "ensemble"
    assert again.examples == 400


class Weights:
    """Stub checkpoints that only know the number of weights."""

    def __init__(self, count: int) -> None:
        self.count = count

    def solution(self, member: int) -> ModelState:
        return ModelState({"weights": torch.empty(self.count, device="meta")}, {})


def trained_for(epochs: int, members: int, weights: int, seed: int) -> Offered:
    """Networks of another architecture, trained for ``epochs`` epochs."""
    sets = {"test": predictions(400, seed, members), "validation": predictions(200, seed + 1, members)}
    truth = {"test": predictions(400, 1).label, "validation": predictions(200, 2).label}
    sets = {name: replace(one, label=truth[name], epochs=np.full(members, epochs)) for name, one in sets.items()}
    training = Training(members=members, epochs=epochs)
    return Offered(members=list(range(members)), predictions=sets, checkpoints=Weights(weights), training=training)


def test_what_was_trained_at_the_cost_of_all_members_is_a_candidate_with_its_price():
    kinds = {
        LONG_RUN: trained_for(40, 1, 100, 10),
        WIDE: trained_for(10, 1, 390, 20),
        SHORT: trained_for(2, 4, 100, 30),
    }
    whole = offer(training=Training(members=MEMBERS, epochs=10, long_runs=1), auxiliary=kinds, checkpoints=Weights(100))
    found = table_of(whole)
    price = {one.name: one.price for one in found.candidates}
    full = {one.name for one in found.candidates if one.at_full_cost}
    long, wide = "one network trained 4 times as long", "one network of 3.9 times the weights"
    short = "4 networks of 2 of 10 epochs"
    assert full == {"4 networks", long, wide}
    assert (price[long].training, price[long].passes) == (4, 1)
    assert (price[wide].training, price[wide].passes) == pytest.approx((3.9, 3.9))
    assert (price[short].training, price[short].passes) == (0.8, 4)
    test = kinds[LONG_RUN].predictions["test"]
    assert found.mean["nll"][found.index(long)] == pytest.approx(nll(test.values[0], test.label))
    grown = table_of(replace(whole, training=Training(members=5, epochs=10, long_runs=1)))
    assert not {long, short} & {one.name for one in grown.candidates}  # the ensemble has members without predictions
    unwanted = table_of(replace(whole, training=Training(members=MEMBERS, epochs=10)))
    assert not {long, wide, short} & {one.name for one in unwanted.candidates}


def test_nothing_is_calibrated_on_next_to_no_errors():
    """A fitted temperature would make predictions certain, as if there could be no errors."""
    sets = offer().predictions.items()
    right = {name: replace(one, label=average(one.values).argmax(-1)) for name, one in sets}
    found = table_of(Offered(members=list(range(MEMBERS)), predictions=right, examples={"test": 400}))
    four = [one.calibration for one in found.candidates if one.name == "4 networks"]
    assert four == ["none"]


def test_too_few_examples_are_refused():
    few = predictions(19, 1)
    with pytest.raises(NotEnough, match="needs 20 test examples or more"):
        table_of(Offered(members=[0, 1, 2, 3], predictions={"test": few}))
