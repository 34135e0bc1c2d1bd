"""Panels for papers: drawn into axes of matplotlib."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import fields, paper, style
from modescape.plots.interval_keys import interval_keys, title_of
from modescape.plots.panels import (
    Chart,
    HeatMap,
    Panel,
    Points,
    Series,
    band_opacity,
    bar_lengths,
    legend_entries,
    log_ticks,
    points_of,
    runs,
    tick_label,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

DASHES = {"solid": "-", "dash": "--", "dot": ":"}  # as matplotlib writes them


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw one panel into axes that are there, for figures of several kinds of panels; without a legend."""
    series = [(one, points_of(one, panel)) for one in panel.series]
    series = [(one, points) for one, points in series if points.there.any()]
    opacity = band_opacity(panel)
    if panel.field:
        fields.draw_field(axes, panel.field)
    for one, points in series:
        for run in runs(points.band):
            edges = points.x[run], points.low[run], points.high[run]
            axes.fill_between(*edges, color=one.colour, alpha=opacity, linewidth=0, zorder=1.5)
    for one, points in series:
        _draw_series(axes, one, points)
    for x, y, text in panel.notes:
        note = {"fontsize": 6.5, "color": "0.35", "ha": "center", "va": "center", "clip_on": True}
        axes.text(x, y, style.one_line(text), **note, parse_math=False)
    paper.panel_title(axes, title_of(panel))
    axes.set_xlabel(panel.x_label, parse_math=False)
    axes.set_ylabel(panel.y_label, parse_math=False)
    _set_axes(axes, panel)


def _draw_series(axes: Axes, series: Series, points: Points) -> None:
    if series.line:
        axes.plot(
            *(points.x, points.y),
            color=series.colour,
            linestyle=DASHES[series.line],
            linewidth=series.width,
            alpha=series.opacity,
            path_effects=_halo(series),
            zorder=2.2,
        )
    if points.bars.any():
        side = "xerr" if series.intervals_along_x else "yerr"
        bars: dict[str, Any] = {side: bar_lengths(series, points), "fmt": "none", "ecolor": series.colour}
        axes.errorbar(points.x[points.bars], points.y[points.bars], **bars, elinewidth=1, capsize=2, zorder=2.3)
    if series.marker:
        shown = points.there
        axes.scatter(
            points.x[shown],
            points.y[shown],
            s=points.size[shown] ** 2,
            marker=series.marker[0],
            facecolors=_faces(series, points)[shown],
            edgecolors="white" if series.halo else series.colour,
            linewidths=np.where(points.hollow[shown], 1.2, 0.6).tolist(),
            zorder=2.4,
        )
    for place, letter in enumerate(series.letters or ()):
        inside = {"ha": "center", "va": "center_baseline", "fontsize": 7, "fontweight": "bold", "zorder": 2.5}
        if points.there[place]:
            axes.text(points.x[place], points.y[place], letter, **inside, parse_math=False)


def _halo(series: Series) -> list[Any] | None:
    """White along a line."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=series.width + 1.6, foreground="white"), Normal()] if series.halo else None


def _faces(series: Series, points: Points) -> np.ndarray:
    """Fill colours of the marks; [point, red green blue]."""
    from matplotlib.colors import to_rgb

    faces = np.tile(to_rgb(series.colour), (len(points.x), 1))
    if series.values is not None and series.scale is not None:
        colours = style.colour_map(series.scale.colours)
        for place, value in enumerate(np.asarray(series.values, dtype=float).ravel()):
            known = math.isfinite(value)
            faces[place] = colours[round(255 * series.scale.place(value))] if known else style.ABSENT
    faces[points.hollow] = 1.0
    return faces


def _set_axes(axes: Axes, panel: Panel) -> None:
    from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

    seen = [points_of(series, panel) for series in panel.series]
    for name, log, limits in (("x", panel.log_x, panel.x_range), ("y", panel.log_y, panel.y_range)):
        axis = getattr(axes, f"{name}axis")
        if log and any(points.there.any() for points in seen):
            getattr(axes, f"set_{name}scale")("log")
        if limits:
            getattr(axes, f"set_{name}lim")(limits)
        if axis.get_scale() == "log":
            ticks = log_ticks(*sorted(axis.get_view_interval()))
            axis.set_major_locator(FixedLocator(ticks))
            axis.set_ticklabels([tick_label(tick, "$10^{{{}}}$") for tick in ticks])
            axis.set_minor_locator(NullLocator())
    if panel.whole_x and not panel.log_x:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    if panel.rows is not None:
        names = [style.one_line(name) for name in panel.rows]
        axes.set_yticks(range(len(names)), names, parse_math=False)
        axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        if axes.get_xscale() == "linear" and not panel.whole_x:  # beside the names there is less room for numbers
            axes.locator_params(axis="x", nbins=5)
    if panel.equal:
        axes.set_aspect("equal", adjustable="box" if panel.field else "datalim")
    if panel.field and panel.equal:
        axes.locator_params(nbins=5)


def draw_heat_map(axes: Axes, panel: HeatMap) -> None:
    """Draw a matrix that fills its axes, or one of square cells."""
    paper.heat_map(axes, panel.matrix, panel.scale, panel.decimals, panel.most_printed)
    axes.set_aspect("equal" if panel.square else "auto")
    rows, columns = (style.all_shortened(names, panel.label_length) for names in (panel.rows, panel.columns))
    paper.matrix_axes(axes, (rows, columns), (panel.y_label, panel.x_label), panel.most_labels)
    paper.panel_title(axes, title_of(panel))


def mappable(axes: Axes, scale: style.Scale) -> ScalarMappable:
    """The content of a scale's key."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    if axes.images:
        return axes.images[0]
    return ScalarMappable(paper.norm(scale), colormaps[scale.colours])


def legend_keys(chart: Chart) -> list[Artist]:
    """Labelled lines, and what intervals are for, for the legend of a figure, for `paper.finish`."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    keys: list[Artist] = []
    for series in legend_entries(chart.panels):
        filled = "0.6" if series.values is not None else series.colour
        looks: dict[str, Any] = {"color": series.colour, "linewidth": series.width}
        looks["linestyle"] = DASHES[series.line] if series.line else "none"
        if series.marker:
            size = 5.0 if np.ndim(series.size) else min(max(float(series.size), 5.0), 8.0)
            looks |= {"marker": series.marker[0], "markersize": size}
            looks["markerfacecolor"] = "white" if np.all(series.hollow) else filled
        keys.append(Line2D([], [], **looks, label=style.one_line(series.name)))
    for label, band in interval_keys(chart):
        bar = {"color": "0.5", "linewidth": 1, "marker": "|", "markersize": 6}
        keys.append(Patch(color="0.8", label=label) if band else Line2D([], [], **bar, label=label))
    return keys
