"""Paths on losses with known solutions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from modescape.errors import InputError
from modescape.paths import Tunnel, along, arc_length, barrier


def test_the_barrier_of_a_known_curve():
    t = np.linspace(0, 1, 101)
    curve = np.sin(math.pi * t) + 2 + t  # a bump of height 1 on a slope
    assert barrier(t, curve) == pytest.approx(1.0, abs=1e-3)
    assert barrier(t, (t - 0.3) ** 2) == pytest.approx(0.0, abs=1e-12)  # convex
    np.testing.assert_allclose(barrier(t, np.stack([curve, 3 * curve])), [1, 3], atol=3e-3)


@pytest.mark.parametrize("t", [np.array([0.0, 0.5]), np.array([0.1, 1.0]), np.array([0.0, 0.7, 0.6, 1.0])])
def test_positions_without_both_ends_are_refused(t):
    with pytest.raises(InputError, match="rise from 0 to 1"):
        barrier(t, np.ones(len(t)))


def test_points_along_a_bent_path():
    points = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
    assert arc_length(points).tolist() == [0.0, 0.75, 1.0]
    found = along(points, torch.tensor([0.0, 0.375, 0.75, 0.875, 1.0]))
    torch.testing.assert_close(found, torch.tensor([[0.0, 0.0], [1.5, 0.0], [3.0, 0.0], [3.0, 0.5], [3.0, 1.0]]))


def test_a_path_without_length_is_refused():
    with pytest.raises(InputError, match="two different ends"):
        arc_length(torch.ones(2, 3))


def ring(weights):
    """Zero on the unit circle of the first two coordinates of four, where the others are 0."""
    radius = weights[..., :2].norm(dim=-1)
    return (radius - 1) ** 2 + weights[..., 2:].square().sum(-1)


def slope(weights, step):
    point = weights.clone().requires_grad_()
    return torch.autograd.grad(ring(point), point)[0]


ENDS = torch.tensor([[1.0, 0.0, 0.0, 0.0], [math.cos(2.8), math.sin(2.8), 0.0, 0.0]], dtype=torch.float64)


def test_a_tunnel_follows_a_ring_that_the_straight_line_cuts():
    settings = Tunnel(levels=3, steps=400, learning_rate=0.05)
    corners = settings.connect(*ENDS, ring, slope)
    t = torch.linspace(0, 1, 41, dtype=torch.float64)
    assert len(corners) == 9
    assert torch.equal(corners[[0, -1]], ENDS)
    assert ring(along(ENDS, t)).max() > 0.6
    assert ring(corners).max() < 1e-3
    assert ring(along(corners, t)).max() < 0.03  # a chord of an eighth of the arc: at least (1 - cos(.175))^2 = 2e-4


def test_the_first_corner_stays_at_right_angles_to_the_line():
    settings = Tunnel(levels=1, steps=50, learning_rate=0.05)
    corner = settings.connect(*ENDS, ring, slope)[1]
    axis = (ENDS[1] - ENDS[0]) / (ENDS[1] - ENDS[0]).norm()
    place = settings.highest(*ENDS, ring)
    assert (corner - torch.lerp(*ENDS, place)) @ axis == pytest.approx(0.0, abs=1e-9)


def test_in_a_quadratic_bowl_the_corner_goes_to_the_lowest_point_of_the_hyperplane():
    centre = torch.tensor([0.0, 2.0, -1.0], dtype=torch.float64)
    ends = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
    settings = Tunnel(levels=1, steps=2000, learning_rate=0.05)
    corners = settings.connect(*ends, lambda w: (w - centre).square().sum(-1), lambda w, step: 2 * (w - centre))
    place = settings.highest(*ends, lambda w: (w - centre).square().sum(-1))
    wanted = torch.tensor([2 * place - 1, 2.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(corners[1], wanted, atol=1e-3, rtol=0)


def test_steps_are_numbered_through_and_progress_ends_at_one():
    seen, shares = [], []
    Tunnel(levels=2, steps=3).connect(*ENDS, ring, lambda w, step: seen.append(step) or slope(w, step), shares.append)
    assert seen == list(range(9))
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])


def test_one_point_is_no_path():
    with pytest.raises(InputError, match="same point"):
        Tunnel().connect(ENDS[0], ENDS[0], ring, slope)
