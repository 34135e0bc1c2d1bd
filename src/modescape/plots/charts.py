"""Charts of panels: said once as data, drawn for papers (matplotlib) and, by scripts, on pages.

A figure's module makes `Panel`s of `Series` (and `HeatMap`s among them) from its dataset; both drawings show the same.

    panel = Panel(title="Loss", x_label="Epoch", y_label="Loss (nats)", series=[Series(name="a", x=x, y=y)])
    chart = Chart(title="A run", panels=[panel], columns=1)
    draw(chart, "What is shown.")  # matplotlib's figure
    plain_chart(chart)  # data that a page's script draws (`modescape.plots.plain_chart`)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import paper, style
from modescape.plots.panels import (
    Chart,
    Field,
    HeatMap,
    Panel,
    Scene,
    Series,
    View,
    in_rows,
    named_rows,
    relative_height,
    scales_of,
    shares_rows,
    span,
)
from modescape.plots.panels_paper import draw_heat_map, draw_panel, legend_keys, mappable

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

__all__ = [
    "Chart",
    "Field",
    "HeatMap",
    "Panel",
    "Scene",
    "Series",
    "View",
    "draw",
    "draw_bare",
    "level",
    "span",
]


def level(name: str, value: float, over: tuple[float, float], colour: str = style.NEUTRAL, **looks: Any) -> Series:
    """A dashed horizontal line at a value."""
    return Series(name=name, x=np.array(over), y=np.full(2, float(value)), colour=colour, line="dash", **looks)


def mark(method: str, x: np.ndarray, y: np.ndarray, **looks: Any) -> Series:
    """Marks of a method in its own look, joined by no line and not in the legend, unless ``looks`` say otherwise."""
    look = style.method_look(method)
    own: dict[str, Any] = {"name": look.name, "group": method, "colour": look.colour, "marker": look.marker}
    return Series(x=x, y=y, **(own | {"line": None, "size": 5, "in_legend": False} | looks))


def square(title: str, axis: str, names: Sequence[str], matrix: np.ndarray, scale: style.Scale, labels: int) -> HeatMap:
    """A matrix of things with themselves.

    Args:
        title: of the panel.
        axis: what the things are, in parentheses how they are named.
        names: of the things.
        matrix: [thing, other thing].
        scale: of the colours.
        labels: names a side, at most.
    """
    return HeatMap(
        title=title,
        x_label=axis,
        y_label=axis,
        matrix=matrix,
        rows=names,
        columns=names,
        scale=scale,
        decimals=0 if scale.high >= 10 else 2,
        most_printed=(style.PRINTED_ROWS, style.PRINTED_ROWS),
        most_labels=labels,
        square=True,
    )


def by_method(title: str, x_label: str, names: Sequence[str], series: Sequence[Series], **more: Any) -> Panel:
    """A panel with one row per method, named on the vertical axis."""
    return Panel(title=title, x_label=x_label, y_label="Method", series=series, rows=names, **more)


def draw(chart: Chart, caption: str) -> Figure:
    """A figure for papers, with its title above and a caption of plain text below."""
    with paper.looks():
        figure, keys = _panels(chart)
        paper.finish(figure, chart.title, caption, keys)
        return _as_plain_text(figure)


def draw_bare(chart: Chart) -> Figure:
    """The panels and their legend alone, as files of authors' own documents take them."""
    with paper.looks():
        figure, keys = _panels(chart)
        paper.finish(figure, "", "", keys)
        return _as_plain_text(figure)


def _panels(chart: Chart) -> tuple[Figure, list[Artist]]:
    """The panels, drawn, and the keys of their legend."""
    panels, columns = chart.panels, chart.columns
    heights = [
        max(relative_height(row) * chart.panel_size[1], *(0.85 + 0.17 * named_rows(panel) for panel in row))
        for row in in_rows(panels, columns)
    ]
    square = any(panel.square if isinstance(panel, HeatMap) else panel.field and panel.equal for panel in panels)
    width = 0.1 + columns * chart.panel_size[0]
    figure = paper.new_figure(width, sum(heights), "compressed" if square else "constrained")
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    drawn: dict[style.Scale, list[tuple[int, Axes, ScalarMappable]]] = {}
    for number, panel in enumerate(panels):
        across = slice(None) if isinstance(panel, Panel) and panel.wide else number % columns
        axes = figure.add_subplot(grid[number // columns, across])
        if isinstance(panel, HeatMap):
            draw_heat_map(axes, panel)
        else:
            draw_panel(axes, panel)
        if shares_rows(panels, number, columns):
            axes.tick_params(labelleft=False)
            axes.set_ylabel("")
        for scale in scales_of(panel):
            drawn.setdefault(scale, []).append((number // columns, axes, mappable(axes, scale)))
    for scale, users in drawn.items():
        rows = len({row for row, _, _ in users})
        paper.colour_bar(users[0][2], [axes for _, axes, _ in users], scale, scale.label, rows)  # type: ignore[arg-type]
    return figure, legend_keys(chart)


def _as_plain_text(figure: Figure) -> Figure:
    """Have no name in a legend taken for mathematics."""
    for legend in figure.legends:
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure
