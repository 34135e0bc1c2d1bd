"""The plain form uses torch's own operations, so that second derivatives are right; fused layers refuse them."""

import copy

import pytest
import torch
import torch.nn.functional as functional
from torch import nn
from torch.autograd import gradgradcheck
from torch.autograd.forward_ad import dual_level, make_dual
from torch.func import functional_call, grad, hessian, jvp, vmap

from modescape import recipe, rng
from modescape.errors import InputError
from modescape.kernels import native
from modescape.kernels.block import pays
from modescape.kernels.convolution import stacked_conv2d
from modescape.kernels.dropout import dropout
from modescape.models import MODELS, build, split_state
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.intercept import Intercept
from modescape.network.member_ops import MemberOps
from modescape.network.network import Network
from modescape.network.plain import Plain

IMAGE_MODELS = [name for name in MODELS if name not in ("mlp", "text_transformer")]

CLASSES = 3
LONGEST = ("resnet20", "notebook_resnet20", "medium_cnn", "notebook_medium_cnn")  # these take seconds
NETWORKS = [pytest.param(name, marks=[pytest.mark.ci] if name in LONGEST else []) for name in IMAGE_MODELS]
LOADING = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # from what forward mode loads
SMALLEST = {"notebook_small_cnn": 8, "notebook_medium_cnn": 20}  # pixels; 4 are enough for others
TINY = {"factory": "small_cnn", "arguments": {"channels": [2, 3]}}


def network(dtype=torch.float64, size=4, channels=1, **model):
    net = build(recipe.Model(**model), (channels, size, size), CLASSES, key=5).to(dtype)
    with torch.no_grad():
        net.train()(images(size, 8, dtype, channels))  # so that statistics differ from the initial ones
    return net.eval()


def images(size, count=2, dtype=torch.float64, channels=1):
    return torch.rand(count, channels, size, size, generator=rng.stream(0, "test images"), dtype=dtype)


def loss_of(logits):
    return functional.cross_entropy(logits, torch.arange(len(logits)) % CLASSES)


@pytest.mark.parametrize("name", NETWORKS)
def test_second_derivatives_of_built_in_networks(name):
    """In a random plane of all parameters; a step of 1e-7 rarely meets a kink of ReLU or pooling."""
    size = SMALLEST.get(name, 4)
    net = network(size=size, factory=name)
    state, x = split_state(net), images(size)
    plain = Network(module=fuse(net), habits=Habits()).plain()
    stream = rng.stream(0, "directions")
    plane = {
        name: torch.randn(2, *tensor.shape, generator=stream, dtype=torch.float64)
        for name, tensor in state.params.items()
    }

    def loss(place):
        params = {name: tensor + torch.tensordot(place, plane[name], 1) for name, tensor in state.params.items()}
        return loss_of(plain(params, state.buffers, x))

    place = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.functional.hessian(loss, place).abs().max() > 1e-2  # far above the tolerance
    assert gradgradcheck(loss, (place,), eps=1e-7, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_gives_what_the_fused_network_gives(name):
    size = SMALLEST.get(name, 4)
    net, x = network(size=size, factory=name), images(size)
    state, fused = split_state(net), fuse(copy.deepcopy(net))
    assert torch.allclose(Plain.of(fused)(state.params, state.buffers, x), fused(x), rtol=1e-12, atol=1e-13)
    assert Plain.of(fused).module is not fused
    assert {name for name, layer in fused.named_modules() if "forward" in vars(layer)} == {
        name for name, layer in fuse(copy.deepcopy(net)).named_modules() if "forward" in vars(layer)
    }


def written_out(flat, state, x):
    """The tiny network's loss by hand, as a function of all weights in one vector."""
    sizes = [tensor.numel() for tensor in state.params.values()]
    parts = zip(flat.split(sizes), state.params.items(), strict=True)
    p = {name: part.view(tensor.shape) for part, (name, tensor) in parts}
    for number in (1, 2):
        x = functional.conv2d(x, p[f"conv{number}.weight"], p[f"conv{number}.bias"], padding=1)
        x = functional.max_pool2d(x, 2, ceil_mode=True)
        x = torch.relu(x) if number == 1 else x
    return loss_of(functional.linear(x.flatten(1), p["dense.weight"], p["dense.bias"]))


@pytest.mark.ci
@LOADING
def test_hessian_products_are_those_of_the_dense_hessian():
    net, x = network(**TINY), images(4)
    state, plain = split_state(net), Plain.of(fuse(net))
    flat = torch.cat([tensor.flatten() for tensor in state.params.values()])
    dense = torch.autograd.functional.hessian(lambda weights: written_out(weights, state, x), flat)
    assert torch.linalg.matrix_rank(dense) > 5
    direction = torch.randn(len(flat), generator=rng.stream(0, "direction"), dtype=torch.float64)
    pieces = direction.split([tensor.numel() for tensor in state.params.values()])
    tangent = {name: own.view(t.shape) for own, (name, t) in zip(pieces, state.params.items(), strict=True)}

    def loss(params):
        return loss_of(plain(params, state.buffers, x))

    _, product = jvp(grad(loss), (state.params,), (tangent,))
    product = torch.cat([tensor.flatten() for tensor in product.values()])
    assert torch.allclose(product, dense @ direction, rtol=1e-10, atol=1e-12)
    whole = hessian(loss)(state.params)  # through vmap
    rows = [
        torch.cat([part.flatten(t.dim()).flatten(0, t.dim() - 1) for part in whole[name].values()], 1)
        for name, t in state.params.items()
    ]
    assert torch.allclose(torch.cat(rows), dense, rtol=1e-10, atol=1e-12)


def test_networks_are_vmapped():
    nets, x = [network(**TINY), network(**TINY)], images(4)
    with torch.no_grad():
        nets[1].dense.weight.mul_(2)
    states = [split_state(net) for net in nets]
    stacked = {name: torch.stack([state.params[name] for state in states]) for name in states[0].params}
    found = vmap(Plain.of(fuse(nets[0])), in_dims=(0, None, None))(stacked, {}, x)
    assert torch.allclose(found, torch.stack([net(x) for net in nets]), rtol=1e-12)


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.dense = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, CLASSES)

    def forward(self, x):
        x = x.flatten(1, 2)
        return self.dense(self.attention(x, x, x, need_weights=False)[0].mean(1))


