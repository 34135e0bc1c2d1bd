"""The benchmark of decisions: its networks learn by the right gradients, its shares are counted right, it runs."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "decisions.py"


@pytest.fixture(scope="module")
def decisions():
    spec = importlib.util.spec_from_file_location("bench_decisions", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("numbers", [False, True])
def test_gradients_are_those_of_the_loss(decisions, numbers):
    """Against central differences in float64, of every kind of weights; each member has a batch of its own."""
    random = np.random.default_rng(0)
    stack = decisions.Stack.drawn(2, 3, 4, 2, random)
    features = random.normal(size=(2, 7, 3))
    target = random.normal(size=(2, 7)) if numbers else random.integers(0, 2, (2, 7))

    def loss() -> float:
        total = 0.0
        for member in range(2):
            own = decisions.Stack([weight[member : member + 1] for weight in stack.weights])
            total += decisions.loss(decisions.said(own, features[member], numbers), target[member], numbers)[0]
        return total

    for weight, gradient in zip(stack.weights, stack.gradients(features, target, numbers), strict=True):
        place = tuple(random.integers(0, size) for size in weight.shape)
        ends = []
        for step in (1e-5, -1e-5):
            weight[place] += step
            ends.append(loss())
            weight[place] -= step
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-9)


def test_shares_are_of_the_studies_that_were_decided(decisions):
    row = {"data": "a", "kind": "own", "advice": "ensemble", "best_advice": "ensemble", "regret": 0.0}
    rows = [row, row | {"regret": 0.02}, row | {"best_advice": "calibrate"}, row | {"advice": "undecided"}]
    found = decisions.summary(rows, 0.01)
    assert (found["studies"], found["decided"], found["undecided_share"]) == (4, 3, 0.25)
    assert found["right_share"] == found["exact_share"] == pytest.approx(2 / 3)
    assert found["by_data"] == {"a": [4, 3, 2]}


def test_shares_have_the_interval_of_wilson(decisions):
    assert decisions.wilson(26, 29) == pytest.approx([0.736, 0.964], abs=5e-4)
    assert decisions.wilson(0, 0) is None


def test_a_run_goes_on_where_it_stopped_with_the_same_rules(decisions, tmp_path):
    row = {"data": "a", "kind": "own", "advice": "ensemble", "best_advice": "ensemble", "regret": 0.0}
    assert decisions.begun(tmp_path / "none.json") == []
    decisions.write(tmp_path / "some.json", [row])
    assert decisions.begun(tmp_path / "some.json") == [row]
    other = (tmp_path / "some.json").read_text().replace('"pass_price": 0.005', '"pass_price": 0.1')
    (tmp_path / "other.json").write_text(other)
    assert decisions.begun(tmp_path / "other.json") == []


def test_averages_of_weights_are_those_of_the_networks(decisions):
    """The mean of a run's last weights; members whose units were shuffled are one network again once aligned."""
    random = np.random.default_rng(0)
    stack = decisions.Stack.drawn(1, 4, 6, 3, random)
    stack.weights[1] = random.normal(0, 1, (1, 1, 6))
    order = random.permutation(6)
    moved = [stack.weights[0][..., order], stack.weights[1][..., order], stack.weights[2][:, order], stack.weights[3]]
    both = decisions.Stack([np.concatenate(pair) for pair in zip(stack.weights, moved, strict=True)])
    later = decisions.Stack([weight * 1.5 for weight in both.weights])
    features = random.normal(size=(20, 4))
    averages = decisions.Averages([later, both], {"test": features}, numbers=False)
    expected = decisions.said(stack, features, numbers=False)[0]
    np.testing.assert_allclose(averages.of_members([0, 1], aligned=True)["test"], expected, atol=1e-10)
    assert np.abs(averages.of_members([0, 1], aligned=False)["test"] - expected).max() > 0.01
    mean = decisions.Stack([1.25 * weight[:1] for weight in both.weights])
    np.testing.assert_allclose(averages.of_run(0)["test"], decisions.said(mean, features, numbers=False)[0])


@pytest.mark.ci
def test_a_study_is_decided_and_judged(decisions):
    rows = decisions.clusters("")
    one = decisions.setting(0, 0, {"clusters": rows})
    one = replace(one, train=100, validation=60, test=200, members=3, width=8, steps=60, long=True)
    found = decisions.judged(one, rows)
    assert found["held"] == decisions.HELD
    assert found["regret"] >= 0
    assert found["left_of_best"] >= 0  # one network as it is leaves 0
    assert {found["advice"], found["best_advice"]} <= {
        *("keep_one", "calibrate", "ensemble", "train_longer", "train_wider", "undecided"),
        *("average_weights", "align_and_average"),
    }
