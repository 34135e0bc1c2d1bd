"""Directions and cuts: norms, orthogonality, invariances, and projections onto them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from landscape_networks import CLASSES, data, mlp, numbers, seeded
from torch import nn

from modescape.errors import InputError
from modescape.landscape import Landscape
from modescape.landscape.cuts import Cut
from modescape.landscape.directions import direction_of, left_out, random_directions
from modescape.landscape.runner import POLICIES
from modescape.types import ModelState

GRID = np.linspace(-1, 1, 3)


def test_filters_are_as_long_as_the_weights_and_at_right_angles():
    params = {"a": numbers(5, 3, 2), "bias": numbers(5), "up": numbers(3, 4, 2, number=1)}
    one, two = random_directions(params, axes={"up": 1})
    assert list(one) == ["a", "up"] == list(two)
    for name, axis in (("a", 0), ("up", 1)):
        first, second, weights = (t[name].movedim(axis, 0).flatten(1) for t in (one, two, params))
        torch.testing.assert_close(first.norm(dim=1), weights.norm(dim=1))
        torch.testing.assert_close(second.norm(dim=1), weights.norm(dim=1))
        assert (first * second).sum(1).abs().max() < 1e-12
    assert not torch.equal(one["a"], random_directions(params, seed=1)[0]["a"])


@pytest.mark.parametrize("normalization", ["layer", "model"])
def test_layers_and_whole_networks_likewise(normalization):
    params = {"a": numbers(5, 3), "b": numbers(2, 4, number=1)}
    one, two = random_directions(params, normalization=normalization)
    groups = [["a"], ["b"]] if normalization == "layer" else [["a", "b"]]
    for names in groups:
        first, second, weights = (torch.cat([t[name].flatten() for name in names]) for t in (one, two, params))
        assert float(first.norm()) == pytest.approx(float(weights.norm()))
        assert abs(float(first @ second)) < 1e-12
    if normalization == "model":
        assert float(one["a"].norm()) != pytest.approx(float(params["a"].norm()))


def test_directions_leave_out_biases_and_norms_and_say_where_there_is_no_room():
    layers = nn.Conv2d(3, 3, 1, groups=3), nn.LayerNorm([3, 4, 4]), nn.Flatten(), nn.Linear(48, CLASSES)
    network = seeded(nn.Sequential(*layers))
    params = dict(network.named_parameters())
    assert left_out(params, network) == ["0.bias", "1.weight", "1.bias", "3.bias"]
    field = Landscape(network, batches=[(numbers(4, 3, 4, 4), torch.arange(4) % CLASSES)])
    cut = field.random_cut()
    assert cut.about["crowded"] == ["0.weight"]  # filters with a single weight
    assert abs(cut.angle - 90) > 1
    assert field.random_cut(normalization="layer").angle == pytest.approx(90)
    with pytest.raises(InputError, match="there is no normalization 'none'"):
        field.random_cut(normalization="none")
    with pytest.raises(InputError, match="all coordinates are left out"):
        field.random_cut(without=list(params))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_centre_of_a_grid_is_the_point_s_own_loss(policy):
    network = mlp(norm=True)
    for stack in (True, False):
        field = Landscape(network, batches=data(), batch_norm=policy, stack=stack)
        for cut in (field.random_cut(), field.random_cut(1), field.cut_along(field.gradient())):
            surface = field.surface(cut, GRID)
            assert surface.loss[(1,) * surface.loss.ndim] == pytest.approx(field.value(), abs=1e-12)


def rescaled(network, factor):
    """The same function: one layer's weights and bias times a factor, the next layer's weights divided by it."""
    twin = copy.deepcopy(network)
    with torch.no_grad():
        twin[0].weight *= factor
        twin[0].bias *= factor
        twin[-1].weight /= factor
    return twin


def test_filter_normalised_surfaces_do_not_see_the_scale_of_a_layer():
    network = mlp()
    first, second = (Landscape(one, batches=data()).surface(None, GRID) for one in (network, rescaled(network, 7.0)))
    np.testing.assert_allclose(first.loss, second.loss, rtol=1e-10)
    plain = [Landscape(one, batches=data()) for one in (network, rescaled(network, 7.0))]
    free = [field.surface(field.random_cut(normalization="model"), GRID).loss for field in plain]
    assert np.abs(free[0] - free[1]).max() > 1e-2  # without normalisation, the test detects the scale


def test_with_recomputed_batch_norm_they_do_not_see_the_scale_of_a_filter():
    network = mlp(norm=True)
    network[1].eps = 1e-30  # eps does not scale with the filters
    twin = copy.deepcopy(network)
    factors = torch.tensor([1.0, 3.0, 0.2, 1.0, 5.0, 0.7], dtype=torch.float64)
    with torch.no_grad():
        twin[0].weight *= factors[:, None]
        twin[0].bias *= factors
    first, second = (Landscape(one, batches=data()).surface(None, GRID) for one in (network, twin))
    np.testing.assert_allclose(first.loss, second.loss, rtol=1e-10)
    stored = [Landscape(one, batches=data(), batch_norm="eval").surface(None, GRID).loss for one in (network, twin)]
    assert np.abs(stored[0] - stored[1]).max() > 1e-2


def test_a_plane_through_three_solutions_has_them_where_it_says():
    nets = [mlp(norm=True, number=number) for number in range(3)]
    field = Landscape(nets[0], batches=data(), batch_norm="interpolate")
    values = [field.value(net.state_dict()) for net in nets]
    for orthogonal in (True, False):
        cut = field.cut_through(*(net.state_dict() for net in nets), orthogonal=orthogonal)
        np.testing.assert_allclose(field.values(cut.points(np.array(cut.solutions))), values, rtol=1e-10)
        projected = field.project(cut, [net.state_dict() for net in nets])
        np.testing.assert_allclose(projected.coordinates, cut.solutions, atol=1e-12)
        np.testing.assert_allclose(projected.residual, 0, atol=1e-6)
        assert projected.share == pytest.approx(1)
        assert (cut.angle == pytest.approx(90)) is orthogonal
        assert cut.angle == pytest.approx(90 if orthogonal else cut.about["solutions' angle"])
        assert cut.lengths[0] == pytest.approx(cut.lengths[1]) or not orthogonal
    line = field.cut_through(nets[0].state_dict(), nets[1].state_dict())
    middle = {
        name: (t + nets[1].state_dict()[name]) / 2 for name, t in nets[0].state_dict().items() if t.is_floating_point()
    }
    assert field.values(line.points([[0.5]]))[0] == pytest.approx(field.value(middle), rel=1e-12)


def test_what_spans_no_plane_is_refused():
    one, two = (ModelState({"w": numbers(4, number=number)}, {}) for number in range(2))
    between = ModelState({"w": (one.params["w"] + two.params["w"]) / 2}, {})
    with pytest.raises(InputError, match="lie on one line"):
        Cut.through(one, two, between)
    with pytest.raises(InputError, match="are the same point"):
        Cut.through(one, one)
    with pytest.raises(InputError, match="two or three solutions, not 1"):
        Cut.through(one)
    with pytest.raises(InputError, match=r"'w' has shapes \[3\] and \[4\]"):
        Cut.through(one, ModelState({"w": numbers(3)}, {}))
    with pytest.raises(InputError, match="lie in 1 dimensions, expected 2"):
        Cut.principal(one, [one, two])
    with pytest.raises(InputError, match=r"has shape \[3\], expected \[4\]"):
        direction_of(numbers(3), one.params)
    with pytest.raises(InputError, match="one or two directions, not 0"):
        Cut.along(one)
    with pytest.raises(InputError, match=r"expected \[point, 1\]"):
        Cut.through(one, two).points(np.zeros((3, 2)))


def test_a_trajectory_is_projected_on_its_principal_plane():
    network = seeded(nn.Linear(4, CLASSES, bias=False))
    axes = torch.linalg.qr(numbers(12, 3))[0].T  # [axis, parameter]
    places = torch.tensor([[3.0, 0, 0], [2, 1, 0.2], [1, 0.5, -0.2], [0, 0, 0]], dtype=torch.float64)
    trajectory = [{"weight": (place @ axes).view(3, 4)} for place in places]
    field = Landscape(network, trajectory[-1], data())
    cut = field.principal_cut(trajectory)
    centred = (places - places.mean(0)).numpy()
    shares = np.linalg.svd(centred, compute_uv=False) ** 2
    projected = field.project(cut, trajectory)
    assert projected.share == pytest.approx(shares[:2].sum() / shares.sum())
    np.testing.assert_allclose(cut.about["principal_shares"], shares[:2] / shares.sum())
    np.testing.assert_allclose(projected.coordinates[-1], 0, atol=1e-12)  # the last point is the origin
    whole = np.hypot(np.linalg.norm(projected.coordinates, axis=1), projected.residual)
    np.testing.assert_allclose(whole, np.linalg.norm(places.numpy(), axis=1))  # Pythagoras: the axes are orthonormal
    assert cut.lengths == pytest.approx((1, 1))