def test_attention_has_second_derivatives():
    net, x = Attending().double(), images(4)
    plain, names = Plain.of(net), [name for name, _ in net.named_parameters()]
    params = tuple(tensor.detach().clone().requires_grad_() for tensor in net.parameters())
    assert gradgradcheck(lambda *own: loss_of(plain(dict(zip(names, own, strict=True)), {}, x)), params, fast_mode=True)


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(16, CLASSES)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls.add_(1)
        return self.dense(x.flatten(1)) + self.calls


def test_buffers_stay_as_they_were_and_parameters_must_all_be_there():
    net, x = Counting().double(), images(4)
    state, plain = split_state(net), Plain.of(net)
    first = plain(state.params, state.buffers, x)
    assert torch.equal(first, plain(state.params, state.buffers, x))
    assert state.buffers["calls"] == 0
    with pytest.raises(InputError, match=r"the parameter 'dense.bias' is missing"):
        plain({"dense.weight": state.params["dense.weight"]}, state.buffers, x)


def test_a_network_that_draws_in_evaluation_has_no_plain_form():
    with pytest.raises(InputError, match="draws random numbers in evaluation"):
        Network(module=Counting(), habits=Habits(draws_in_evaluation=True)).plain()


# ---- fused layers ----


def block():
    return [nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]


