"""Eigenvalues, traces, diagonals, densities and sharpness of known matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from landscape_networks import BLANK, Quadratic, as_said, data, mlp, numbers, seeded
from torch import nn

from modescape.curvature import diagonal, eigenvalues, ggn, hessian, sharpness, spectral_density, trace
from modescape.errors import InputError
from modescape.landscape import Landscape


def with_values(values):
    values = torch.as_tensor(values, dtype=torch.float64)
    basis = torch.linalg.qr(numbers(len(values), len(values), name="basis"))[0]
    return basis @ torch.diag(values) @ basis.T


def test_both_ends_of_a_spectrum():
    values = torch.cat([torch.linspace(-3, -2, 3), 0.1 * torch.linspace(-1, 1, 80), torch.linspace(4, 9, 4)]).double()
    matrix = with_values(values)
    ordered = values.sort(descending=True).values
    for which, wanted in (("top", ordered[:4]), ("bottom", ordered[-3:])):
        found = eigenvalues(matrix, len(wanted), which=which, tolerance=1e-8)
        torch.testing.assert_close(found.values, wanted, rtol=1e-7, atol=1e-7)
        residual = (matrix @ found.vectors.T - found.vectors.T * found.values).norm(dim=0)
        torch.testing.assert_close(residual, found.error, rtol=1e-3, atol=1e-9)
        torch.testing.assert_close(found.vectors @ found.vectors.T, torch.eye(len(wanted)).double(), rtol=0, atol=1e-10)
    both = eigenvalues(matrix, 3, which="both", tolerance=1e-8)
    torch.testing.assert_close(both.values, torch.cat([ordered[:3], ordered[-3:]]), rtol=1e-7, atol=1e-7)
    assert both.products < 60  # of 87


def test_values_that_come_several_times_and_matrices_that_are_exhausted():
    assert eigenvalues(torch.eye(6).double(), 3).values.tolist() == pytest.approx([1, 1, 1])
    torch.testing.assert_close(
        eigenvalues(with_values([3, 3, 1, 0, 0, 0]), 3).values, torch.tensor([3.0, 3, 1]).double()
    )
    assert eigenvalues(torch.zeros(4, 4).double(), 2).values.tolist() == [0, 0]
    with pytest.raises(InputError, match="5 eigenvalues of a matrix of 4 x 4"):
        eigenvalues(torch.zeros(4, 4), 5)
    with pytest.raises(InputError, match="which is 'LM'"):
        eigenvalues(torch.zeros(4, 4), which="LM")
    with pytest.raises(InputError, match="1 steps for 2 eigenvalues"):
        eigenvalues(torch.zeros(4, 4), 2, steps=1)


@pytest.mark.parametrize("make", [hessian, pytest.param(ggn, marks=pytest.mark.ci)])
def test_eigenvalues_of_a_network_are_those_of_the_written_matrix_and_scipy_s(make):
    from scipy.sparse.linalg import eigsh

    matrix = make(Landscape(mlp(), batches=data()))
    wanted = torch.linalg.eigvalsh(matrix @ torch.eye(matrix.size).double()).flip(0)
    torch.testing.assert_close(eigenvalues(matrix, 5, tolerance=1e-8).values, wanted[:5], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(eigsh(matrix.to_scipy(), k=3, which="LA")[0][::-1], wanted[:3], rtol=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("method", ["hutchinson", "hutch++"])
def test_a_trace_and_its_interval(method):
    matrix = with_values(1.0 / torch.arange(1, 101))
    truth = float(matrix.diagonal().sum())
    found = [trace(matrix, 30, method=method, seed=seed) for seed in range(60)]
    errors = np.array([one.value for one in found]) - truth
    assert abs(errors.mean()) < 3 * errors.std() / 60**0.5
    plain = float((2 * (matrix.square().sum() - matrix.diagonal().square().sum()) / 30).sqrt())  # Hutchinson's
    assert errors.std() == pytest.approx(plain, rel=0.25) if method == "hutchinson" else errors.std() < plain / 2
    assert np.mean([one.low <= truth <= one.high for one in found]) >= 0.88
    said = np.sqrt(np.mean([one.standard_error**2 for one in found]))
    assert said == pytest.approx(errors.std(), rel=0.35)


def test_hutch_plus_plus_is_exact_on_few_directions():
    matrix = with_values([5.0, 2.0, 1.0] + [0.0] * 40)
    assert trace(matrix, 12).value == pytest.approx(8, abs=1e-9)
    assert trace(torch.diag(torch.arange(5.0)), 4, method="hutchinson").value == pytest.approx(
        10
    )  # random signs are exact here
    with pytest.raises(InputError, match="no method 'xtrace'"):
        trace(matrix, method="xtrace")
    with pytest.raises(InputError, match=r"hutch\+\+ takes 9 or more"):
        trace(matrix, 4)


def test_a_diagonal_and_its_error():
    matrix = with_values(torch.linspace(-1, 2, 40))
    found, error = diagonal(matrix, 400)
    scaled = (found - matrix.diagonal()) / error
    assert 0.7 < float(scaled.std()) < 1.3
    wanted = (matrix.square().sum(1) - matrix.diagonal().square()).sqrt() / 20
    torch.testing.assert_close(error, wanted, rtol=0.35, atol=0)
    exact, none = diagonal(torch.diag(torch.arange(4.0)), 3)
    torch.testing.assert_close(exact, torch.arange(4.0))
    assert none.abs().max() == 0


def test_the_spectral_density_of_a_known_matrix():
    values = torch.cat([torch.linspace(-0.5, 0.5, 150), torch.tensor([3.0, 5.0])]).double()
    matrix = with_values(values)
    found = spectral_density(matrix, probes=24, steps=40, deviation=0.1)
    bells = torch.exp(-0.5 * ((found.t[:, None] - values) / 0.1) ** 2) / (0.1 * (2 * np.pi) ** 0.5)
    wanted = bells.mean(1)
    step = float(found.t[1] - found.t[0])
    assert float(found.density.sum()) * step == pytest.approx(1, abs=1e-3)
    assert float((found.density - wanted).abs().sum()) * step < 0.1
    inside = ((found.low <= wanted + 1e-9) & (wanted <= found.high + 1e-9))[wanted > 0.01]
    assert float(inside.double().mean()) > 0.75
    torch.testing.assert_close(found.weight.sum(1), torch.ones(24).double())
    assert (found.low >= 0).all()
    assert found.ritz.shape == found.weight.shape == (24, 40)
    assert float(found.ritz.max()) == pytest.approx(5, abs=1e-6)


def test_probes_go_together_as_they_go_alone():
    matrix = hessian(Landscape(mlp(), batches=data()))
    one, all_ = (spectral_density(matrix, probes=3, steps=8, at_once=many) for many in (1, 3))
    torch.testing.assert_close(one.density, all_.density, rtol=1e-8, atol=1e-8)
    low = spectral_density(with_values([2.0, 1.0] + [0.0] * 8), probes=2, steps=9)  # exhausted after three steps
    torch.testing.assert_close(low.weight.sum(1), torch.ones(2).double())
    with pytest.raises(InputError, match="1 probes of 5 steps"):
        spectral_density(torch.eye(3), 1, 5)


def test_sharpness_of_a_bowl_is_its_closed_form():
    network = Quadratic()
    network.matrix += 2 * torch.eye(5)
    minimum = -torch.linalg.solve(network.matrix, network.slope)
    field = Landscape(network, {"weight": minimum}, BLANK, as_said)
    values = torch.linalg.eigvalsh(network.matrix)
    found = sharpness(field, radius=0.3, steps=60)
    assert found.worst == pytest.approx(0.5 * 0.09 * float(values[-1]), rel=1e-3)
    many = sharpness(field, radius=0.3, steps=0, samples=400)
    assert abs(many.average - 0.5 * 0.09 * float(values.mean())) < 4 * many.standard_error  # E u A u = tr A / n
    assert float(found.step["weight"].norm()) == pytest.approx(0.3)
    weights = minimum.abs()
    scaled = torch.linalg.eigvalsh(weights[:, None] * network.matrix * weights)
    adaptive = sharpness(field, radius=0.3, adaptive=True, steps=60)
    assert adaptive.worst == pytest.approx(0.5 * 0.09 * float(scaled[-1]), rel=1e-3)
    with pytest.raises(InputError, match="the radius is 0"):
        sharpness(field, radius=0)


@pytest.mark.ci
def test_adaptive_sharpness_does_not_see_the_scale_of_a_layer():
    network, twin = (seeded(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))) for _ in range(2))
    with torch.no_grad():
        twin[0].weight *= 5
        twin[0].bias *= 5
        twin[2].weight /= 5
    fields = [Landscape(net, batches=data()) for net in (network, twin)]
    one, two = (sharpness(field, adaptive=True, steps=4, samples=4) for field in fields)
    assert one.worst == pytest.approx(two.worst, rel=1e-9)
    assert one.average == pytest.approx(two.average, rel=1e-9)
    plain = [sharpness(field, steps=4, samples=4).worst for field in fields]
    assert abs(plain[0] / plain[1] - 1) > 0.1
