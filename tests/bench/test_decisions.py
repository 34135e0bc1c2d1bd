"""The benchmark of decisions: gradients of its networks, shares and their intervals, and a run."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

BENCH = Path(__file__).parents[2] / "bench"
NETWORKS = (  # name, width
    ("one hidden layer", 5),
    ("two hidden layers", 5),
    ("three hidden layers", 5),
    ("two, batch norm", 5),
    ("two, dropout", 5),
    ("residual", 5),
    ("convolutional", 2),
    ("convolutional, batch norm", 2),
)


@pytest.fixture(scope="module")
def decisions():
    """The script as a module; it imports its parts from its own folder, as when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)
        yield importlib.import_module("decisions")


@pytest.fixture
def networks(decisions, monkeypatch):
    """The module of networks, all in double precision."""
    found = sys.modules["decisions_networks"]
    monkeypatch.setattr(found.Kind, "precision", np.float64)  # the benchmark runs convolutions in single precision
    return found


def drawn(networks, name, width, members=2, outputs=2):
    """Networks with no weight at 0 or 1."""
    random = np.random.default_rng(0)
    kind = networks.Kind(name, 64 if "conv" in name else 3, width, outputs)
    stack = networks.Stack.drawn(kind, members, random)
    stack.rows += 0.1 * random.normal(size=stack.rows.shape)
    return stack, random


def of_torch(networks, stack, member):
    """A member as a PyTorch module without dropout, and the shape of its examples."""
    layers = stack.kind.layers
    module = torch.nn.Sequential(*(layer.torch() for layer in layers)).double()
    parts = networks.turned(layers, [part[member] for part in stack.parts()])
    with torch.no_grad():
        for weight, part in zip(module.parameters(), parts, strict=True):
            weight.copy_(torch.from_numpy(part))
    for layer in module.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    return module, (-1, 1, 8, 8) if "conv" in stack.kind.network else (-1, stack.kind.inputs)


def test_all_networks_are_tested(networks):
    assert [name for name, _ in NETWORKS] == list(networks.NETWORKS)


@pytest.mark.parametrize(("name", "width"), NETWORKS)
def test_networks_say_what_those_of_torch_say(networks, name, width):
    """In float64; batch norm uses the statistics of training examples, whichever examples are predicted."""
    stack, random = drawn(networks, name, width)
    features, known = random.normal(size=(2, 7, stack.kind.inputs))
    found, of_known = stack.said(features, known, numbers=False), stack.said(known, known, numbers=False)
    for member in range(2):
        module, shape = of_torch(networks, stack, member)
        with torch.no_grad():
            expected = module(torch.from_numpy(known).reshape(shape)).log_softmax(-1)  # uses the batch's own statistics
            np.testing.assert_allclose(of_known[member], expected, atol=1e-10)
            if "norm" not in name:
                expected = module(torch.from_numpy(features).reshape(shape)).log_softmax(-1)
                np.testing.assert_allclose(found[member], expected, atol=1e-10)
    mixed = stack.said(np.concatenate([features, known]), known, numbers=False)
    np.testing.assert_allclose(mixed, np.concatenate([found, of_known], 1), atol=1e-10)


@pytest.mark.parametrize(("name", "width"), NETWORKS)
@pytest.mark.parametrize("numbers", [False, True])
def test_gradients_are_those_of_the_loss(networks, name, width, numbers):
    """Against PyTorch's gradients of the same loss in training mode; each member has its own batch."""
    stack, random = drawn(networks, name, width)
    features = random.normal(size=(2, 7, stack.kind.inputs))
    target = random.normal(size=(2, 7)) if numbers else random.integers(0, 2, (2, 7))
    found = stack.gradient(features, target, numbers, networks.Run())  # without dropout
    for member in range(2):
        module, shape = of_torch(networks, stack, member)
        out, truth = module(torch.from_numpy(features[member]).reshape(shape)), torch.from_numpy(target[member])
        if numbers:
            loss = torch.nn.functional.gaussian_nll_loss(out[:, 0], truth, out[:, 1].exp())
        else:
            loss = torch.nn.functional.cross_entropy(out, truth)
        loss.backward()
        own = [part[0] for part in networks.Stack(stack.kind, found[member : member + 1]).parts()]
        for one, part in zip(module.parameters(), networks.turned(stack.kind.layers, own), strict=True):
            assert one.grad is not None
            np.testing.assert_allclose(part, one.grad, atol=1e-10)


def test_dropout_drops_its_share_and_passes_slopes_where_it_does_not(decisions):
    layer, run = sys.modules["decisions_layers"].Dropout(0.25), sys.modules["decisions_layers"].Run
    ones = np.ones((1, 1000, 4))
    out, mask = layer.forward((), ones, run(random=np.random.default_rng(0)))
    assert set(np.unique(out)) == {0.0, 1 / 0.75}
    assert (out == 0).mean() == pytest.approx(0.25, abs=0.03)  # 4 standard errors of 4,000 draws
    np.testing.assert_array_equal(layer.backward((), mask, ones, False)[0], out)
    assert layer.forward((), ones, run())[0] is ones


