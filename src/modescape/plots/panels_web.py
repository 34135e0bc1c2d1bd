"""Panels for the page: traces of Plotly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from modescape.plots import fields, style, web
from modescape.plots.panels import (
    BAND,
    Panel,
    Points,
    Series,
    band_opacity,
    bar_lengths,
    is_key,
    log_ticks,
    points_of,
    runs,
    span,
    tick_label,
)
from modescape.plots.sheet import Sheet, scatter

PIXELS = 1.7  # to a point of a mark


def trace_panel(
    figure: Sheet,
    place: tuple[int, int],
    panel: Panel,
    named: set[str],
    keys: dict[style.Scale, str] | None = None,
) -> None:
    """Draw one panel into a figure of `web.panels`, for figures of several kinds of panels.

    Args:
        figure: made by `web.panels`.
        place: row and column of the panel, from 1.
        panel: what to draw; its title is the caller's to write.
        named: groups that stand in the legend already; those of this panel are added.
        keys: scale -> its colour axis, declared by the caller.
    """
    series = [(one, points_of(one, panel)) for one in panel.series]
    opacity = band_opacity(panel)
    if panel.field:
        fields.trace_field(figure, place, panel.field, panel.title, (keys or {})[panel.field.scale])
    for one, points in series:
        _trace_band(figure, place, one, points, opacity)
    for one, points in series:
        if is_key(one) or points.there.any():
            group = one.group or one.name
            _trace_series(figure, place, panel, one, points, one.in_legend and group not in named, keys or {})
            if one.in_legend:
                named.add(group)
    _trace_notes(figure, place, panel)
    _update_axes(figure, place, panel)


def _trace_band(figure: Sheet, place: tuple[int, int], series: Series, points: Points, opacity: float) -> None:

    x, y = [], []
    for run in runs(points.band):
        x += [points.x[run], points.x[run][::-1], [np.nan]]
        y += [points.low[run], points.high[run][::-1], [np.nan]]
    if not x:
        return
    band = scatter(
        x=np.concatenate(x)[:-1].astype(np.float32),
        y=np.concatenate(y)[:-1].astype(np.float32),
        fill="toself",
        fillcolor=style.transparent(series.colour, round(opacity, 3)),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        legendgroup=style.escaped(series.group or series.name),
        showlegend=False,
    )
    figure.add_trace(band, *place)


def _trace_series(
    figure: Sheet,
    place: tuple[int, int],
    panel: Panel,
    series: Series,
    points: Points,
    in_legend: bool,
    keys: dict[style.Scale, str],
) -> None:
    modes = ["lines"] * bool(series.line) + ["markers"] * bool(series.marker)
    looks: dict[str, Any] = {"mode": "+".join(modes) or "none"}
    if series.line:
        colour = series.colour if series.opacity == 1 else style.transparent(series.colour, round(series.opacity, 3))
        looks["line"] = {"color": colour, "width": 1.3 * series.width, "dash": series.line}
    if series.marker:
        looks["marker"] = _marks(series, points, keys)
    if points.bars.any():
        looks["error_x" if series.intervals_along_x else "error_y"] = _bars(series, points)
    name = style.escaped(series.name)
    text = _hover(panel, series, points)
    labels = style.escaped(panel.x_label), style.escaped(panel.y_label)
    lines = [name, f"{labels[0]}: %{{x:.4g}}", *([] if panel.rows else [f"{labels[1]}: %{{y:.4g}}"])]
    if series.numbers:
        lines.append(f"{style.escaped(series.numbers[0])} %{{customdata}}")
        looks["customdata"] = np.asarray(series.numbers[1])
    if series.letters:
        looks |= {"mode": "markers+text", "textfont": {"color": "black", "size": 11}}
        text = [style.escaped(letter) for letter in series.letters]
    lines += ["%{text}"] if text else []
    looks |= {"hoverinfo": "skip"} if series.silent else {"hovertemplate": "<br>".join(lines) + "<extra></extra>"}
    if series.halo and series.line:
        _trace_halo(figure, place, series, points)
    trace = scatter(
        x=points.x.astype(np.float32) if len(points.x) else [None],
        y=points.y.astype(np.float32) if len(points.y) else [None],
        name=name,
        text=text,
        legendgroup=style.escaped(series.group or series.name),
        showlegend=in_legend and not _marks_differ(series),
        **looks,
    )
    figure.add_trace(trace, *place)
    if in_legend and _marks_differ(series):
        _trace_entry(figure, place, series, looks)


def _trace_entry(figure: Sheet, place: tuple[int, int], series: Series, looks: dict[str, Any]) -> None:
    """The entry of the legend of a series whose marks differ, in one look."""
    filled = series.colour if series.values is None else web.GREY
    outline = {"width": 0 if series.values is None else 1.5, "color": series.colour}
    symbol = series.marker[1] if series.marker else None
    looks["marker"] = {"color": filled, "size": 4 * PIXELS, "symbol": symbol, "line": outline}
    key = {part: looks[part] for part in ("mode", "line", "marker") if part in looks}
    name, group = style.escaped(series.name), style.escaped(series.group or series.name)
    figure.add_trace(scatter(x=[None], y=[None], name=name, legendgroup=group, showlegend=True, **key), *place)


def _trace_halo(figure: Sheet, place: tuple[int, int], series: Series, points: Points) -> None:
    """White below a line."""
    halo = scatter(
        x=points.x.astype(np.float32),
        y=points.y.astype(np.float32),
        mode="lines",
        line={"color": "white", "width": 1.3 * series.width + 2.5},
        hoverinfo="skip",
        legendgroup=style.escaped(series.group or series.name),
        showlegend=False,
    )
    figure.add_trace(halo, *place)


def _marks_differ(series: Series) -> bool:
    """Whether marks differ from point to point: the legend then has a plain one, Plotly's own would be their mean."""
    differ = np.ndim(series.size) or np.ndim(series.hollow) or series.values is not None
    return bool(series.marker and differ)


