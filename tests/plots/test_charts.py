"""Panels described once and drawn twice, on paper and on the page."""

import numpy as np
import pytest
import xarray as xr
from charted import charted, entries, of, scales, texts
from matplotlib.colors import to_rgb

from modescape.covers import THESE
from modescape.methods import AROUND, METHODS
from modescape.plots import charts, panels, scores, style
from modescape.plots.charts import Chart, Field, HeatMap, Panel, Series

X = np.array([1.0, 2, 3, 4])
LABELS = {"title": "A panel", "x_label": "Number of steps", "y_label": "Height (m)"}
MARK = ("o", "circle")


def panel(*series, **changes):
    return Panel(**{**LABELS, "series": series, **changes})


def paper(*drawn, columns=2):
    figure = charts.draw(Chart(title="Title", panels=drawn, columns=columns), "Caption.")
    figure.canvas.draw()
    return figure


def web(*drawn, columns=2):
    return charted(Chart(title="Title", panels=drawn, columns=columns))


def test_a_line_has_the_values_it_was_given_and_a_gap_where_there_is_none():
    y = np.array([1.0, np.nan, 3, 0])
    one = panel(Series(name="a", x=X, y=y, marker=MARK))
    axes = paper(one).axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), y)
    assert len(axes.collections[0].get_offsets()) == 3
    (series,) = of(web(one), "a")
    np.testing.assert_array_equal(series["y"], y)
    np.testing.assert_array_equal(series["x"], X)
    assert (series["line"], series["marker"]) == ("solid", "circle")
    assert not {"band", "bars"} & set(series)


def test_what_is_not_positive_has_no_place_on_a_logarithmic_axis():
    one = panel(Series(name="a", x=X, y=np.array([0.0, 0.01, 1, -2]), marker=MARK), log_y=True)
    axes = paper(one).axes[0]
    assert axes.get_yscale() == "log"
    np.testing.assert_array_equal(np.isfinite(axes.lines[0].get_ydata()), [False, True, True, False])
    figure = web(one)
    axes = figure["panels"][0]
    assert axes["y"]["log"]
    assert "log" not in axes["x"]
    assert axes["y"]["ticks"] == [[0.01, "0.01"], [0.1, "0.1"], [1, "1"]]
    np.testing.assert_array_equal(np.isfinite(of(figure, "a")[0]["y"]), [False, True, True, False])


def test_a_panel_without_any_value_can_be_drawn():
    one = panel(Series(name="a", x=X, y=np.full(4, np.nan), marker=MARK), log_x=True, log_y=True, whole_x=True)
    assert not paper(one).axes[0].lines
    assert web(one)["panels"][0]["series"] == []


def test_groups_stand_in_the_legend_once_and_empty_series_are_keys_alone():
    nothing = np.empty(0)
    first = panel(
        Series(name="absent", x=X, y=np.full(4, np.nan)),
        Series(name="a", x=X, y=X, group="one"),
        Series(name="quiet", x=X, y=X, in_legend=False),
        Series(name="a key", x=nothing, y=nothing, marker=MARK, line=None),
    )
    second = panel(Series(name="a again", x=X, y=X, group="one"), Series(name="absent", x=X, y=X))
    (legend,) = paper(first, second).legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "a key", "absent"]
    figure = web(first, second)
    assert entries(figure) == ["a", "a key", "absent"]
    assert [series["group"] for series in of(figure)] == ["one", "quiet", "one", "absent"]


def test_intervals_are_a_band_along_a_line_and_bars_elsewhere():
    hollow = np.array([False, False, False, True])
    y = np.array([1.0, 2, 3, 4])
    ends = {"low": y - 0.5, "high": y + 0.25}
    line = panel(Series(name="a", x=X, y=y, marker=MARK, hollow=hollow, **ends))
    figure = web(line)
    (series,) = of(figure, "a")
    np.testing.assert_allclose(series["band"], [y - 0.5, y + 0.25])
    np.testing.assert_allclose(series["bars"], [[np.nan] * 3 + [3.5], [np.nan] * 3 + [4.25]])
    np.testing.assert_array_equal(series["hollow"], hollow)
    assert entries(figure) == ["a", "95 % interval"]
    alone = web(panel(Series(name="a", x=X, y=y, marker=MARK, line=None, **ends)))
    assert entries(alone) == ["a", "95 % interval"]
    assert "band" not in of(alone)[0]
    np.testing.assert_allclose(of(alone)[0]["bars"], [y - 0.5, y + 0.25])
    drawn = paper(line).axes[0]
    assert len(drawn.containers) == 1
    assert [text.get_text() for text in paper(line).legends[0].get_texts()] == ["a", "95 % interval"]