@pytest.mark.parametrize(("name", "width"), NETWORKS)
def test_a_wider_network_has_about_the_weights_of_all(networks, name, width):
    """The number of filters is an integer, so up to the factor of 1.5 that such a candidate is allowed."""
    kind = networks.Kind(name, 64, width, 10)
    assert 3 / 1.5 < kind.wider(3).weights / kind.weights <= 3


def test_only_pictures_have_convolutional_networks_and_seeds_1_to_3_none(decisions):
    sources = dict.fromkeys(("digits", "clusters"), (np.zeros((2000, 64)), np.zeros(2000)))
    of_data = {"digits": set(), "clusters": set()}
    for number in range(100):
        one = decisions.setting(number, 0, sources)
        of_data[one.data].add(one.network)
        assert decisions.setting(number, 0, sources, "one hidden layer").network == "one hidden layer"
    assert of_data["digits"] == {name for name, _ in NETWORKS}
    assert of_data["clusters"] == {name for name, _ in NETWORKS if "conv" not in name}


def test_shares_are_of_the_studies_that_were_decided(decisions):
    row = {"data": "a", "network": "b", "kind": "own", "advice": "ensemble", "best_advice": "ensemble", "regret": 0.0}
    rows = [row, row | {"regret": 0.02}, row | {"best_advice": "calibrate"}, row | {"advice": "undecided"}]
    found = decisions.summary(rows, 0.01)
    assert (found["studies"], found["decided"], found["undecided_share"]) == (4, 3, 0.25)
    assert found["right_share"] == found["exact_share"] == pytest.approx(2 / 3)
    assert found["by_data"] == {"a": [4, 3, 2]}


def test_shares_have_the_interval_of_wilson(decisions):
    assert sys.modules["decisions_truth"].wilson(26, 29) == pytest.approx([0.736, 0.964], abs=5e-4)
    assert sys.modules["decisions_truth"].wilson(0, 0) is None


def test_a_run_goes_on_where_it_stopped_with_the_same_rules(decisions, tmp_path):
    row = {"data": "a", "network": "b", "kind": "own", "advice": "ensemble", "best_advice": "ensemble", "regret": 0.0}
    assert decisions.begun(tmp_path / "none.json") == []
    decisions.write(tmp_path / "some.json", [row])
    assert decisions.begun(tmp_path / "some.json") == [row]
    other = (tmp_path / "some.json").read_text().replace('"pass_price": 0.005', '"pass_price": 0.1')
    (tmp_path / "other.json").write_text(other)
    assert decisions.begun(tmp_path / "other.json") == []


@pytest.mark.parametrize("name", ["one hidden layer", "two, batch norm", "residual", "convolutional"])
def test_averages_of_weights_are_those_of_the_networks(decisions, networks, name):
    """The mean of a run's last weights; members with permuted units become the same network when aligned."""
    stack, random = drawn(networks, name, 4, members=1, outputs=3)
    parts, order = [part[0].copy() for part in stack.parts()], random.permutation(4)
    if name == "convolutional":  # the first block's filters
        after = parts[2].reshape(9, 4, 8)[:, order].reshape(36, 8)
        moved = [parts[0][:, order], parts[1][:, order], after, *parts[3:]]
    elif name == "residual":  # the units that blocks are added to
        moved = [parts[0][:, order], parts[1][:, order]]
        for first in (2, 6):
            moved += [parts[first][order], parts[first + 1], parts[first + 2][:, order], parts[first + 3][:, order]]
        moved += [parts[10][order], parts[11]]
    else:
        after = 4 if "norm" in name else 2  # the next dense layer
        moved = [*(part[..., order] for part in parts[:after]), parts[after][order], *parts[after + 1 :]]
    rows = np.stack([np.concatenate([part.ravel() for part in own]) for own in (parts, moved)])
    both, later = networks.Stack(stack.kind, rows), networks.Stack(stack.kind, rows * 1.5)
    features = random.normal(size=(20, stack.kind.inputs))
    averages = sys.modules["decisions_studies"].Averages([later, both], {"test": features}, features, numbers=False)
    expected = stack.said(features, features, numbers=False)[0]
    np.testing.assert_allclose(averages.of_members([0, 1], aligned=True)["test"], expected, atol=1e-10)
    assert np.abs(averages.of_members([0, 1], aligned=False)["test"] - expected).max() > 0.01
    mean = networks.Stack(stack.kind, 1.25 * both.rows[:1])
    np.testing.assert_allclose(averages.of_run(0)["test"], mean.said(features, features, numbers=False)[0])


@pytest.mark.ci
@pytest.mark.parametrize("network", ["one hidden layer", "two, batch norm"])
def test_a_study_is_decided_and_judged(decisions, network):
    rows = sys.modules["decisions_data"].clusters("")
    one = decisions.setting(0, 0, {"clusters": rows})
    about = {"train": 100, "validation": 60, "test": 200, "members": 3, "width": 8, "steps": 60, "kind": "own"}
    found = decisions.judged(replace(one, long=True, network=network, **about), rows)
    assert found["held"] == sys.modules["decisions_studies"].HELD
    assert found["regret"] >= 0
    assert found["left_of_best"] >= 0  # keeping one network leaves 0
    assert {found["advice"], found["best_advice"]} <= {
        *("keep_one", "calibrate", "ensemble", "train_longer", "train_wider", "undecided"),
        *("average_weights", "align_and_average"),
    }
