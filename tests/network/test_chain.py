"""A chain of layers is bit-identical to the network it replaces, and is not used where it would differ."""

import copy

import pytest
import torch
from torch import nn

from modescape.kernels import native
from modescape.models import split_state
from modescape.models.cnn import medium_cnn, small_cnn
from modescape.models.resnet import resnet20
from modescape.network.chain import Chain
from modescape.network.fuse import fuse
from modescape.network.habits import Habits
from modescape.network.member_ops import ComputePolicy
from modescape.network.network import Network
from modescape.tasks.classification import Classification
from modescape.tasks.regression import Regression
from modescape.train.step import Step
from modescape.types import ModelState

pytestmark = pytest.mark.skipif(native.lanes() < 8, reason="chains run with the C kernels alone")

IMAGES, ROWS = (1, 9, 10), (7,)
NETWORKS = {
    "the paper's": (lambda: small_cnn(IMAGES, 10), IMAGES),
    "four blocks": (lambda: medium_cnn(IMAGES, 10, (8, 8, 16, 16)), IMAGES),
    "rows": (lambda: nn.Sequential(nn.Linear(7, 12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 10)), ROWS),
    "dropout of rows first": (lambda: nn.Sequential(nn.Dropout(0.2), nn.Linear(7, 10)), ROWS),
    "a hidden layer behind blocks": (
        lambda: nn.Sequential(
            *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Dropout(0.2), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(8 * 4 * 5, 12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 10)),
        ),
        IMAGES,
    ),
    "flat images": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(90, 10)), IMAGES),
}


def batch(shape, examples=11, members=1):
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(members, examples, *shape, generator=generator)
    x = x.movedim(2, -1).contiguous().movedim(-1, 2) if len(shape) == 3 else x
    return x, torch.randint(10, (members, examples), generator=generator)


def stacked(module, members=1):
    state = split_state(module)
    params = {name: torch.stack([tensor + k for k in range(members)]) for name, tensor in state.params.items()}
    return ModelState({name: tensor.requires_grad_() for name, tensor in params.items()}, {})


def same(one, two):
    return one.dtype == two.dtype and torch.equal(one, two)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_has_the_bits_of_autograd(name):
    make, shape = NETWORKS[name]
    module, (x, y), key = make(), batch(shape), torch.tensor([77])
    state = stacked(module)
    chained, plain = Step(copy.deepcopy(module), 1, Habits()), Step(copy.deepcopy(module), 1, Habits())
    assert chained.chain is not None
    plain.chain = None
    for _ in range(2):
        (one, loss, tally), (other, expected, count) = (step(state, x, y, key) for step in (chained, plain))
        assert list(one) == list(other)
        assert all(same(one[name], other[name]) for name in one)
        assert same(loss, expected) and same(tally, count)  # noqa: PT018
    assert chained._weights is not None  # the chain was used


