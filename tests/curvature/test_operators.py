"""Curvature operators against explicit matrices."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from landscape_networks import BLANK, CLASSES, Quadratic, as_said, data, mlp, numbers, seeded
from torch import nn
from torch.func import jacrev

from modescape import tree
from modescape.curvature import fisher, ggn, hessian
from modescape.errors import InputError
from modescape.landscape import Landscape
from modescape.network.plain import Plain


class Attentive(nn.Module):
    """One layer of attention over three tokens, with layer norm."""

    def __init__(self):
        super().__init__()
        self.attention, self.norm, self.head = (
            nn.MultiheadAttention(4, 2, batch_first=True),
            nn.LayerNorm(4),
            nn.Linear(4, 3),
        )

    def forward(self, inputs):
        return self.head(self.norm(inputs + self.attention(inputs, inputs, inputs, need_weights=False)[0]))


def tokens():
    return [(numbers(3, 3, 4, number=number), torch.arange(9).view(3, 3) % CLASSES) for number in range(2)]


def pictures():
    return [(numbers(4, 1, 4, 4, number=number), torch.arange(4) % CLASSES) for number in range(2)]


def convolutional():
    layers = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, CLASSES)
    return seeded(nn.Sequential(*layers))


def line():
    return [(numbers(5, 4, number=number), numbers(5, 2, number=number + 2)) for number in range(2)]


CASES = {
    "mlp": lambda: (mlp(), data(), "cross_entropy"),
    "batch norm": lambda: (mlp(norm=True), data(), "cross_entropy"),
    "convolution": lambda: (convolutional(), pictures(), "cross_entropy"),
    "attention": lambda: (seeded(Attentive()), tokens(), "cross_entropy"),
    "regression": lambda: (seeded(nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))), line(), "mse"),
    "own loss": lambda: (mlp(), data(), lambda output, target: functional.cross_entropy(output, target)),
}


FAST = ("mlp", "regression")


@pytest.fixture(params=[pytest.param(name, marks=[] if name in FAST else [pytest.mark.ci]) for name in CASES])
def case(request):
    network, batches, loss = CASES[request.param]()
    return Landscape(network, batches=batches, loss=loss)


def whole(field):
    """Flat outputs and mean loss of all the data at once, as functions of a flat vector of parameters."""
    local = field.local()
    plain, batches = Plain.of(field.runner.module), list(field.evaluator.source)

    def outputs(vector):
        params = tree.unravel(vector, field.params)
        return [plain(params, local.held, batch.inputs) for batch in batches]

    def loss(said):
        totals = [local.total(one, batch) for one, batch in zip(said, batches, strict=True)]
        return sum(totals) / sum(local.units(one, batch) for one, batch in zip(said, batches, strict=True))

    return outputs, loss, tree.ravel(field.params)


def dense(operator):
    return operator @ torch.eye(operator.size, dtype=torch.float64)


def test_the_hessian_is_torch_s_own(case):
    field = case
    outputs, loss, place = whole(field)
    wanted = torch.autograd.functional.hessian(lambda vector: loss(outputs(vector)), place)
    found = dense(hessian(field))
    assert wanted.abs().max() > 1e-2
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11)


def test_the_ggn_is_its_definition(case):
    field = case
    outputs, loss, place = whole(field)
    shapes = [one.shape for one in outputs(place)]

    def flat(vector):
        return torch.cat([one.flatten() for one in outputs(vector)])

    def of_flat(said):
        pieces = said.split([shape.numel() for shape in shapes])
        return loss([piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)])

    jacobian = torch.autograd.functional.jacobian(flat, place)
    inner = torch.autograd.functional.hessian(of_flat, flat(place))
    found = dense(ggn(field))
    torch.testing.assert_close(found, jacobian.T @ inner @ jacobian, rtol=1e-9, atol=1e-11)
    assert torch.linalg.eigvalsh(found).min() > -1e-10


def test_the_empirical_fisher_matrix_is_the_mean_of_outer_products(case):
    field = case
    local, plain = field.local(), Plain.of(field.runner.module)
    rows = []
    for batch in field.evaluator.source:

        def each(vector, batch=batch):
            return local.each(plain(tree.unravel(vector, field.params), local.held, batch.inputs), batch)

        rows.append(jacrev(each)(tree.ravel(field.params)))
    gradients = torch.cat(rows)
    torch.testing.assert_close(dense(fisher(field)), gradients.T @ gradients / len(gradients), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["regression", pytest.param("mlp", marks=pytest.mark.ci)])
def test_the_sampled_fisher_matrix_comes_to_the_ggn(name):
    network, batches, loss = CASES[name]()
    field = Landscape(network, batches=batches, loss=loss)
    matrix = ggn(field)
    vector = matrix @ numbers(matrix.size)
    wanted = matrix @ vector
    few, many = (fisher(field, draws=draws) @ vector for draws in (2, 256))
    assert (many - wanted).norm() < 0.1 * wanted.norm()
    assert (many - wanted).norm() < (few - wanted).norm() / 3  # a factor of 11 on average
    torch.testing.assert_close(few, fisher(field, draws=2) @ vector)  # draws are the same in every product


def test_a_quadratic_has_its_matrix():
    network = Quadratic()
    field = Landscape(network, batches=BLANK, loss=as_said)
    torch.testing.assert_close(dense(hessian(field)), network.matrix)
    elsewhere = hessian(field, {"weight": numbers(5, number=3)})
    torch.testing.assert_close(dense(elsewhere), network.matrix)
    slope = network.matrix @ network.weight.detach() + network.slope
    torch.testing.assert_close(
        dense(fisher(Landscape(network, batches=BLANK, loss=as_said))), torch.outer(slope, slope)
    )
    assert dense(ggn(field)).abs().max() == 0  # the loss is linear in the output


def test_a_linear_network_of_two_layers_is_its_closed_form():
    """For 1/2 |W2 W1 x - y|^2, the block of W2 is the second moment of W1 x, that of W1 is W2' W2 (x) that of x."""
    network = seeded(nn.Sequential(nn.Linear(4, 3, bias=False), nn.Linear(3, 2, bias=False)))
    field = Landscape(network, batches=line(), loss="mse")
    inputs = torch.cat([inputs for inputs, _ in line()])
    first, second = (layer.weight.detach() for layer in network)
    hidden, moment = inputs @ first.T, inputs.T @ inputs / 10
    found = dense(ggn(field))
    torch.testing.assert_close(found[:12, :12], torch.kron(second.T @ second, moment))  # 2 / (2 outputs)
    torch.testing.assert_close(found[12:, 12:], torch.kron(torch.eye(2).double(), hidden.T @ hidden / 10))
    torch.testing.assert_close(dense(hessian(field))[12:, 12:], found[12:, 12:])  # the network is linear in each layer


