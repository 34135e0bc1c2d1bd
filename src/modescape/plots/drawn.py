"""The data of a figure as a table, also saved as CSV: a row per point of a series, or cell of a matrix or field."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plain import for_spreadsheets
from modescape.plots.panels import Chart, Field, HeatMap, Panel, Series

if TYPE_CHECKING:
    import xarray as xr

COLUMNS = ("panel", "series", "x_label", "y_label", "x", "y", "low", "high", "value", "row", "column")
"""Title of the panel; name of the series; names of the axes, with units; place; ends of the interval, of y unless the
series says "interval along x"; number behind a colour; names of the row and of the column where there are such."""

Row = tuple[Any, ...]


def table(chart: Chart) -> str:
    """The numbers of a figure as CSV (RFC 4180, UTF-8), in the order in which they are drawn.

    Numbers are written with the shortest text that gives them back; one that does not exist is an empty cell. Text that
    a spreadsheet would run as a formula begins with an apostrophe.

    >>> import numpy as np
    >>> line = Series(name="a", x=np.array([1.0, 2.0]), y=np.array([0.5, np.nan]))
    >>> print(table(Chart(title="", columns=1, panels=[Panel(title="P", x_label="x", y_label="y", series=[line])])))
    panel,series,x_label,y_label,x,y,low,high,value,row,column
    P,a,x,y,1.0,0.5,,,,,
    P,a,x,y,2.0,,,,,,
    """
    return _written(itertools.chain.from_iterable(map(_rows, chart.panels)))


def table_of_result(dataset: xr.Dataset) -> str:
    """The numbers of a result whose figure is not described: a row per number, variable as panel, place as row."""
    rows: list[Row] = []
    for name, values in dataset.data_vars.items():
        title = _label(str(values.attrs.get("long_name", name)), str(values.attrs.get("units", "1")))
        sides = [[f"{dim} {label}" for label in dataset[dim].values] for dim in values.dims]
        places = map(", ".join, itertools.product(*sides))
        for place, value in zip(places, _numbers(values.values), strict=True):
            rows.append((title, str(name), "", "", "", "", "", "", value, place, ""))
    return _written(rows)


def _written(rows: Iterable[Row]) -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    return lines.getvalue()


def _rows(panel: Panel | HeatMap) -> Iterator[Row]:
    title, *axes = (_text(text) for text in (panel.title, panel.x_label, panel.y_label))
    if isinstance(panel, HeatMap):
        return _cells(panel, (title, _text(panel.scale.label), *axes))
    parts = [_field(panel.field, title, axes)] if panel.field else []
    names = [_text(name) for name in panel.rows or ()]
    return itertools.chain(*parts, *(_points(series, title, axes, names) for series in panel.series))


def _cells(panel: HeatMap, head: Row) -> Iterator[Row]:
    columns = [_text(name) for name in panel.columns]
    for name, values in zip(panel.rows, np.asarray(panel.matrix), strict=True):
        row = _text(name)
        for column, value in zip(columns, _numbers(values), strict=True):
            yield (*head, "", "", "", "", value, row, column)


def _field(field: Field, title: str, axes: list[str]) -> Iterator[Row]:
    """For a polar field x is the distance from the origin and y the angle in degrees."""
    axes = ["distance", "angle (degrees)"] if field.polar else axes
    across = _numbers(field.x)
    for up, values in zip(_numbers(field.y), np.asarray(field.values), strict=True):
        for x, value in zip(across, _numbers(values), strict=True):
            yield (title, _text(field.scale.label), *axes, x, up, "", "", value, "", "")


def _points(series: Series, title: str, axes: list[str], names: list[str]) -> Iterator[Row]:
    x, y = _numbers(series.x), _numbers(series.y)
    empty = [""] * len(x)
    low, high, value = (
        empty if values is None else _numbers(values) for values in (series.low, series.high, series.values)
    )
    along = " (interval along x)" if series.intervals_along_x and series.low is not None else ""
    head = (title, _text(series.name) + along, *axes)
    rows = [names[int(at)] if isinstance(at, float) and at.is_integer() and 0 <= at < len(names) else "" for at in y]
    for point in zip(x, y, low, high, value, rows if names else empty, strict=True):
        yield (*head, *point, "")


def _numbers(values: Any) -> list[Any]:
    """As floats of Python, which are written shortest; "" for what does not exist; text as text."""
    array = np.asarray(values).ravel()
    if array.dtype.kind not in "fiub":
        return [_text(str(value)) for value in array.tolist()]
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        array = array.astype(str).astype(float)  # .1 and not .10000000149011612
    found = array.astype(float).tolist()
    return [value if value == value else "" for value in found]


def _text(text: str) -> str:
    return for_spreadsheets(" ".join(text.split()))


def _label(text: str, unit: str) -> str:
    return _text(text if unit == "1" else f"{text} ({unit})")
