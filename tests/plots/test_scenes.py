"""Scenes: surfaces of fields, lines drawn on them, and the choice of a view."""

import numpy as np
import pytest
from charted import charted, figure_of
from example_results import example_result

from modescape.analyses import figures
from modescape.plots import charts, fields, style
from modescape.plots.charts import Field, Scene, Series, View

X, Y = np.linspace(-1, 1, 5), np.linspace(0, 3, 4)


def bowl(**more) -> Field:
    """The field 10^(x + y), whose logarithm is a plane."""
    values = 10.0 ** (X + Y[:, None])
    return Field(values=values, x=X, y=Y, scale=style.Scale(low=0.1, high=1e4, log=True), **more)


def scene(views: int = 2) -> Scene:
    way = Series(name="way", x=np.array([-1.0, 0.25, 5.0]), y=np.array([0.0, 1.5, 1.0]))
    ends = Series(name="end", x=np.zeros(1), y=np.ones(1), line=None, marker=("o", "circle"), letters=["A"])
    shown = [
        View(name=f"view {n}", x_label=f"x{n} (1)", y_label="y (1)", field=bowl(), series=[way, ends])
        for n in range(views)
    ]
    return Scene(title="All", z_label="Height (nats)", views=shown)


def drawn(own: Scene) -> dict:
    figure = charted(charts.Chart(title="", panels=[], columns=1, scene=own))
    return figure["scene"] | {"scale": figure["scales"][figure["scene"]["scale"]]}


def test_a_line_lies_on_the_surface_and_ends_where_that_ends():
    view = drawn(scene())["views"][0]
    np.testing.assert_allclose(view["values"], X + Y[:, None], atol=1e-6)
    np.testing.assert_allclose(view["x"]["at"], X)
    np.testing.assert_allclose(view["y"]["at"], Y)
    way, ends = view["series"]
    # between points a field is bilinear, so half-way it is the mean of 1 and 10^.5, not 10^.25
    between = np.log10(np.mean([10.0 ** (x + y) for x in (0, 0.5) for y in (1, 2)]))
    lifted = 0.012 * 5  # of the height of a box from 10^-1 to 10^4
    np.testing.assert_allclose(way["z"], [-1 + lifted, between + lifted, np.nan], rtol=1e-5)
    np.testing.assert_allclose(ends["z"], [1 + lifted], rtol=1e-5)
    assert (ends["letters"], ends["marker"]) == (["A"], "circle")


def test_a_view_names_its_axes():
    found = drawn(scene())
    assert [view["name"] for view in found["views"]] == ["view 0", "view 1"]
    assert [view["x"]["label"] for view in found["views"]] == ["x0 (1)", "x1 (1)"]
    assert (found["title"], found["z"]["label"]) == ("All", "Height (nats)")
    assert "scene" not in charted(charts.Chart(title="", panels=[], columns=1, scene=scene(0)))


def test_powers_of_ten_are_written_along_the_height():
    found = drawn(scene())
    assert (found["scale"]["low"], found["scale"]["high"]) == (-1, 4)
    ticks, labels = zip(*found["z"]["ticks"], strict=True)
    assert ticks == pytest.approx([-1, 0, 1, 2, 3, 4])
    assert labels[:3] == ("0.1", "1", "10")


def test_heights_between_points_are_bilinear_and_nothing_outside():
    field = Field(values=2 * X + 3 * Y[:, None], x=X, y=Y, scale=style.Scale(low=0, high=9))
    x, y = np.array([0.3, -1.0, 1.01]), np.array([2.2, 3.0, 1.0])
    np.testing.assert_allclose(fields.height(field, x, y), [2 * 0.3 + 3 * 2.2, 7.0, np.nan])


def test_contours_cross_the_field_at_even_steps_of_its_scale():
    np.testing.assert_allclose(fields.levels_of(bowl(lines=4)), [0, 1, 2, 3])
    assert fields.levels_of(bowl()) == []
    low = Field(values=np.full((2, 2), 5.0), x=X[:2], y=Y[:2], scale=style.Scale(low=0, high=9), lines=8)
    assert fields.levels_of(low) == []


def test_a_scale_is_logarithmic_where_differences_would_be_lost():
    found = fields.log_scale(np.array([0.001, np.nan, 0.0, 20.0]))
    assert found is not None
    assert (found.low, found.high, found.log) == (0.001, 20.0, True)
    np.testing.assert_allclose(found.drawn(np.array([0.0, 0.01, 1e9])), [-3, -2, np.log10(20)])
    assert found.place(0.0) == 0
    assert found.place(np.sqrt(0.001 * 20)) == pytest.approx(0.5)
    for values in ([1.0, 20.0], [-1.0, 1000.0], [np.nan], []):
        assert fields.log_scale(np.array(values)) is None


def test_gaps_of_a_result_are_gaps_on_the_page():
    dataset = example_result("surface")
    lost = np.isnan(dataset["loss"].values)
    assert lost.any()
    chart = figures.described("surface", dataset)
    assert chart.scene is not None
    for view in chart.scene.views:
        place = list(dataset["approach"].values).index({"Around solution 1": "random"}.get(view.name, "solutions"))
        if view.name != "Along a training run":
            np.testing.assert_array_equal(np.isnan(view.field.values), lost[place])
    fields_drawn = [panel["field"] for panel in figure_of("surface", dataset)["panels"] if "field" in panel]
    np.testing.assert_array_equal(np.isnan(fields_drawn[0]["values"]), lost[0])
