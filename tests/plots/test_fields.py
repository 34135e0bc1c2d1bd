"""Fields on a plane: cells, rasters and colours against functions that are known everywhere."""

import numpy as np
import plotly.graph_objects as go
import pytest
from matplotlib.figure import Figure

from modescape.plots import fields, style, web
from modescape.plots.panels import Field

RADIUS, ANGLE = np.linspace(0, 2, 41), np.linspace(-27, 117, 73)


def polar(function, radius=RADIUS, angle=ANGLE):
    """A function of x and y on the polar grid, [angle, radius]."""
    turn = np.radians(angle)[:, None]
    return function(radius * np.cos(turn), radius * np.sin(turn))


def smooth(x, y):
    return np.sin(2 * x) + np.cos(1.5 * y) * x


def test_raster_is_the_function_inside_and_nothing_outside():
    x, y, values = fields.sector_raster(polar(smooth), RADIUS, ANGLE)
    across, up = np.meshgrid(x, y)
    far, turn = np.hypot(across, up), np.degrees(np.arctan2(up, across))
    inside = (far <= 2) & (turn >= -27) & (turn <= 117)
    np.testing.assert_array_equal(np.isfinite(values), inside)
    # bilinear: at most h^2 / 8 of each second derivative, 5 in radius (h = .05) and 4 r^2 in angle (h = .035)
    error = np.abs(values - smooth(across, up))[inside]
    assert error.max() < 0.05**2 / 8 * 5 + 0.035**2 / 8 * 16
    assert error.mean() < 1e-3


def test_a_function_linear_in_radius_and_angle_is_exact():
    values = 3 * RADIUS + 0.01 * ANGLE[:, None]
    x, y, raster = fields.sector_raster(values, RADIUS, ANGLE, cells=31)
    across, up = np.meshgrid(x, y)
    expected = 3 * np.hypot(across, up) + 0.01 * np.degrees(np.arctan2(up, across))
    there = np.isfinite(raster)
    np.testing.assert_allclose(raster[there], expected[there], atol=1e-12)
    finer, radius, angle = fields.refined(values, RADIUS, ANGLE, times=3)
    assert finer.shape == (len(angle), len(radius)) == (3 * 72 + 1, 3 * 40 + 1)
    np.testing.assert_allclose(finer, 3 * radius + 0.01 * angle[:, None], atol=1e-12)


def test_raster_has_square_cells_and_covers_the_sector():
    x, y, _ = fields.sector_raster(polar(smooth), RADIUS, ANGLE)
    assert max(len(x), len(y)) == fields.CELLS
    steps = np.concatenate([np.diff(x), np.diff(y)])
    assert steps == pytest.approx(np.full(len(steps), steps[0]))
    half = steps[0] / 2
    left, low = 2 * np.cos(np.radians(117)), 2 * np.sin(np.radians(-27))
    assert [x[0] - half, x[-1] + half, y[0] - half, y[-1] + half] == pytest.approx([left, 2, low, 2], abs=steps[0])


def test_a_grid_beyond_half_a_turn_and_off_the_origin():
    radius, angle = np.linspace(0.5, 1, 11), np.linspace(90, 350, 53)
    values = polar(lambda x, y: x + 2 * y, radius, angle)
    x, y, raster = fields.sector_raster(values, radius, angle)
    across, up = np.meshgrid(x, y)
    there = np.isfinite(raster)
    np.testing.assert_allclose(raster[there], (across + 2 * up)[there], atol=5e-3)
    assert not there[np.hypot(across, up) < 0.49].any()
    assert not there[(across > 0.01) & (up > 0.01)].any()


def test_a_cell_without_a_value_leaves_a_hole_of_its_own_size():
    values = polar(smooth)
    _, _, whole = fields.sector_raster(values, RADIUS, ANGLE)
    values[36, 20] = np.nan  # radius 1, 45 degrees
    x, y, broken = fields.sector_raster(values, RADIUS, ANGLE)
    across, up = np.meshgrid(x, y)
    lost = np.isfinite(whole) & ~np.isfinite(broken)
    assert lost.any()
    assert (np.abs(np.hypot(across, up) - 1) < 0.05)[lost].all()
    assert (np.abs(np.degrees(np.arctan2(up, across)) - 45) < 2)[lost].all()
    np.testing.assert_array_equal(broken[np.isfinite(broken)], whole[np.isfinite(broken)])


def test_edges_lie_half_way_and_corners_around_the_points():
    np.testing.assert_allclose(fields.edges(np.array([0.0, 1.0, 3.0])), [-0.5, 0.5, 2.0, 4.0])
    np.testing.assert_allclose(fields.edges(np.array([2.0])), [1.5, 2.5])
    x, y = fields.sector_corners(RADIUS, ANGLE)
    assert x.shape == y.shape == (len(ANGLE) + 1, len(RADIUS) + 1)
    far = np.hypot(x, y)
    assert far[:, 0] == pytest.approx(np.zeros(len(far)))  # no cell reaches behind the origin
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


def test_cells_without_a_value_are_grey_for_papers_and_only_inside_for_the_page():
    values = np.array([[0.2, np.nan], [0.4, 0.6]])
    axes = Figure().subplots()
    flat = Field(values=values, x=np.arange(2.0), y=np.arange(2.0), scale=fields.SHARE)
    mesh = fields.draw_field(axes, flat)
    mesh.update_scalarmappable()
    assert mesh.get_facecolor()[1] == pytest.approx([style.ABSENT] * 3 + [1])
    assert mesh.get_clim() == (0, 1)
    figure = web.panels(1, 1, [""], 400)
    fields.trace_field(figure, (1, 1), flat, "A <field>", "coloraxis")
    grey, cells = go.Figure(figure.figure()).data
    assert isinstance(cells, go.Heatmap)
    np.testing.assert_array_equal(np.isfinite(grey.z), np.isnan(values))
    np.testing.assert_array_equal(cells.z, values.astype(np.float32))
    assert cells.hovertemplate == "A &lt;field&gt;<br>at (%{x:.2f}, %{y:.2f}): %{z:.3f}<extra></extra>"


def test_a_sector_is_a_raster_on_the_page_and_grey_only_where_a_value_is_missing():
    values = polar(smooth)
    values[36, 20] = np.nan
    figure = web.panels(1, 1, [""], 400)
    sector = Field(values=values, x=RADIUS, y=ANGLE, scale=fields.SHARE, polar=True, unit="nats")
    fields.trace_field(figure, (1, 1), sector, "", "coloraxis")
    grey, cells = go.Figure(figure.figure()).data
    x, y, raster = fields.sector_raster(values, RADIUS, ANGLE)
    whole = fields.sector_raster(polar(smooth), RADIUS, ANGLE)[2]
    np.testing.assert_array_equal(cells.z, raster.astype(np.float32))
    np.testing.assert_array_equal(np.isfinite(grey.z), np.isfinite(whole) & np.isnan(raster))
    np.testing.assert_allclose(cells.x, x, rtol=1e-6)
    np.testing.assert_allclose(cells.y, y, rtol=1e-6)
    assert "%{z:.3f} nats" in cells.hovertemplate
