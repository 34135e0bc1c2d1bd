"""The plane through the origin and two solutions."""

from __future__ import annotations

import pytest
import torch

from modescape.errors import InputError
from modescape.landscape import Plane, polar_grid

ONE = torch.tensor([3.0, 0.0, 4.0, 0.0])
TWO = torch.tensor([0.5, 2.0, 0.0, 1.0])


def test_solutions_and_origin_lie_where_they_are_drawn():
    plane = Plane.through(ONE, TWO)
    x, y = plane.coordinates(torch.stack([torch.zeros(4), ONE, TWO]))
    torch.testing.assert_close(x, torch.tensor([0.0, 1.0, 0.06], dtype=torch.float64))  # 1.5 / 25
    torch.testing.assert_close(y, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(plane.point(x, y)[1:].float(), torch.stack([ONE, TWO]))


def test_points_and_coordinates_are_inverse_on_the_plane():
    plane = Plane.through(ONE, TWO)
    x, y = polar_grid(torch.linspace(0, 2, 5), torch.linspace(-27, 117, 7))
    back = plane.coordinates(plane.point(x, y))
    torch.testing.assert_close(back[0], x)
    torch.testing.assert_close(back[1], y)


def test_what_leaves_the_plane_is_projected():
    plane = Plane.through(ONE, TWO)
    normal = torch.linalg.svd(torch.stack([ONE, TWO]))[2][-1]
    for a, b in zip(plane.coordinates(ONE + 5 * normal), plane.coordinates(ONE), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def test_a_quadratic_bowl_on_the_radial_cut_is_its_closed_form():
    plane = Plane.through(ONE, TWO)
    x, y = polar_grid(torch.linspace(0, 2, 9), torch.linspace(-27, 117, 9))
    bowl = (plane.point(x, y) - ONE.double()).square().sum(-1)
    wanted = (25**0.5 * (x - 1)) ** 2 + (plane.units[1] * y) ** 2
    torch.testing.assert_close(bowl, wanted)


def test_a_polar_grid_has_angles_in_rows():
    x, y = polar_grid(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 90.0]))
    torch.testing.assert_close(x, torch.tensor([[0.0, 2.0], [0.0, 0.0]], dtype=torch.float64), atol=1e-12, rtol=0)
    torch.testing.assert_close(y, torch.tensor([[0.0, 0.0], [0.0, 2.0]], dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize(("one", "two", "word"), [(ONE, 2 * ONE, "parallel"), (ONE, 0 * ONE, "all weights 0")])
def test_no_plane(one, two, word):
    with pytest.raises(InputError, match=word):
        Plane.through(one, two)
