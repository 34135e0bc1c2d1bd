"""Convolutions with cheap second derivatives, against torch's own; graphs kept between products."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional
from landscape_networks import CLASSES, data, mlp, numbers, seeded
from torch import nn
from torch.func import functional_call

from modescape.curvature import eigenvalues, hessian, spectral_density
from modescape.curvature.convolution import TwiceDifferentiable
from modescape.curvature.operators import Hessian
from modescape.landscape import Landscape


class Parted(nn.Module):
    """A convolution whose output goes both into batch norm and around it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)

    def forward(self, inputs):
        out = self.conv(inputs)
        return self.norm(out) * out.tanh()


class InPlace(nn.Module):
    """Batch norm of a convolution's output that was modified in place."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)

    def forward(self, inputs):
        return self.norm(self.conv(inputs).mul_(0.5)).tanh()


def images(*shape):
    return numbers(2, *shape, name="images")


CASES = {
    "plain": lambda: (nn.Conv2d(2, 3, 3), images(2, 5, 5)),
    "no bias": lambda: (nn.Conv2d(2, 3, 3, bias=False), images(2, 5, 5)),
    "strided": lambda: (nn.Conv2d(2, 3, 3, stride=2, padding=1), images(2, 6, 5)),
    "dilated": lambda: (nn.Conv2d(2, 3, (2, 3), dilation=(1, 2), padding=(0, 2)), images(2, 5, 6)),
    "grouped": lambda: (nn.Conv2d(4, 4, 3, groups=2), images(4, 4, 4)),
    "depthwise": lambda: (nn.Conv2d(3, 3, 3, groups=3, padding=1), images(3, 4, 4)),
    "same": lambda: (nn.Conv2d(2, 3, 3, padding="same"), images(2, 4, 4)),
    "one axis": lambda: (nn.Sequential(nn.Conv1d(2, 3, 3, padding=1), nn.BatchNorm1d(3)), images(2, 6)),
    "three axes": lambda: (nn.Sequential(nn.Conv3d(2, 3, 2), nn.BatchNorm3d(3)), images(2, 3, 3, 3)),
    "normed": lambda: (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)), images(2, 5, 5)),
    "normed without bias": lambda: (nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3)), images(2, 5, 5)),
    "plain norm": lambda: (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, affine=False)), images(2, 5, 5)),
    "norm first": lambda: (nn.Sequential(nn.BatchNorm2d(2), nn.Tanh(), nn.Conv2d(2, 3, 3)), images(2, 5, 5)),
    "rows": lambda: (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), images(4)),
    "read twice": lambda: (Parted(), images(2, 5, 5)),
    "in place": lambda: (InPlace(), images(2, 5, 5)),
    "two layers": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2)),
        images(2, 6, 6),
    ),
}


def statistics(network):
    for layer in network.modules():
        if hasattr(layer, "running_mean"):
            layer.running_mean = numbers(len(layer.running_mean), name="mean")
            layer.running_var = 0.5 + numbers(len(layer.running_var), name="variance").square()


def derivatives(network, inputs):
    """Output, gradients and Hessian-vector products, all with respect to weights and input."""
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in network.named_parameters()}
    leaves["inputs"] = inputs.clone().requires_grad_()
    output = functional_call(network, leaves, (leaves["inputs"],))
    value = (output.tanh() * numbers(*output.shape, name="weight")).sum()
    first = torch.autograd.grad(value, list(leaves.values()), create_graph=True)
    along = [numbers(*one.shape, name="along", number=place) for place, one in enumerate(first)]
    second = torch.autograd.grad(first, list(leaves.values()), along)
    return [output, *first, *second]


@pytest.mark.parametrize("layout", ["rows of pixels", "channels last"])
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_two_derivatives_are_torch_s(name, layout):
    network, inputs = CASES[name]()
    network = seeded(network).eval()
    statistics(network)
    if layout == "channels last" and inputs.dim() == 4:
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    wanted = derivatives(network, inputs)
    with TwiceDifferentiable():
        found = derivatives(network, inputs)
    assert wanted[-1].abs().max() > 1e-3
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_batch_norm_in_training_is_left_to_torch():
    inputs = images(3, 4, 4)
    with TwiceDifferentiable():
        out = functional.batch_norm(inputs, None, None, training=True)
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3).double())
    torch.testing.assert_close(out.var((0, 2, 3), correction=0), torch.ones(3).double(), rtol=1e-3, atol=0)


def pictures():
    return [(numbers(4, 1, 4, 4, number=number), torch.arange(4) % CLASSES) for number in range(3)]


def convolutional():
    layers = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(2, CLASSES)
    return seeded(nn.Sequential(*layers))


@pytest.mark.parametrize("memory", [0, 2500, 1 << 20])
def test_kept_graphs_give_the_same_products_and_take_no_more_than_they_may(memory):
    matrix = hessian(Landscape(convolutional(), batches=pictures()))
    vectors = numbers(matrix.size, 2)
    wanted = matrix @ vectors
    with matrix.kept(memory):
        for _ in range(2):
            assert torch.equal(matrix @ vectors, wanted)
        (graphs,) = matrix._graphs
        assert graphs.used <= memory
        assert len(graphs.held) == {0: 0, 2500: 1}.get(memory, 3)
        with matrix.kept():  # nested in the outer block
            assert matrix._graphs == [graphs]
        assert torch.equal(matrix @ vectors, wanted)
    assert matrix._graphs == []


@pytest.mark.parametrize("work", [lambda matrix: eigenvalues(matrix, 3), lambda matrix: spectral_density(matrix, 2, 5)])
def test_lanczos_prepares_every_batch_once(work):
    prepared = []

    class Counted(Hessian):
        def prepared(self, batch, number):
            prepared.append(number)
            return super().prepared(batch, number)

    work(Counted(Landscape(convolutional(), batches=pictures()).local()))
    assert prepared == [0, 1, 2]


def test_data_that_may_differ_from_pass_to_pass_are_read_anew():
    batches = data()
    passes = []

    def begun():
        passes.append(len(passes))
        return iter(batches[: 1 + len(passes) % 2])

    matrix = hessian(Landscape(mlp(), batches=begun, check=False))
    vector = numbers(matrix.size)
    del passes[:]
    with matrix.kept():
        both, one, again = (matrix @ vector for _ in range(3))
    wanted = [hessian(Landscape(mlp(), batches=batches[:count])) @ vector for count in (1, 2)]
    torch.testing.assert_close(one, wanted[0])
    torch.testing.assert_close(both, wanted[1])
    torch.testing.assert_close(again, both)