def test_vectors_of_any_kind():
    field = Landscape(mlp(), batches=data())
    matrix = hessian(field)
    whole = dense(matrix)
    vectors = numbers(matrix.size, 3)
    torch.testing.assert_close(matrix @ vectors, whole @ vectors)
    torch.testing.assert_close(matrix @ vectors[:, 0], whole @ vectors[:, 0])
    np.testing.assert_allclose(matrix @ vectors.numpy(), (whole @ vectors).numpy(), rtol=1e-9, atol=1e-12)
    named = matrix @ tree.unravel(vectors[:, 1], field.params)
    torch.testing.assert_close(tree.ravel(named), whole @ vectors[:, 1])
    linear = matrix.to_scipy()
    np.testing.assert_allclose(linear @ vectors[:, 0].numpy(), (whole @ vectors[:, 0]).numpy(), rtol=1e-9, atol=1e-12)
    with pytest.raises(InputError, match=r"has shape \[2\], expected \[51\]"):
        matrix @ torch.zeros(2)
    single = hessian(Landscape(mlp().float(), batches=data()))
    torch.testing.assert_close((single @ vectors.float()).double(), whole @ vectors, rtol=1e-3, atol=1e-4)


@pytest.mark.ci
def test_what_has_no_forward_derivative_goes_by_two_backward_passes():
    class Odd(torch.autograd.Function):
        @staticmethod
        def forward(ctx, inputs):
            ctx.save_for_backward(inputs)
            return inputs.tanh()

        @staticmethod
        def backward(ctx, weight):
            return weight * (1 - ctx.saved_tensors[0].tanh() ** 2)

    class Layer(nn.Module):
        def forward(self, inputs):
            return Odd.apply(inputs)

    odd, plain = (
        seeded(nn.Sequential(nn.Linear(4, 5), layer, nn.Linear(5, CLASSES))) for layer in (Layer(), nn.Tanh())
    )
    torch.testing.assert_close(*(dense(ggn(Landscape(net, batches=data()))) for net in (odd, plain)))


@pytest.mark.parametrize("make", [hessian, ggn, fisher])
def test_no_batch_outlives_its_turn(make):
    """Only one batch is in memory: when the next is requested, earlier ones and their graphs have been freed."""
    alive, most = [], []

    def batches():
        for number in range(6):
            most.append(sum(one() is not None for one in alive))
            inputs = numbers(4, 4, number=number)
            alive.append(weakref.ref(inputs))
            yield inputs, torch.arange(4) % CLASSES
            del inputs

    matrix = make(Landscape(mlp(), batches=batches, check=False))
    most.clear()
    alive.clear()
    matrix @ torch.ones(matrix.size, 2, dtype=torch.float64)
    assert len(most) == 6
    assert max(most) <= 1


def test_losses_without_a_distribution_are_not_drawn_from():
    network = seeded(nn.Linear(4, 2))
    field = Landscape(network, batches=line(), loss="mae")
    with pytest.raises(InputError, match="no distribution to draw targets from"):
        fisher(field, draws=1) @ torch.ones(10, dtype=torch.float64)
    with pytest.raises(InputError, match="draws is -1"):
        fisher(field, draws=-1)
