"""Fields on a plane: cells and colours against known functions."""

import numpy as np
import pytest
from charted import charted
from matplotlib.figure import Figure

from modescape.plots import fields, style
from modescape.plots.panels import Chart, Field, Panel

RADIUS, ANGLE = np.linspace(0, 2, 41), np.linspace(-27, 117, 73)


def polar(function, radius=RADIUS, angle=ANGLE):
    """A function of x and y on the polar grid, [angle, radius]."""
    turn = np.radians(angle)[:, None]
    return function(radius * np.cos(turn), radius * np.sin(turn))


def smooth(x, y):
    return np.sin(2 * x) + np.cos(1.5 * y) * x


def test_a_function_linear_in_radius_and_angle_is_exact():
    values = 3 * RADIUS + 0.01 * ANGLE[:, None]
    finer, radius, angle = fields.refined(values, RADIUS, ANGLE, times=3)
    assert finer.shape == (len(angle), len(radius)) == (3 * 72 + 1, 3 * 40 + 1)
    np.testing.assert_allclose(finer, 3 * radius + 0.01 * angle[:, None], atol=1e-12)


def test_edges_lie_half_way_and_corners_around_the_points():
    np.testing.assert_allclose(fields.edges(np.array([0.0, 1.0, 3.0])), [-0.5, 0.5, 2.0, 4.0])
    np.testing.assert_allclose(fields.edges(np.array([2.0])), [1.5, 2.5])
    x, y = fields.sector_corners(RADIUS, ANGLE)
    assert x.shape == y.shape == (len(ANGLE) + 1, len(RADIUS) + 1)
    far = np.hypot(x, y)
    assert far[:, 0] == pytest.approx(np.zeros(len(far)))  # no cell extends beyond the origin
    assert far[:, -1] == pytest.approx(np.full(len(far), 2.025))


@pytest.mark.parametrize(
    ("largest", "ticks"),
    [(2.3, (0, 0.5, 1, 1.5, 2, 2.5)), (0.08, (0, 0.02, 0.04, 0.06, 0.08)), (5, (0, 1, 2, 3, 4, 5))],
)
def test_scale_of_losses_ends_at_a_round_number(largest, ticks):
    scale = fields.loss_scale(np.array([0.01, largest, np.nan]))
    assert scale.ticks == pytest.approx(ticks)
    assert (scale.low, scale.high) == (0, ticks[-1])
    assert fields.loss_scale(np.array([np.nan])).high == 1
    assert fields.loss_scale(np.array([0.0])).high > 0


def drawn(field):
    panel = Panel(title="", x_label="x (1)", y_label="y (1)", series=[], field=field)
    return charted(Chart(title="", panels=[panel], columns=1))["panels"][0]["field"]


def test_cells_without_a_value_are_grey_for_papers_and_have_none_for_the_page():
    values = np.array([[0.2, np.nan], [0.4, 0.6]])
    axes = Figure().subplots()
    flat = Field(values=values, x=np.arange(2.0), y=np.arange(2.0), scale=fields.SHARE)
    mesh = fields.draw_field(axes, flat)
    mesh.update_scalarmappable()
    assert mesh.get_facecolor()[1] == pytest.approx([style.ABSENT] * 3 + [1])
    assert mesh.get_clim() == (0, 1)
    np.testing.assert_array_equal(drawn(flat)["values"], values.astype(np.float32))


def test_a_sector_is_given_to_the_page_by_its_radii_and_angles():
    values = polar(smooth)
    values[36, 20] = np.nan
    sector = drawn(Field(values=values, x=RADIUS, y=ANGLE, scale=fields.SHARE, polar=True, unit="nats"))
    assert (sector["polar"], sector["unit"]) == (True, "nats")
    np.testing.assert_allclose(sector["x"], RADIUS, rtol=1e-6)
    np.testing.assert_allclose(sector["y"], np.radians(ANGLE), rtol=1e-6)
    np.testing.assert_array_equal(sector["values"], values.astype(np.float32))


def test_a_logarithmic_scale_is_that_of_the_page_with_its_contours():
    values = np.array([[0.01, 1.0], [10.0, np.nan]])
    scale = style.Scale(low=0.01, high=100, log=True)
    field = drawn(Field(values=values, x=np.arange(2.0), y=np.arange(2.0), scale=scale, lines=3))
    np.testing.assert_allclose(field["values"], [[-2, 0], [1, np.nan]])
    assert field["levels"] == [-1, 0]