def test_a_point_whose_neighbours_have_no_interval_gets_a_bar():
    low = np.array([0.5, np.nan, 2.5, 3.5])
    (series,) = of(web(panel(Series(name="a", x=X, y=X, low=low, high=X + 1))))
    np.testing.assert_allclose(series["bars"], [[0.5, np.nan, np.nan, np.nan], [2, np.nan, np.nan, np.nan]])
    np.testing.assert_allclose(series["band"][0], [np.nan, np.nan, 2.5, 3.5])


def test_intervals_can_lie_along_the_horizontal_axis():
    one = panel(
        Series(name="a", x=X, y=X, low=X - 1, high=X + 2, intervals_along_x=True, marker=MARK, line=None),
        rows=["p", "q", "r", "s", "t"],
    )
    (series,) = of(web(one))
    np.testing.assert_allclose(series["bars"], [X - 1, X + 2])
    assert series["along"] == "x"
    (bars,) = paper(one).axes[0].containers
    assert bars.has_xerr
    assert not bars.has_yerr


def test_rows_are_named_from_the_top_and_once_for_neighbours():
    rows = ["first", "<b>$2$</b>"]
    one = panel(Series(name="a", x=X[:2], y=np.array([0, 1]), marker=MARK, line=None), rows=rows)
    other = panel(Series(name="a", x=X[:2], y=np.array([0, 1]), marker=MARK, line=None), rows=["first", "third"])
    figure = paper(one, one, one, other)
    named = [[label.get_text() for label in axes.get_yticklabels() if label.get_visible()] for axes in figure.axes]
    assert named == [rows, [], rows, ["first", "third"]]
    assert all(axes.get_ylim() == (1.5, -0.5) for axes in figure.axes)
    drawn = web(one, one, one, other)["panels"]
    assert [panel.get("shares", False) for panel in drawn] == [False, True, False, False]
    assert drawn[0]["rows"] == rows


def test_colours_by_value_have_one_key():
    scale = style.Scale(low=0, high=2, label="Barrier (nats)")
    values = np.array([0.0, 1, 2, np.nan])
    one = panel(Series(name="a", x=X, y=X, marker=MARK, values=values, scale=scale, colour="#000000"))
    figure = paper(one, one)
    keys = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    assert [key.get_ylabel() for key in keys] == ["Barrier (nats)"]
    faces = figure.axes[0].collections[0].get_facecolors()[:, :3]
    np.testing.assert_allclose(faces[:3], style.colour_map("viridis")[[0, 128, 255]])
    np.testing.assert_allclose(faces[3], style.ABSENT)
    interactive = web(one, one)
    (key,) = interactive["scales"]
    assert (key["label"], key["low"], key["high"]) == ("Barrier (nats)", 0, 2)
    assert [series["scale"] for series in of(interactive, "a")] == [0, 0]
    np.testing.assert_array_equal(of(interactive)[0]["values"], values)
    assert interactive["legend"][0]["outlined"]
    assert [key["colours"][at] for at in (0, 16, 32)] == ["#440154", "#21918c", "#fde725"]  # viridis


def test_sizes_and_hollow_marks_can_differ_from_point_to_point():
    size, hollow = np.array([1.0, 2, 3, 4]), np.array([True, False, False, False])
    one = panel(Series(name="a", x=X, y=X, marker=MARK, line=None, size=size, hollow=hollow, colour=style.BLUE))
    marks = paper(one).axes[0].collections[0]
    np.testing.assert_allclose(marks.get_sizes(), size**2)
    np.testing.assert_allclose(marks.get_facecolors()[:2, :3], [to_rgb("white"), to_rgb(style.BLUE)])
    figure = web(one)
    np.testing.assert_allclose(of(figure)[0]["size"], size)
    np.testing.assert_array_equal(of(figure)[0]["hollow"], hollow)
    assert "hollow" not in figure["legend"][0]


