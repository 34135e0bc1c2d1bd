"""Charts of panels: said once as data, drawn for papers (matplotlib) and for the page (Plotly).

A figure's module makes `Panel`s of `Series` (and `HeatMap`s among them) from its dataset; both drawings show the same.

    panel = Panel(title="Loss", x_label="Epoch", y_label="Loss (nats)", series=[Series(name="a", x=x, y=y)])
    chart = Chart(title="A run", panels=[panel], columns=1)
    draw(chart, "What is shown.")  # matplotlib's figure
    sheet(chart)  # Plotly's
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import paper, scenes_web, style, web
from modescape.plots.matrices_web import trace_heat_map
from modescape.plots.panels import (
    Chart,
    Field,
    HeatMap,
    Panel,
    Scene,
    Series,
    View,
    has_band,
    in_rows,
    legend_entries,
    named_rows,
    relative_height,
    scales_of,
    shares_rows,
    span,
)
from modescape.plots.panels_paper import draw_heat_map, draw_panel, legend_keys, mappable
from modescape.plots.panels_web import trace_panel
from modescape.plots.room_web import (
    LABEL,
    colour_key,
    folded,
    make_legend,
    right_margin,
    spacing,
    titles,
    trace_key,
    upright,
)
from modescape.plots.sheet import Sheet

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
    "sheet",
    "space",
    "span",
]

BETWEEN = 97  # pixels between two rows of panels, for labels and title


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
    return figure, legend_keys(panels, chart.band)


def _as_plain_text(figure: Figure) -> Figure:
    """Have no name in a legend taken for mathematics."""
    for legend in figure.legends:
        for text in legend.get_texts():
            text.set_parse_math(False)
    return figure


def space(chart: Chart) -> scenes_web.Space | None:
    """What stands below a figure on the page: its scene, where it has one."""
    return scenes_web.space(chart.scene) if chart.scene and chart.scene.views else None


def sheet(chart: Chart) -> Sheet:
    """A figure for the page, but for its scene (`space`)."""
    panels, columns = chart.panels, chart.columns
    panels = [replace(panel, title=title) for panel, title in zip(panels, titles(panels, columns), strict=True)]
    grid = in_rows(panels, columns)
    lines = max((panel.title.count("\n") + 1 for panel in panels), default=1)
    between = BETWEEN + 17 * (lines - 1) + upright([panel for row in grid[:-1] for panel in row])
    heights = [
        max(round(relative_height(row) * chart.panel_height) - BETWEEN, *(23 * named_rows(panel) for panel in row))
        for row in grid
    ]
    last = panels[-1]
    widths = [[1] * len(row) + [0] * (columns - len(row)) for row in grid]
    widths[-1][0] = columns if isinstance(last, Panel) and last.wide else 1
    inside = sum(heights) + between * (len(heights) - 1)
    figure = web.panels(
        len(grid),
        columns,
        ["<br>".join(style.escaped(line) for line in panel.title.split("\n")) for panel in panels],
        web.TOP + web.BOTTOM + inside,
        title_lines=lines,
        grid=widths,
        row_heights=heights,
        vertical_spacing=between / inside,
        horizontal_spacing=spacing(panels, columns),
    )
    scales = list(dict.fromkeys(scale for panel in panels for scale in scales_of(panel)))
    keys = {scale: f"coloraxis{number + 1 if number else ''}" for number, scale in enumerate(scales)}
    named: set[str] = set()
    for number, panel in enumerate(panels):
        place = (number // columns + 1, number % columns + 1)
        if isinstance(panel, HeatMap):
            trace_heat_map(figure, place, panel, keys[panel.scale])
        else:
            trace_panel(figure, place, panel, named, keys)
        title = figure.y_axis(place)["title"]
        if title.get("text"):
            title["text"] = "<br>".join(folded(title["text"], heights[place[0] - 1], LABEL))
        if shares_rows(panels, number, columns):
            figure.update_yaxes(showticklabels=False, ticks="", title={"text": None}, row=place[0], col=place[1])
    if has_band(panels):
        trace_key(figure, chart.band, {"color": web.GREY, "size": 12, "symbol": "square"})
    for scale, key in keys.items():
        colour_key(figure, key, scale, [n for n, panel in enumerate(panels) if scale in scales_of(panel)], columns)
    names = [entry.name for entry in legend_entries(panels)] + [chart.band] * has_band(panels)
    make_legend(figure, names, panels, columns, 10 * (lines - 1))
    figure.update_layout(margin={"r": right_margin(panels, columns)})
    return figure
