"""The data beside a figure: every number that is drawn, and no other."""

import csv
import io

import numpy as np
import pytest
from example_results import example_result

from modescape.analyses import ANALYSES, figures
from modescape.plots import style
from modescape.plots.drawn import COLUMNS, table, table_of_result
from modescape.plots.panels import Chart, Field, HeatMap, Panel, Series


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ANALYSES)
def test_every_figure_has_all_its_numbers(name):
    chart = figures.described(name, example_result(name))
    rows = read(table(chart))
    expected = 0
    for panel in chart.panels:
        if isinstance(panel, HeatMap):
            expected += np.size(panel.matrix)
        else:
            expected += sum(np.size(series.x) for series in panel.series)
            expected += np.size(panel.field.values) if panel.field else 0
    assert len(rows) == expected > 0
    assert set(rows[0]) == set(COLUMNS)


def test_numbers_names_and_intervals_stand_where_they_are_drawn():
    scale = style.Scale(low=0, high=1, ticks=(0, 1), label="share")
    bars = Series(
        name="a",
        x=np.array([0.1, 0.2], np.float32),
        y=np.array([0, 1]),
        low=np.array([0.0, np.nan]),
        high=np.array([0.3, np.nan]),
        intervals_along_x=True,
    )
    field = Field(values=np.array([[0.5]]), x=np.array([2.0]), y=np.array([30.0]), scale=scale, polar=True)
    axes = {"x_label": "x", "y_label": "y"}
    matrix = np.array([[1.5, np.nan]])
    panels = [
        Panel(title="Scores", **axes, rows=["first", "=second"], series=[bars]),
        HeatMap(title="M", **axes, matrix=matrix, rows=["r"], columns=["c", "d"], scale=scale),
        Panel(title="F", **axes, series=[], field=field),
    ]
    chart = Chart(title="", columns=1, panels=panels)
    first, second, cell, empty, inside = read(table(chart))
    assert (first["x"], first["low"], first["high"], first["row"]) == ("0.1", "0.0", "0.3", "first")
    assert first["series"] == "a (interval along x)"
    assert (second["low"], second["row"]) == ("", "'=second")
    assert (cell["row"], cell["column"], cell["value"], cell["series"]) == ("r", "c", "1.5", "share")
    assert empty["value"] == ""
    assert (inside["x_label"], inside["x"], inside["y"], inside["value"]) == ("distance", "2.0", "30.0", "0.5")


def test_a_figure_that_is_drawn_by_hand_has_the_numbers_of_its_result():
    result = example_result("training", members=2, epochs=3)
    rows = read(table_of_result(result))
    assert len(rows) == sum(values.size for values in result.data_vars.values())
    name = next(name for name, values in result.data_vars.items() if values.dims == ("member", "epoch"))
    values = result[name]
    found = {row["row"]: row["value"] for row in rows if row["series"] == name}
    label = f"member {values.member.values[1]}, epoch {values.epoch.values[2]}"
    assert float(found[label]) == pytest.approx(float(values[1, 2]), rel=1e-6)
