"""Alignment against known permutations: each network and itself with its units permuted."""

from __future__ import annotations

import math

import permutable
import pytest
import torch
from torch import nn

import modescape as ms
from modescape import rng
from modescape.alignment import separate, symmetry
from modescape.alignment.matching import Pair, match, pairs_of, total
from modescape.errors import InputError, WorkError
from modescape.types import ModelState

GROUPS = {  # number of units in every permutation group, counted by hand from the layers
    "mlp": [8, 6],
    "cnn": [6, 7],
    "grouped": [4, 2, 3, 4],  # groups; channels per group before and after the grouped convolution; the transposed one
    "transformer": [8, 2, 4, 4, 32, 2, 4, 4, 32],  # stream; heads, features of query and key, of value; dense
    "tied": [8, 2, 4, 4, 16],
}


@pytest.fixture(scope="module")
def parts():
    """Name -> the network, its batch, its tensors, its symmetry, permutations, its permuted tensors."""
    kept = {}

    def part(name):
        if name not in kept:
            model, inputs = permutable.made(name)
            state = separate(model, model)
            found = symmetry(model, state, inputs)
            tensors = {**state.params, **state.buffers}
            drawn = found.random(rng.stream(2, "permutations"))
            kept[name] = model, (inputs, None), tensors, found, drawn, found.permute(tensors, drawn)
        return kept[name]

    return part


def batch(inputs):
    return [(inputs, torch.zeros(len(inputs[0] if isinstance(inputs, tuple) else inputs), dtype=torch.long))]


def largest(one, two):
    return max(float((one[name] - two[name]).abs().max()) for name in two)


@pytest.mark.parametrize("name", GROUPS)
def test_groups_of_units_are_those_of_the_layers(parts, name):
    found = parts(name)[3]
    assert sorted(found.sizes.values()) == sorted(GROUPS[name])
    assert len(set(found.names.values())) == len(found.sizes)


@pytest.mark.parametrize("name", permutable.NETWORKS)
def test_a_permuted_network_is_brought_back_exactly(parts, name):
    model, (inputs, _), tensors, found, drawn, moved = parts(name)
    assert largest(tensors, moved) > 0.1
    aligned = ms.align(model, tensors, moved, batch(inputs))
    assert largest(aligned.state, tensors) == 0
    assert aligned.after == pytest.approx(1, abs=1e-6)
    assert aligned.before < 0.9
    assert aligned.difference < 1e-12
    model.load_state_dict(aligned.state)  # strict: all names are there, including those of shared tensors
    for group, order in drawn.items():  # the permutation found is the inverse of the one drawn
        if group not in found.hosts and name != "resnet":  # where a group has several names
            back = aligned.permutations[found.names[group]]
            assert order[back].tolist() == list(range(len(order)))


@pytest.mark.parametrize("name", ["mlp", "cnn", "grouped", "transformer"])
def test_activations_bring_it_back_as_well(parts, name):
    model, (inputs, _), tensors, _, _, moved = parts(name)
    aligned = ms.align(model, tensors, moved, [*batch(inputs), *batch(inputs)], "activations")
    assert largest(aligned.state, tensors) == 0


def test_heads_host_the_features_of_each(parts):
    found = parts("transformer")[3]
    heads = [group for group, size in found.sizes.items() if size == 2]
    assert sorted(found.hosts.values()) == sorted(heads * 2)
    assert all(found.identity()[guest].shape == (2, 4) for guest in found.hosts)


def test_half_of_the_batch_norm_s_statistics_go_with_their_channels(parts):
    _, _, tensors, found, drawn, moved = parts("cnn")
    order = next(drawn[group] for group, size in found.sizes.items() if size == 6)
    torch.testing.assert_close(moved["1.running_var"], tensors["1.running_var"][order], rtol=0, atol=0)


def test_a_refinement_is_never_worse_and_leaves_the_right_answer(parts):
    model, (inputs, _), tensors, _, _, moved = parts("cnn")
    aligned = ms.align(model, tensors, moved, batch(inputs), refine=True, steps=2, loss="cross_entropy")
    assert largest(aligned.state, tensors) == 0


def test_sinkhorn_finds_what_a_wrong_start_lacks():
    from modescape.alignment.sinkhorn import likeness, refine, sinkhorn

    model, inputs = permutable.made("mlp")
    found = symmetry(model, separate(model, model), inputs)
    group = next(one for one, size in found.sizes.items() if size == 6)
    only = type(found)({group: 6}, {}, {}, {}, {}, {})
    a = torch.randn(6, 9, generator=rng.stream(0, "a"))
    order = torch.tensor([2, 0, 1, 5, 4, 3])
    pairs = [Pair(a, a[order], (group, None))]
    back = refine(only, only.identity(), likeness(pairs, {}), lambda orders: -total(pairs, orders, {}), steps=40)
    assert order[back[group]].tolist() == list(range(6))
    matrix = sinkhorn(torch.randn(4, 4, generator=rng.stream(0, "logits")).double(), 200)
    torch.testing.assert_close(matrix.sum(0), matrix.sum(1))