def _marks(series: Series, points: Points, keys: dict[style.Scale, str]) -> dict[str, Any]:
    assert series.marker is not None
    symbol = series.marker[1]
    outline = np.where(points.hollow, 2.0, 0.0)
    marks: dict[str, Any] = {"color": series.colour, "opacity": 1}
    if series.values is not None and series.scale is not None:
        marks |= {"color": np.asarray(series.values, dtype=np.float32).ravel(), "coloraxis": keys[series.scale]}
        outline = np.full(len(points.x), 1.5)
    one_size = np.ndim(series.size) == 0
    marks["size"] = PIXELS * float(series.size) if one_size else (PIXELS * points.size).round(2)  # type: ignore[arg-type]
    if np.ndim(series.hollow) == 0:
        marks["symbol"] = f"{symbol}-open" if series.hollow else symbol
        width = float(outline[0]) if outline.size else 2.0 * bool(series.hollow)
    else:
        marks["symbol"] = [f"{symbol}-open" if hollow else symbol for hollow in points.hollow]
        width = outline
    marks["line"] = {"width": width, "color": series.colour}
    if series.halo:
        marks["line"] = {"width": 1, "color": "white"}
    if series.letters:
        marks |= {"color": "white", "symbol": symbol}
    return marks


def _bars(series: Series, points: Points) -> dict[str, Any]:
    ends = np.full((2, len(points.x)), np.nan)  # of zero length they would still have caps
    ends[:, points.bars] = bar_lengths(series, points)
    bars: dict[str, Any] = {"type": "data", "symmetric": False, "thickness": 1.5, "width": 4, "color": series.colour}
    return bars | {"array": ends[1].astype(np.float32), "arrayminus": ends[0].astype(np.float32)}


def _hover(panel: Panel, series: Series, points: Points) -> list[str] | None:
    """Lines under the pointer beyond name and place, one text a point."""
    intervals = series.low is not None
    if not (intervals or panel.rows or series.hover) or is_key(series):
        return None
    texts = []
    for place in range(len(points.x)):
        lines = []
        y = points.y[place]
        if panel.rows and math.isfinite(y) and 0 <= round(y) < len(panel.rows):
            lines.append(style.escaped(panel.rows[round(y)]))
        if series.hover is not None:
            lines.append(style.escaped(series.hover[place]))
        if math.isfinite(points.low[place]) and math.isfinite(points.high[place]):
            lines.append(f"{BAND} {points.low[place]:.4g} to {points.high[place]:.4g}")
        texts.append("<br>".join(lines))
    return texts


def _trace_notes(figure: Sheet, place: tuple[int, int], panel: Panel) -> None:

    if panel.notes:
        x, y, texts = zip(*panel.notes, strict=True)
        notes = scatter(
            x=np.array(x, dtype=float),
            y=np.array(y, dtype=float),
            mode="text",
            text=[style.escaped(text) for text in texts],
            textfont={"size": 10},
            hoverinfo="skip",
            showlegend=False,
        )
        figure.add_trace(notes, *place)


def _update_axes(figure: Sheet, place: tuple[int, int], panel: Panel) -> None:
    row, column = place
    seen = [points_of(series, panel) for series in panel.series]
    x, y = (
        {"title": {"text": style.escaped(label)}, "exponentformat": "power"}  # else 2e-5 is written 20µ
        for label in (panel.x_label, panel.y_label)
    )
    for axis, log, limits, name in ((x, panel.log_x, panel.x_range, "x"), (y, panel.log_y, panel.y_range, "y")):
        low, high = limits or span(*(getattr(points, name)[points.there] for points in seen), default=(1.0, 10.0))
        if log:
            ticks = log_ticks(low / 1.3, high * 1.3)
            axis |= {"type": "log", "tickvals": ticks}
            axis["ticktext"] = [tick_label(tick, "10<sup>{}</sup>") for tick in ticks]
        if limits:
            axis["range"] = [math.log10(end) if log else end for end in limits]
        if name == "x" and panel.whole_x and not log:
            axis |= {"dtick": 1} if high - low <= 12 else {}
    if panel.rows is not None:
        y |= {"tickvals": list(range(len(panel.rows))), "ticktext": [style.escaped(name) for name in panel.rows]}
        y["range"] = [len(panel.rows) - 0.5, -0.5]
    if panel.equal:  # a range is widened until both axes have one scale; panels keep their size
        y["scaleanchor"] = figure.anchor(place)
    figure.update_xaxes(**x, row=row, col=column)
    figure.update_yaxes(**y, row=row, col=column)
