"""A network run with any weights, and its layers' activations, against plain torch modules."""

import copy

import pytest
import torch
from torch import nn

from modescape import recipe, rng, tree
from modescape.errors import InputError
from modescape.models import MODELS, build, split_state
from modescape.network.capture import Capture
from modescape.network.forward import forward_each, forward_stacked, weight_keys
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy
from modescape.network.network import Network
from modescape.types import ModelState

IMAGE_MODELS = [name for name in MODELS if name not in ("mlp", "text_transformer")]

SHAPE, CLASSES = (3, 20, 20), 4


def images(count=3, dtype=torch.float64):
    return torch.rand(count, *SHAPE, generator=rng.stream(0, "test images"), dtype=dtype)


def members(name, dtype=torch.float64):
    """Two plain networks whose batch-norm statistics differ from the initial ones."""
    made = [build(recipe.Model(factory=name), SHAPE, CLASSES, key=key).to(dtype) for key in (5, 6)]
    for net in made:
        with torch.no_grad():
            net.train()(images(dtype=dtype))
    return [net.eval() for net in made]


def stacked(nets):
    states = [split_state(net) for net in nets]
    return ModelState(*(tree.stack([state[part] for state in states]) for part in (0, 1)))


def leaves(net):
    return [name for name, layer in net.named_modules() if name and not list(layer.children())]


def heard(net, names, x):
    """The calls that forward hooks of a plain module receive."""
    outputs, layers = {}, dict(net.named_modules())
    handles = [
        layers[name].register_forward_hook(lambda *seen, name=name: outputs.__setitem__(name, seen[2].clone()))
        for name in names
    ]
    with torch.no_grad():
        outputs["logits"] = net(x)
    for handle in handles:
        handle.remove()
    return outputs


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_captured_activations_are_those_that_hooks_of_the_plain_network_hear(name, dtype):
    """To 1e-12 of the largest in float64; in float32, convolutions may round differently."""
    nets, x = members(name, dtype), images(dtype=dtype)
    network, names = Network(module=fuse(copy.deepcopy(nets[0])), habits=Habits()), leaves(nets[0])
    output = network(stacked(nets), x.clone(), capture=names)
    assert list(output.captured) == names
    tolerance = 1e-12 if dtype == torch.float64 else 1e-4
    for model, net in enumerate(nets):
        for layer, truth in heard(net, names, x).items():
            found = output.logits if layer == "logits" else output.captured[layer]
            assert torch.allclose(found[model], truth, rtol=0, atol=tolerance * float(truth.abs().max())), layer


@pytest.mark.parametrize("name", ["small_cnn", "notebook_small_cnn", "resnet20"])
def test_stacked_networks_are_captured_as_one_by_one(name):
    nets, x, keys = members(name), images(), torch.tensor([1, 2])
    module, names = fuse(copy.deepcopy(nets[0])), leaves(nets[0])
    for training in (False, True):
        module.train(training)
        with Capture(module, names) as capture, torch.no_grad():
            together = forward_stacked(module, stacked(nets), x.clone(), keys, ComputePolicy(), capture)
            apart = forward_each(module, stacked(nets), x.clone(), keys, ComputePolicy(), False, capture)
        for layer in names:
            assert torch.allclose(together.captured[layer], apart.captured[layer], rtol=1e-9, atol=1e-11), layer


@pytest.mark.parametrize("name", ["small_cnn", "notebook_small_cnn"])
def test_capturing_changes_neither_the_masks_of_dropout_nor_the_logits(name):
    nets, keys = members(name), torch.tensor([1, 2])
    network = Network(module=fuse(copy.deepcopy(nets[0])), habits=Habits())
    state = stacked(nets)
    plain = network(state, images(), keys=keys, train=True)
    layers = [layer for layer in leaves(nets[0]) if "dropout" in layer]
    output = network(state, images(), keys=keys, train=True, capture=layers)
    assert torch.allclose(output.logits, plain.logits, rtol=1e-12, atol=1e-13)
    assert not plain.captured
    shares = [float((output.captured[layer] == 0).double().mean()) for layer in layers]
    assert min(shares) > 0.02
    assert not torch.allclose(network(state, images(), keys=keys + 1, train=True).logits, plain.logits)


def test_default_keys_are_made_of_the_weights():
    state = stacked(members("small_cnn"))
    network = Network(module=fuse(members("small_cnn")[0]), habits=Habits())
    own = network(state, images(), train=True).logits
    assert torch.equal(own, network(state, images(), keys=weight_keys(state.params), train=True).logits)


def test_a_pass_in_training_leaves_buffers_and_the_mode_as_they_were():
    nets = members("resnet20")
    state, module = stacked(nets), fuse(copy.deepcopy(nets[0]))
    before = {name: tensor.clone() for name, tensor in state.buffers.items()}
    Network(module=module, habits=Habits())(state, images(), train=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in state.buffers.items())
    assert not any(layer.training for layer in module.modules())


def test_who_listens_to_a_prepared_layer_hears_it():
    net = fuse(members("small_cnn", torch.float32)[0])
    plain, seen = members("small_cnn", torch.float32)[0], []
    x = images(dtype=torch.float32)
    handle = net.conv1.register_forward_hook(lambda *call: seen.append(call[2]))
    net(x)
    handle.remove()
    net(x)
    assert len(seen) == 1
    assert torch.allclose(seen[0], plain.conv1(x), atol=1e-6)


class Odd(nn.Module):
    """Calls one layer twice and one never; one returns a tuple; the last modifies the first one's output in place."""

    def __init__(self):
        super().__init__()
        self.first, self.relu = nn.Linear(1200, CLASSES), nn.ReLU(inplace=True)
        self.twice, self.never, self.pair = nn.Identity(), nn.Identity(), nn.LSTM(CLASSES, CLASSES)

    def forward(self, x):
        x = self.relu(self.first(x.flatten(1)))
        return self.pair(self.twice(self.twice(x)))[0]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("frist", "the network has no layer 'frist'; nearest are 'first'"),
        ("zzz", "no layer 'zzz'; it has 'first', 'relu', 'twice', 'never', 'pair', ..."),
        ("twice", "'twice' was called 2 times in one forward pass, expected once; capture the layer around it"),
        ("never", "'never' was not called in one forward pass"),
        ("pair", "'pair' returns tuple, expected a tensor"),
    ],
)
def test_layers_that_cannot_be_captured_are_named(layer, message):
    net = Odd().double()
    with pytest.raises(InputError, match=message):
        Network(module=net)(stacked([net]), images(), capture=[layer])
    assert not net.get_submodule(layer if hasattr(net, layer) else "first")._forward_hooks


def test_what_layers_behind_do_in_place_is_not_seen():
    net = Odd().double()
    captured = Network(module=net)(stacked([net]), images(), capture=["first", "relu", ""]).captured
    assert bool((captured["first"] < 0).any())
    assert torch.equal(captured["relu"], captured["first"].relu())
    assert captured[""].shape == (1, 3, CLASSES)