def test_a_deep_network_is_matched_from_the_inputs_outwards():
    with rng.seeded(3):  # a seed with which coordinate descent from the identity stops at .93 of the optimum
        layers = [nn.Linear(2, 12, bias=False)]
        for _ in range(12):
            layers += [nn.Tanh(), nn.Linear(12, 12, bias=False)]
        model = nn.Sequential(*layers, nn.Tanh(), nn.Linear(12, 2, bias=False)).eval()
    found = symmetry(model, separate(model, model), torch.eye(2))
    tensors = {name: tensor.detach() for name, tensor in model.named_parameters()}
    moved = found.permute(tensors, found.random(rng.stream(3, "p")))
    orders = match(found, pairs_of(found, tensors, moved), rng.stream(0, "g"))
    assert largest(found.permute(moved, orders), tensors) == 0


def test_units_inside_a_host_are_permuted_in_each_of_its_units():
    from modescape.alignment.symmetry import arranged

    order = {
        0: torch.tensor([1, 0]),
        1: torch.tensor([[0, 2, 1], [2, 0, 1]]),
    }  # one order for each unit of the host, in its new place
    tensor = torch.arange(6).view(2, 3)
    wanted = torch.stack([tensor[order[0][host]][order[1][host]] for host in range(2)])
    assert torch.equal(arranged(tensor, (0, 1), order, {1: 0}), wanted)
    assert torch.equal(arranged(tensor.T, (1, 0), order, {1: 0}), wanted.T)


def test_many_networks_come_into_the_frame_of_the_first(parts):
    model, (inputs, _), tensors, found, _, moved = parts("mlp")
    third = found.permute(tensors, found.random(rng.stream(3, "permutations")))
    aligned = ms.align_many(model, [tensors, moved, third], batch(inputs))
    assert [largest(one.state, tensors) for one in aligned] == [0, 0, 0]


def test_unlike_networks_come_nearer_and_never_further(parts):
    model, (inputs, _), tensors, _, _, _ = parts("mlp")
    other, _ = permutable.made("mlp")
    nn.init.normal_(other[0].weight, generator=rng.stream(5, "weights"))
    aligned = ms.align(model, tensors, other, batch(inputs))
    assert aligned.after > aligned.before
    assert all(torch.equal(own, tensors[name]) for name, own in model.named_parameters())  # inputs were not modified


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.cell = nn.Linear(3, 4), nn.LSTM(4, 5, batch_first=True)
        self.after = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2))

    def forward(self, inputs):
        return self.after(self.cell(self.before(inputs).relu())[0][:, -1])


def test_a_layer_without_a_rule_is_named():
    model, inputs = Recurrent(), torch.randn(2, 4, 3, generator=rng.stream(0, "inputs"))
    with pytest.raises(InputError, match=r"no permutation is known for layer 'cell'.*partial=True"):
        ms.align(model, model, model, inputs)
    aligned = ms.align(model, model, model, inputs, partial=True)
    assert list(aligned.held) == ["cell"]
    assert [len(order) for order in aligned.permutations.values()] == [6]
    with pytest.raises(InputError, match="the units of layer 'weight' cannot be permuted"):
        ms.align(nn.Linear(3, 2), nn.Linear(3, 2), nn.Linear(3, 2), inputs)


class Branching(nn.Module):
    """A module with data-dependent Python control flow, which tracing cannot follow."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, inputs):
        hidden = self.one(inputs).relu()
        return self.two(hidden) * (1 + float(hidden.detach().numpy()[0, 0]))


def test_a_network_that_cannot_be_followed_is_refused_by_the_check():
    with rng.seeded(0):
        one, two, inputs = Branching(), Branching(), torch.randn(6, 3)
    with pytest.raises(WorkError, match="outputs that differ by"):
        ms.align(one, one, two, inputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state | {"extra": torch.zeros(1)}, "b: the point has 'extra', which the network does not have"),
        (
            lambda state: state | {"0.weight": torch.zeros(2, 2)},
            r"b: '0.weight' of the point has shape \[2, 2\]",
        ),
        (lambda state: {"0.weight": state["0.weight"]}, "b: the point has no '0.bias'"),
    ],
)
def test_weights_of_another_network_are_refused(parts, change, message):
    model, (inputs, _), tensors, *_ = parts("mlp")
    with pytest.raises(InputError, match=message):
        ms.align(model, tensors, change(dict(tensors)), inputs)
    with pytest.raises(InputError, match="batches is None"):
        ms.align(model, tensors, tensors)
    with pytest.raises(InputError, match="method is 'magic'; expected one of weights, activations"):
        ms.align(model, ModelState(tensors, {}), tensors, inputs, "magic")


class _Masked(nn.Module):
    """Sets missing classes to minus infinity, as masks do; NaN where the sum of the weights is negative."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(3, 5), nn.Linear(5, 4)

    def forward(self, x):
        logits = self.head(self.hidden(x).relu()) + self.hidden.weight.sum().log()
        return logits + torch.tensor([0.0, 0.0, -math.inf, 0.0])


def test_classes_that_a_network_masks_are_no_difference_and_nan_is_said_to_be_nan():
    torch.manual_seed(0)
    networks = [_Masked(), _Masked()]
    for network in networks:
        nn.init.uniform_(network.hidden.weight)
    batch = [(torch.randn(6, 3), torch.tensor([0, 1, 3, 0, 1, 3]))]
    found = ms.align(networks[0], networks[0], networks[1], batch)
    assert found.difference < 1e-12
    assert found.after >= found.before
    with torch.no_grad():
        networks[1].hidden.weight.neg_()
    with pytest.raises(InputError, match="hold NaN; expected a network that did not diverge"):
        ms.align(networks[0], networks[0], networks[1], batch)
