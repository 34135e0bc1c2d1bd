"""Curvature at several points, stacked and one by one, and the estimates from one set of Lanczos processes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from landscape_networks import CLASSES, data, mlp, numbers, seeded
from torch import nn

from modescape import tree
from modescape.curvature import (
    Hessian,
    Together,
    eigenvalues,
    eigenvalues_at,
    fisher,
    ggn,
    hessian,
    sharpness,
    sharpness_at,
    spectral_density,
    spectral_density_at,
    trace,
    trace_at,
)
from modescape.errors import InputError
from modescape.landscape import Landscape


def field_and_points(norm=True):
    field = Landscape(mlp(norm), batches=data())
    return field, [{name: tensor + 0.1 * step for name, tensor in field.params.items()} for step in range(3)]


def sampled(field, point):
    return fisher(field, point, draws=2)


@pytest.mark.parametrize("matrix", [hessian, ggn, fisher, sampled])
def test_several_networks_in_one_pass_are_one_after_another(matrix):
    field, points = field_and_points()
    together = Together.of(field, points, matrix)
    vectors = numbers(3, together.shape[0], 2)
    wanted = torch.stack([matrix(field, point) @ own for point, own in zip(points, vectors, strict=True)])
    assert wanted.abs().amax((1, 2)).min() > 1e-2
    torch.testing.assert_close(together @ vectors, wanted, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(together @ vectors[..., 1], wanted[..., 1], rtol=1e-10, atol=1e-12)  # with kept graphs
    with pytest.raises(InputError, match=r"expected \[3, 63\]"):
        together @ vectors[0]


def test_the_matrix_at_a_point_has_the_batch_norm_statistics_of_the_point():
    """Statistics are recomputed at the point, then held fixed: against torch's Hessian with these in the layer."""
    points = field_and_points()[1]
    inputs, labels = (torch.cat(parts) for parts in zip(*data(), strict=True))
    network = mlp(norm=True)
    network.load_state_dict(network.state_dict() | points[2])
    before = network[0](inputs)
    network[1].running_mean, network[1].running_var = before.mean(0).detach(), before.var(0).detach()
    buffers = dict(network.named_buffers())

    def loss(vector):
        params = tree.unravel(vector, points[2])
        output = torch.func.functional_call(network.eval(), params | buffers, (inputs,))
        return nn.functional.cross_entropy(output, labels)

    wanted = torch.func.hessian(loss)(tree.ravel(points[2]))
    field = Landscape(mlp(norm=True), batches=[(inputs, labels)])
    unit = torch.eye(len(wanted)).double()
    torch.testing.assert_close((Together.of(field, points) @ unit.expand(3, -1, -1))[2], wanted)


def test_estimates_at_points_are_those_of_each_alone():
    field, points = field_and_points()
    alone = [hessian(field, point) for point in points]
    for stack in (True, False):
        for one, pairs in zip(alone, eigenvalues_at(field, points, 3, stack=stack), strict=True):
            wanted = eigenvalues(one, 3)
            torch.testing.assert_close(pairs.values, wanted.values, rtol=1e-8, atol=1e-10)
            torch.testing.assert_close(pairs.vectors, wanted.vectors, rtol=1e-4, atol=1e-6)
            assert pairs.products == wanted.products
        for one, found in zip(alone, trace_at(field, points, 12, stack=stack), strict=True):
            assert found.value == pytest.approx(trace(one, 12).value, rel=1e-8)
            assert found.low == pytest.approx(trace(one, 12).low, rel=1e-8)
        for one, found in zip(alone, spectral_density_at(field, points, 3, 6, stack=stack), strict=True):
            wanted = spectral_density(one, 3, 6)
            torch.testing.assert_close(found.density, wanted.density, rtol=1e-6, atol=1e-8)
            torch.testing.assert_close(found.traces, wanted.traces, rtol=1e-8, atol=1e-8)
    rises = sharpness_at(field, points[:2], 0.1, steps=2, samples=2)
    assert [one.worst for one in rises] == [sharpness(field, at, 0.1, steps=2, samples=2).worst for at in points[:2]]