def test_foreign_names_are_text():
    name = "<i>a</i> $x$"
    one = panel(Series(name=name, x=X, y=X, hover=["<b>"] * 4), title=name, x_label=f"{name} (1)", notes=[(1, 1, name)])
    figure = paper(one)
    texts = [*figure.legends[0].get_texts(), *figure.axes[0].texts, figure.axes[0].xaxis.label]
    assert all(name in text.get_text() and not text.get_parse_math() for text in texts)
    figure = web(one)
    drawn = figure["panels"][0]
    assert (drawn["title"], drawn["x"]["label"], drawn["notes"]) == (name, f"{name} (1)", [[1, 1, name]])
    assert (entries(figure), of(figure)[0]["hover"]) == ([name], ["<b>"] * 4)


def test_endless_names_have_an_end_on_a_page():
    matrix = HeatMap(
        **LABELS, matrix=np.eye(1), rows=["r" * 10_000], columns=["c" * 10_000], scale=style.Scale(low=0, high=1)
    )
    figure = web(matrix, panel(Series(name="s" * 10_000, x=X, y=X, hover=["h" * 10_000] * 4)))
    assert max(map(len, texts(figure))) == style.TEXT_LENGTH


def test_heat_maps_stand_among_panels():
    scale = style.Scale(low=0, high=100, label="Accuracy (%)")
    matrix = np.array([[1.0, 2, 3], [4, np.nan, 6]])
    one = HeatMap(**LABELS, matrix=matrix, rows=["a", "b"], columns=["0", "1", "2"], scale=scale, decimals=0)
    figure = paper(panel(Series(name="s", x=X, y=X)), one, one)
    shown = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(shown.filled(np.nan), matrix)
    interactive = web(panel(Series(name="s", x=X, y=X)), one, one)
    maps = interactive["panels"][1:]
    np.testing.assert_array_equal(maps[0]["matrix"], matrix.astype(np.float32))
    assert (maps[0]["rows"], maps[0]["names"]) == (["a", "b"], ["0", "1", "2"])
    assert maps[0]["printed"]
    assert [drawn["scale"] for drawn in maps] == [0, 0]
    assert interactive["scales"][0]["label"] == "Accuracy (%)"


def test_equal_axes_and_whole_numbers():
    one = panel(Series(name="a", x=X, y=X), equal=True, whole_x=True)
    axes = paper(one).axes[0]
    assert axes.get_aspect() == 1
    assert all(tick == round(tick) for tick in axes.get_xticks())
    (drawn,) = web(one)["panels"]
    assert drawn["equal"]
    assert drawn["x"]["whole"]
    assert "whole" not in drawn["y"]


def test_ranges_are_kept():
    one = panel(Series(name="a", x=X, y=X), x_range=(0.1, 100), log_x=True, y_range=(-1, 9))
    axes = paper(one).axes[0]
    assert (axes.get_xlim(), axes.get_ylim()) == ((0.1, 100), (-1, 9))
    (drawn,) = web(one)["panels"]
    assert (drawn["x"]["range"], drawn["y"]["range"]) == ([0.1, 100], [-1, 9])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1e-7, 1.5, [1e-7, 1e-5, 1e-3, 0.1]),
        (0.9, 150, [1, 10, 100]),
        (0.02, 0.7, [0.03, 0.1, 0.3]),
        (1, 6, [1, 2, 5]),
        (3.5, 6.5, [4, 5, 6]),
        (1.15, 1.5, [1.2, 1.3, 1.4, 1.5]),
    ],
)
def test_ticks_of_logarithmic_axes_are_round_and_few(low, high, ticks):
    assert panels.log_ticks(low, high) == pytest.approx(ticks)


def test_every_method_has_a_look_of_its_own():
    looks = [style.method_look(method) for method in METHODS]
    assert len({look.name for look in looks}) == len(looks)
    apart = [style.method_look(method) for method in ("single", "independent", *AROUND)]  # drawn in one figure
    assert len({(look.colour, look.marker) for look in apart}) == len(apart)
    inside = style.method_look("independent + low_rank")
    assert (inside.name, inside.colour, inside.line) == ("Independent + Low-rank Gaussian, unit", style.BLUE, "dash")
    assert inside.marker == style.method_look("low_rank").marker
    unknown = style.method_look("a new\nmethod")
    assert (unknown.name, unknown.colour, unknown.line) == ("a new method", style.NEUTRAL, "solid")
    assert unknown == style.method_look("a new\nmethod")