def second(net, x, of):
    """Gradient with respect to input and parameters, and the gradient of its sum."""
    leaves = [x, *net.parameters()]
    slopes = torch.autograd.grad(of(net(x)), leaves, create_graph=True)
    again = torch.autograd.grad(sum(slope.sum() for slope in slopes), leaves, allow_unused=True)
    return [slope.detach() for slope in slopes], again


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("of", [torch.sum, lambda out: out.square().sum()])
def test_fused_blocks_refuse_second_derivatives(dtype, of):
    """Also where the incoming gradient is constant, as that of a sum is."""
    net, x = fuse(nn.Sequential(*block(), *[nn.Conv2d(4, 2, 3), nn.MaxPool2d(1)])).to(dtype), images(6, dtype=dtype)
    first = torch.autograd.grad(of(net(x)), list(net.parameters()), create_graph=True)
    plain = torch.autograd.grad(of(net(x)), list(net.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(first, plain, strict=True))
    with pytest.raises(InputError, match=r"first ones alone; take the network's plain form, Network.plain\(\)"):
        second(net, x.requires_grad_(), of)


def test_a_block_whose_input_alone_is_asked_for_refuses():
    """The gradient of the weights depends on the input, which torch can only reach through it."""
    net, x = fuse(nn.Sequential(*block())), images(6, dtype=torch.float32).requires_grad_()
    if native.library() is None or not pays(net[0].weight):
        pytest.skip("the block is torch's convolution here, and its pooling is linear")
    (slope,) = torch.autograd.grad(net(x).sum(), net[0].weight, create_graph=True)
    with pytest.raises(InputError, match="plain form"):
        torch.autograd.grad(slope.sum(), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pooling_refuses_where_a_second_derivative_passes_it(dtype):
    net = fuse(nn.Sequential(nn.Tanh(), nn.MaxPool2d(2), nn.ReLU())).to(dtype)
    x = images(6, dtype=dtype).requires_grad_()
    (_, (found,)), (_, (truth,)) = (second(one, x, torch.sum) for one in (net, Plain.of(net).module))
    assert torch.allclose(found, truth, atol=1e-6)
    assert found.abs().max() > 0.1
    with pytest.raises(InputError, match="plain form"):
        second(net, x, lambda out: out.square().sum())


def test_stacked_layers_refuse_second_derivatives():
    norm = fuse(nn.Sequential(nn.BatchNorm2d(1), nn.ReLU()).train())
    weight = torch.ones(2, 1, requires_grad=True)
    buffers = {name: torch.stack([tensor] * 2) for name, tensor in norm.named_buffers()}
    x = images(4, dtype=torch.float32)

    def one(weight, buffers):
        with Intercept(MemberOps(torch.tensor(1), stacked=True)):
            return functional_call(norm, {"0.weight": weight, **buffers}, (x,))

    kernel = torch.rand(2, 3, 1, 3, 3, requires_grad=True)
    for out, leaf in (
        (vmap(one)(weight, buffers), weight),
        (stacked_conv2d(x.expand(2, 2, 1, 4, 4), kernel), kernel),
    ):
        (slope,) = torch.autograd.grad(out.square().sum(), leaf, create_graph=True)
        with pytest.raises(InputError, match="plain form"):
            torch.autograd.grad(slope.sum(), leaf)


def test_dropout_is_differentiable_as_often_as_wanted():
    x = torch.rand(3, 5, dtype=torch.float64, requires_grad=True)
    key = torch.tensor(1)
    assert gradgradcheck(lambda x: dropout(x, key, 0, 1 << 15).pow(3).sum(), (x,))
    single = torch.rand(3, 5, requires_grad=True)  # in C, where available
    out = dropout(single, key, 0, 1 << 15)
    (slope,) = torch.autograd.grad(out.pow(3).sum(), single, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), single)
    assert torch.allclose(second, 6 * out.detach() * 4, rtol=1e-6)


@LOADING
class TestTransforms:
    """`torch.func` transforms and forward mode on the fused form."""

    @staticmethod
    def chains():
        """Two networks, one with a convolution, one without."""
        return [fuse(nn.Sequential(*layers)).eval() for layers in (block(), [nn.Tanh(), *block()[1:]])]

    @pytest.mark.parametrize("transform", [grad, vmap])
    def test_a_transform_is_refused(self, transform):
        x = images(6, dtype=torch.float32)[None] if transform is vmap else images(6, dtype=torch.float32)
        for net in self.chains():
            with pytest.raises(InputError, match=r"transforms of torch.func do not take .* plain form"):
                transform(lambda x, net=net: net(x).sum())(x)

    @pytest.mark.parametrize("gradients", [True, False])
    def test_forward_mode_is_refused_also_where_no_gradient_is_recorded(self, gradients):
        x = images(6, dtype=torch.float32)
        for net in self.chains():
            refused = pytest.raises(InputError, match=r"no derivatives in forward mode; .* plain form")
            with dual_level(), torch.set_grad_enabled(gradients), refused:
                net(make_dual(x, x))
