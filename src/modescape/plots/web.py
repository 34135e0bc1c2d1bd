"""What the figures for the page share: panels of Plotly that take their colours from the page, heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modescape.plots import style
from modescape.plots.sheet import Sheet

FONT = "system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(128,128,128,.25)"
GREY = "rgba(128,128,128,.35)"  # a matrix cell without a value
TOP, BOTTOM = 50, 60  # pixels above and below the panels


def panels(
    rows: int,
    columns: int,
    titles: Sequence[str],
    height: int,
    *,
    title_lines: int = 1,
    grid: Sequence[Sequence[int]] | None = None,
    row_heights: Sequence[float] | None = None,
    horizontal_spacing: float = 0.13,
    vertical_spacing: float | None = None,
) -> Sheet:
    """Empty panels in rows and columns.

    Args:
        rows: of panels.
        columns: of panels.
        titles: of the panels, row by row, already escaped; "" for none.
        height: of the figure, pixels; its width is its place's.
        title_lines: lines of a panel's title.
        grid: width of each panel in columns, 0 for none, by row; None: every place has a panel.
        row_heights: of the rows, in any unit.
        horizontal_spacing: share of the width between two columns.
        vertical_spacing: share of the height between two rows; None: room for labels and title.
    """
    between = (80 + 17 * title_lines) / height if vertical_spacing is None else vertical_spacing
    grid = grid or [[1] * columns] * rows
    spacing = {"horizontal_spacing": horizontal_spacing, "vertical_spacing": between}
    figure = Sheet(grid, titles, row_heights=row_heights, **spacing)
    figure.update_layout(
        height=height,
        autosize=True,
        font={"family": FONT, "size": 12},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        margin={"l": 10, "r": 10, "t": TOP + 10 * (title_lines - 1), "b": BOTTOM},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top"},
        hoverlabel={"align": "left"},
    )
    line = {"automargin": True, "gridcolor": GRID, "zeroline": False, "linecolor": GRID, "title": {"standoff": 8}}
    figure.update_xaxes(**line)
    figure.update_yaxes(**line)
    return figure


def colour_scale(scale: style.Scale) -> list[list[Any]]:
    """A colour scale as Plotly takes it: positions in [0, 1] and colours."""
    colours = style.colour_map(scale.colours)
    places = np.linspace(0, len(colours) - 1, 33).round().astype(int)
    return [
        [round(float(position), 6), "rgb({},{},{})".format(*(255 * colours[place]).round().astype(int))]
        for position, place in zip(scale.positions(), places, strict=True)
    ]


def colour_axis(
    figure: Sheet, key: str, scale: style.Scale, column: int, last: int, first: int = 1, unit: str = ""
) -> None:
    """Declare a colour scale, its key to the right of a column of panels.

    Args:
        figure: made by `panels`.
        key: "coloraxis", "coloraxis2", ...
        scale: the colours.
        column: of panels, from 1.
        last: row of panels that the key stands beside, from 1.
        first: row of panels that the key stands beside, from 1.
        unit: written behind the numbers.
    """
    right = figure.x_axis((first, column))["domain"][1]
    top, bottom = figure.y_axis((first, column))["domain"][1], figure.y_axis((last, column))["domain"][0]
    low, high = (float(end) for end in scale.drawn(np.array([scale.low, scale.high])))
    # the key is drawn by value: labels that would lie on each other are left out
    ticks = [tick for tick in scale.ticks if not scale.root or tick == 0 or (tick - low) / (high - low) >= 0.1]
    bar = {"x": right, "xpad": 6, "thickness": 10, "len": top - bottom, "y": (top + bottom) / 2, "ypad": 0}
    bar |= {"yanchor": "middle", "outlinewidth": 0, "ticklen": 3, "tickfont": {"size": 11}}
    if ticks:
        bar |= {"tickvals": scale.drawn(np.array(ticks)).tolist(), "ticktext": [f"{tick:g}{unit}" for tick in ticks]}
    figure.update_layout(**{key: {"cmin": low, "cmax": high, "colorscale": colour_scale(scale), "colorbar": bar}})
