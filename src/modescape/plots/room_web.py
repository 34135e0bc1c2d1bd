"""Room around the panels of the page: for labels between them, for the legend, for the keys of colours."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from modescape.plots import style, web
from modescape.plots.panels import HeatMap, Panel, scales_of, shares_rows
from modescape.plots.sheet import Sheet, scatter

RIGHT = 10  # pixels to the right of the panels
TITLE, LABEL, LETTER = 6.9, 7.5, 6.5  # pixels that a letter of a panel's title, of an axis' name, of a tick takes
LINE = 18  # pixels of a line of ticks
APART = 45  # pixels between a title and the next one: letters are as wide as they are on average alone
WINDOW = {1: 350, 2: 760, 3: 920}  # pixels that the page gives a figure of so many columns at least; more: 980


def trace_key(figure: Sheet, name: str, marker: dict[str, Any]) -> None:
    """An entry of the legend, after all others."""
    key = scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, legendrank=1003)
    figure.add_trace(key, 1, 1)


def colour_key(figure: Sheet, key: str, scale: style.Scale, users: list[int], columns: int) -> None:
    """Declare a colour scale, its key to the right of the panels that use it."""
    column = max(number % columns + 1 for number in users)
    rows = [number // columns + 1 for number in users if number % columns + 1 == column]
    web.colour_axis(figure, key, scale, column, max(rows), min(rows))
    title = {"text": style.escaped(scale.label), "side": "right", "font": {"size": 12}}
    figure.update_layout(**{key: {"colorbar": {"title": title}}})


def folded(text: str, pixels: float, letter: float) -> list[str]:
    """Lines of a text that are no wider than so many pixels, but for single words."""
    most = max(1, int(pixels / letter))
    return [line for part in text.split("\n") for line in textwrap.wrap(part, most, break_long_words=False) or [""]]


def titles(panels: Sequence[Panel | HeatMap], columns: int) -> list[str]:
    """Titles of panels, in lines that end before the next panel begins."""
    between = spacing(panels, columns)
    share = (1 - between * (columns - 1)) / columns
    wide = (share + between) * _width(panels, columns) - APART
    return ["\n".join(folded(panel.title, wide, TITLE)) for panel in panels]


def spacing(panels: Sequence[Panel | HeatMap], columns: int) -> float:
    """Share of the width between two columns of panels: room for the labels of the right one."""
    if columns == 1:
        return 0.0
    needed = 30.0
    for number, panel in enumerate(panels):
        if number % columns and not shares_rows(panels, number, columns):
            needed = max(needed, 75.0, _room(panel))
    for scale in {scale for panel in panels for scale in scales_of(panel)}:
        if max(number % columns for number, panel in enumerate(panels) if scale in scales_of(panel)) < columns - 1:
            needed = max(needed, 75.0)  # its key stands between panels
    return min(needed / _width(panels, columns), 0.9 / (columns - 1))


def right_margin(panels: Sequence[Panel | HeatMap], columns: int) -> int:
    """Pixels to the right of the last column: its titles and names of axes may be wider than its panels.

    A title begins at the left edge of its panel, which moves by its share of what is left free. The key of a
    heat map makes more room by itself.
    """
    if columns == 1:
        return RIGHT
    share = (1 - spacing(panels, columns) * (columns - 1)) / columns
    width = share * _width(panels, columns)
    last = [panel for panel in panels[columns - 1 :: columns] if isinstance(panel, Panel)]
    titles = [TITLE * len(line) - width for panel in last for line in panel.title.split("\n")]
    labels = [(LABEL * len(panel.x_label) - width) / 2 for panel in last]
    return round(RIGHT + max([0.0, *(beyond - RIGHT for beyond in (*titles, *labels))]) / (1 - share))


def upright(panels: Sequence[Panel | HeatMap]) -> int:
    """Pixels that upright names below matrices take beyond those of a line of text."""
    longest = [
        max((len(style.shortened(name, panel.label_length)) for name in panel.columns), default=0)
        for panel in panels
        if isinstance(panel, HeatMap) and panel.square
    ]
    return max([0, *(round(LETTER * letters) - LINE for letters in longest if letters > 3)])


def _room(panel: Panel | HeatMap) -> float:
    """Pixels that the names along a vertical axis take."""
    return 45 + LETTER * max((len(name) for name in panel.rows or ()), default=0)


def _width(panels: Sequence[Panel | HeatMap], columns: int) -> float:
    """Pixels between the left edge of the first column and the right edge of the last, in the narrowest window."""
    return WINDOW.get(columns, 980) - max(75.0, *(_room(panel) for panel in panels[::columns]))


def make_legend(
    figure: Sheet, names: Sequence[str], panels: Sequence[Panel | HeatMap], columns: int, above: int = 0
) -> None:
    """Make room above the panels for the legend in the narrowest window; where it takes more, Plotly makes more.

    Args:
        figure: with all its panels.
        names: in the legend.
        panels: row by row.
        columns: panels side by side.
        above: pixels that titles of several lines take.
    """
    widest = 40 + 6 * max((len(name) for name in names), default=0)
    rows = math.ceil(len(names) / max(1, _width(panels, columns) // widest))
    room = 20 * max(0, rows - 1)
    figure.update_layout(margin={"t": web.TOP + above + room}, height=figure.layout["height"] + room)
    figure.update_layout(legend={"traceorder": "normal", "itemsizing": "trace", "xref": "container"})