def test_every_method_is_in_the_legend_under_its_name():
    dims, shape = ("approach", "metric", "size"), (len(METHODS), 1, 3)
    dataset = xr.Dataset(
        {name: (dims, np.full(shape, 0.5)) for name in ("score", "score_low", "score_high")},
        {"approach": list(METHODS), "metric": ["accuracy"], "size": [1, 2, 3]},
    )
    (only,) = scores.score_panels(dataset, "size", "Number of networks")
    assert [series.name for series in only.series] == [method.label for method in METHODS.values()]


def test_a_field_lies_behind_the_series_and_has_a_key():
    scale = style.Scale(low=0, high=1, label="Share (1)")
    values = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    field = Field(values=values, x=np.arange(3.0), y=np.arange(2.0), scale=scale)
    one = panel(Series(name="a", x=X, y=X, halo=True), field=field)
    other = panel(Series(name="b", x=X, y=X), field=field, shared_y=True)
    axes, shared, key = paper(one, other).axes
    np.testing.assert_array_equal(axes.collections[0].get_array(), values)
    assert key.get_ylabel() == "Share (1)"
    assert axes.lines[0].get_path_effects()
    assert (axes.get_ylabel(), shared.get_ylabel()) == ("Height (m)", "")
    first, second = web(one, other)["panels"]
    np.testing.assert_allclose(first["field"]["values"], values, rtol=1e-6)
    np.testing.assert_allclose(first["field"]["x"], [-0.5, 0.5, 1.5, 2.5])  # edges of the cells
    np.testing.assert_allclose(first["field"]["y"], [-0.5, 0.5, 1.5])
    assert [scale["label"] for scale in scales(web(one, other))] == ["Share (1)"] * 2
    assert len(web(one, other)["scales"]) == 1
    assert first["series"][0]["halo"]
    assert second["shares"]
    assert "shares" not in first


def test_letters_stand_in_white_marks_and_silent_series_say_nothing():
    ends = Series(name="a", x=X[:2], y=X[:2], marker=MARK, line=None, hollow=True, letters="12", silent=True)
    axes = paper(panel(ends)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "2"]
    (series,) = of(web(panel(ends)), "a")
    assert (series["letters"], series["silent"], series["marker"]) == (["1", "2"], True, "circle")


def test_a_line_is_as_faint_as_said_and_its_points_have_numbers():
    one = panel(Series(name="a", x=X, y=X, colour="#0072B2", opacity=0.5, numbers=("<member>", np.array([7, 7, 8, 8]))))
    assert paper(one).axes[0].lines[0].get_alpha() == 0.5
    (series,) = of(web(one), "a")
    assert (series["colour"], series["opacity"]) == ("#0072B2", 0.5)
    assert series["numbers"][0] == "<member>"
    np.testing.assert_array_equal(series["numbers"][1], [7, 7, 8, 8])


def test_the_last_panel_can_be_as_wide_as_the_figure_and_lower():
    one = panel(Series(name="a", x=X, y=X))
    last = panel(Series(name="a", x=X, y=X), wide=True, height=0.5)
    boxes = [axes.get_position() for axes in paper(one, one, last).axes]
    assert boxes[2].width > 1.9 * boxes[0].width
    assert boxes[2].height == pytest.approx(0.5 * boxes[0].height, rel=0.01)
    drawn = web(one, one, last)["panels"]
    assert [("wide" in panel, panel.get("tall", 1)) for panel in drawn] == [(False, 1), (False, 1), (True, 0.5)]


def test_a_chart_says_what_its_bands_are():
    one = panel(Series(name="a", x=X, y=X, low=X - 1, high=X + 1))
    chart = Chart(title="Title", panels=[one], columns=1, covers=THESE)
    (legend,) = charts.draw(chart, "Caption.").legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", f"95 %: {THESE}"]
    assert entries(charted(chart)) == ["a", f"95 %: {THESE}"]
