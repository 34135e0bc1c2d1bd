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
        *("keep_one", "calibrate", "ensemble", "train_longer", "train_wider", "undecided")
    }