@pytest.mark.parametrize("dropping", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_an_evaluation_has_the_bits_of_the_modules(name, dropping):
    make, shape = NETWORKS[name]
    module, keys = fuse(make()), torch.tensor([3, 4, 5])
    x, state = batch(shape)[0][0], stacked(module, 3)
    network = Network(module=module, habits=Habits())
    with torch.no_grad(), network.mode(dropping=dropping):
        found = network.forward(state, x, keys).logits
        chain, module.forward.chain = module.forward.chain, None
        expected = network.forward(state, x, keys).logits
    assert chain.takes(x, "float32", "channels_last")
    assert chain.weights(state.params) is not None
    assert same(found, expected)


@pytest.mark.parametrize("weights", [None, (0.5, *[1.0] * 9)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_slope_has_the_bits_of_autograd(weights, smoothing):
    task = Classification(10, weights=weights).smoothed(smoothing)
    output, target = torch.randn(9, 10, generator=torch.Generator().manual_seed(1)), torch.arange(9)
    target[4] = -100  # an ignored label
    leaf = output.clone().requires_grad_()
    loss = task.mean_loss(leaf, target)
    (expected,) = torch.autograd.grad(loss, [leaf])
    found = task.slope(output, target)
    assert same(found[0], loss.detach())
    assert same(found[1], expected)
    assert not found[0].requires_grad


@pytest.mark.parametrize("variance", [False, True])
def test_a_slope_of_numbers_is_that_of_autograd(variance):
    task = Regression(("a", "b"), (0.0, 1.0), (1.0, 2.0), variance)
    generator = torch.Generator().manual_seed(2)
    output, target = torch.randn(9, task.width, generator=generator), torch.randn(9, 2, generator=generator)
    leaf = output.clone().requires_grad_()
    loss = task.mean_loss(leaf, target)
    (expected,) = torch.autograd.grad(loss, [leaf])
    found = task.slope(output, target)
    assert same(found[0], loss.detach())
    assert same(found[1], expected)


def test_layers_that_a_chain_does_not_know_have_none():
    odd = [
        nn.Sequential(nn.Linear(7, 5, bias=False), nn.Linear(5, 10)),
        nn.Sequential(nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 10)),
        nn.Sequential(nn.Flatten(2), nn.Linear(7, 10)),
        nn.Sequential(nn.Linear(7, 5), nn.BatchNorm1d(5), nn.Linear(5, 10)),
        nn.Sequential(nn.Sequential(nn.Linear(7, 10))),
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(), nn.ReLU()),
    ]
    assert [Chain.of(fuse(module)) is None for module in odd] == [True] * len(odd)
    assert Chain.of(fuse(resnet20((3, 8, 8), 10))) is None


def test_one_layer_used_twice_or_a_frozen_one_goes_the_usual_way():
    layer = nn.Linear(7, 7)
    twice = fuse(nn.Sequential(layer, nn.ReLU(), layer))
    chain = Chain.of(twice)
    assert chain is None or chain.weights(stacked(twice).params) is None
    module = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 10))
    module[0].requires_grad_(False)
    step, state = Step(module, 1, Habits()), split_state(module)
    own = ModelState(*({name: tensor[None].clone() for name, tensor in part.items()} for part in state))
    for tensor in own.params.values():
        tensor.requires_grad_()
    x, y = batch(ROWS)
    gradients, _, _ = step(own, x, y, torch.tensor([1]))
    assert list(gradients) == ["1.weight", "1.bias"]
    assert step._weights is None


def test_whoever_listens_is_called():
    make, shape = NETWORKS["rows"]
    module, calls = make(), []
    step, state = Step(module, 1, Habits()), stacked(module)
    x, y = batch(shape)
    quiet = step(state, x, y, torch.tensor([1]))
    step.module[0].register_forward_hook(lambda layer, args, output: calls.append(len(output)))
    heard = step(state, x, y, torch.tensor([1]))
    assert calls == [11]
    assert same(quiet[1], heard[1])
    step.module.register_forward_hook(lambda layer, args, output: calls.append(-len(output)))
    step(state, x, y, torch.tensor([1]))
    assert calls == [11, 11, -11]


@pytest.mark.parametrize(
    ("x", "arithmetic", "order"),
    [
        (torch.zeros(2, 7, dtype=torch.float64), "float32", "channels_last"),
        (torch.zeros(2, 1, 7), "float32", "channels_last"),
        (torch.zeros(2, 7), "bf16", "channels_last"),
        (torch.zeros(2, 7), "float32", "contiguous"),
        ({"x": torch.zeros(2, 7)}, "float32", "channels_last"),
    ],
)
def test_other_inputs_and_policies_go_the_usual_way(x, arithmetic, order):
    chain = Chain.of(fuse(NETWORKS["rows"][0]()))
    assert chain is not None
    assert chain.takes(torch.zeros(2, 7), "tf32", "channels_last")
    assert not chain.takes(x, arithmetic, order)
    policy = ComputePolicy(arithmetic="float32", memory_format="channels_last")
    assert chain.takes(torch.zeros(2, 7), policy.arithmetic, policy.memory_format)


def test_hooks_of_the_network_itself_are_called():
    """They may change inputs or outputs: here the outputs are halved."""
    module = NETWORKS["rows"][0]()
    x, y = batch(ROWS)
    module.register_forward_hook(lambda layer, args, output: output / 2)
    module.eval()
    expected = nn.functional.cross_entropy(module(x[0]), y[0])
    for dropout in (layer for layer in module if isinstance(layer, nn.Dropout)):
        dropout.p = 0.0
    step = Step(module, 1, Habits())
    assert step.chain is None
    _, loss, _ = step(stacked(module), x, y, torch.tensor([1]))
    torch.testing.assert_close(loss[0], expected.detach())


def test_a_dropout_layer_with_a_forward_of_somebody_else_is_called():
    module = NETWORKS["rows"][0]()
    module[2].forward = lambda x: x * 0.5
    assert Chain.of(fuse(module)) is None
