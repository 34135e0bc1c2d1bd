"""Rows are named once for neighbours that are alike: a matrix beside a panel of series has rows of other heights."""

from __future__ import annotations

import numpy as np

from modescape.plots import style
from modescape.plots.charts import Chart, HeatMap, Panel, Series
from modescape.plots.plain_chart import plain_chart

ROWS = ["first", "second"]


def test_a_matrix_beside_a_panel_of_series_names_its_own_rows():
    dots = Series(name="a", x=np.arange(2.0), y=np.arange(2.0), marker=("o", "circle"), line=None)
    panel = Panel(title="", x_label="x", y_label="y", series=[dots], rows=ROWS)
    scale = style.Scale(low=0, high=1, label="Share (1)")
    matrix = HeatMap(title="", x_label="x", y_label="y", matrix=np.eye(2), rows=ROWS, columns=["p", "q"], scale=scale)
    drawn = plain_chart(Chart(title="t", panels=[panel, panel, matrix, matrix], columns=4))["panels"]
    assert [one.get("shares", False) for one in drawn] == [False, True, False, True]