def test_what_cannot_be_stacked_goes_one_by_one():
    class Odd(torch.autograd.Function):
        @staticmethod
        def forward(ctx, inputs):
            return inputs.clone()

        @staticmethod
        def backward(ctx, weight):
            return weight

    class Layer(nn.Module):
        def forward(self, inputs):
            return Odd.apply(inputs)

    odd, plain = (seeded(nn.Sequential(nn.Linear(4, 5), nn.Tanh(), layer, nn.Linear(5, CLASSES)))
                  for layer in (Layer(), nn.Identity()))  # fmt: skip
    fields = [Landscape(network, batches=data()) for network in (odd, plain)]
    assert [field.stack for field in fields] == [False, True]
    fields[0].stack = True  # as for a network of which only derivatives cannot be stacked
    first, second = ([pairs.values for pairs in eigenvalues_at(field, [field.params] * 2, 2)] for field in fields)
    torch.testing.assert_close(first, second)
    with pytest.raises(RuntimeError, match="vmap"):
        eigenvalues_at(fields[0], [odd.state_dict()] * 2, 2, stack=True)


def test_graphs_are_kept_as_far_as_they_may():
    counted = []

    class Counted(Hessian):
        def prepared(self, batch, number):
            counted.append(number)
            return super().prepared(batch, number)

    field, points = field_and_points()
    vectors = numbers(3, 63)
    for keep, batches in ((1 << 28, [0, 1]), (0, [0, 1, 0, 1])):
        counted.clear()
        together = Together.of(field, points, lambda field, point: Counted(field.local(point)), keep=keep)
        torch.testing.assert_close(together @ vectors, together @ vectors, rtol=0, atol=0)
        assert counted == batches
    anew = Landscape(mlp(True), batches=lambda: iter(data()))  # a function may give other examples in the next pass
    counted.clear()
    together = Together.of(anew, points, lambda field, point: Counted(field.local(point)))
    torch.testing.assert_close(together @ vectors, together @ vectors)
    assert counted == [0, 1, 0, 1]


def with_values(values):
    values = torch.as_tensor(values, dtype=torch.float64)
    basis = torch.linalg.qr(numbers(len(values), len(values), name="basis"))[0]
    return basis @ torch.diag(values) @ basis.T


def test_one_set_of_processes_also_says_the_trace_and_the_ends():
    values = torch.cat([torch.tensor([9.0, 4, 2, -1]), torch.linspace(-0.05, 0.1, 200)])
    matrix = with_values(values)
    found = spectral_density(matrix, 4, 16)
    top, error = found.ends(3)
    torch.testing.assert_close(top, torch.tensor([9.0, 4, 2]).double(), rtol=0, atol=1e-5)
    assert ((top - torch.tensor([9.0, 4, 2])).abs() <= error + 1e-9).all()
    torch.testing.assert_close(found.ends(1, "bottom")[0], torch.tensor([-1.0]).double(), rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="17 eigenvalues of 16 steps"):
        found.ends(17)
    with pytest.raises(InputError, match="which is 'both'"):
        found.ends(1, "both")


def test_ends_that_no_process_knows_are_no_numbers():
    """With one curved direction, and with none at all."""
    along = torch.arange(1.0, 7.0, dtype=torch.float64)
    top, error = spectral_density(torch.outer(along, along), 4, 5).ends(3)
    assert float(top[0]) == pytest.approx(91)
    assert bool(torch.isnan(top[2]))
    assert bool(torch.isnan(error[2]))
    flat = spectral_density(torch.zeros(6, 6, dtype=torch.float64), 4, 5)
    for which in ("top", "bottom"):
        torch.testing.assert_close(
            flat.ends(2, which)[0], torch.tensor([0, np.nan], dtype=torch.float64), equal_nan=True
        )


def test_the_trace_of_the_processes_is_right_on_average_and_its_interval_holds():
    values = torch.cat([torch.tensor([9.0, 4, 2, -1]), torch.linspace(-0.05, 0.1, 200)])
    matrix, truth = with_values(values), float(values.sum())
    found = [spectral_density(matrix, 4, 10, seed=seed, points=2).trace for seed in range(60)]
    errors = np.array([one.value for one in found]) - truth
    assert abs(errors.mean()) < 3 * errors.std() / 60**0.5
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.88
    plain = float((2 * matrix.square().sum() / 4).sqrt())  # Hutchinson's with the same vectors
    assert errors.std() < plain / 8
    exact = spectral_density(with_values([3.0, 1.0] + [0.0] * 20), 3, 6).trace  # its range has two dimensions
    assert exact.value == pytest.approx(4, abs=1e-9)


def test_a_density_drawn_anew_is_that_drawn_there_at_once():
    matrix = with_values(torch.linspace(-1, 2, 30))
    places = torch.linspace(-2, 3, 11, dtype=torch.float64)
    wanted = spectral_density(matrix, 3, 8, t=places, deviation=0.2)
    found = spectral_density(matrix, 3, 8).on(places, 0.2)
    torch.testing.assert_close(found.density, wanted.density)
    torch.testing.assert_close(found.high, wanted.high)
