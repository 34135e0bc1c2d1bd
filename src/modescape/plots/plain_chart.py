"""Charts as data: what the page's script draws (`plots/page/figure.js`), of what JSON knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modescape.plots import fields, style
from modescape.plots.interval_keys import interval_covers, interval_keys, title_of
from modescape.plots.packed import plain
from modescape.plots.panels import (
    Chart,
    Field,
    HeatMap,
    Panel,
    Points,
    Scene,
    Series,
    View,
    bar_lengths,
    is_key,
    legend_entries,
    log_ticks,
    named_rows,
    points_of,
    scales_of,
    shares_rows,
    span,
    tick_label,
)

ABOVE = 0.012  # of the height of a scene's box: lines lie so far above their surface, else they would sink in half

Plain = dict[str, Any]


def plain_chart(chart: Chart) -> Plain:
    """A figure as data for the page: its panels, its legend, its colour scales, and its scene where it has one.

    Arrays are bytes in base 64 with their type (`packed.plain`), texts are plain, of `style.TEXT_LENGTH` characters at
    most. What is not set is left out.
    """
    scales = list(dict.fromkeys(scale for panel in chart.panels for scale in scales_of(panel)))
    if chart.scene:
        scales = list(dict.fromkeys([*scales, *(view.field.scale for view in chart.scene.views)]))
    number = {scale: at for at, scale in enumerate(scales)}
    panels = [_panel(chart, panel, number) for panel in chart.panels]
    for at, panel in enumerate(panels):
        if shares_rows(chart.panels, at, chart.columns) and isinstance(chart.panels[at], type(chart.panels[at - 1])):
            panel["shares"] = True  # the rows of its left neighbour; a matrix has other heights than a panel of series
    whole: Plain = {
        "title": chart.title,
        "columns": chart.columns,
        "height": chart.panel_height,
        "panels": panels,
        "legend": [_entry(series) for series in legend_entries(chart.panels)],
        "intervals": [{"name": text, "band": band or None} for text, band in interval_keys(chart)] or None,
        "scales": [_scale(scale) for scale in scales],
        "scene": _scene(chart.scene, number) if chart.scene and chart.scene.views else None,
    }
    return plain(_cut(whole))


def _cut(value: Any) -> Any:
    """A value whose texts have an end: names are a stranger's."""
    if isinstance(value, dict):
        return {name: _cut(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, str) and len(value) > style.TEXT_LENGTH:
        return value[: style.TEXT_LENGTH - 1] + "…"
    return value


def _entry(series: Series) -> Plain:
    """An entry of the legend."""
    return {"name": series.name, "group": series.group or series.name, **_looks(series)}


def _looks(series: Series) -> Plain:
    looks: Plain = {"colour": series.colour, "line": series.line, "width": round(1.3 * series.width, 2)}
    looks["marker"] = series.marker[1] if series.marker else None
    if np.ndim(series.hollow) == 0 and series.hollow:
        looks["hollow"] = True
    if series.values is not None:
        looks["outlined"] = True
    return looks


def _scale(scale: style.Scale) -> Plain:
    """A colour scale: its ends as they are drawn, colours evenly over the map, its ticks with their labels."""
    places = np.linspace(0, 255, 33).round().astype(int)
    colours = (255 * style.colour_map(scale.colours)[places]).round().astype(int)
    low, high = (float(end) for end in scale.drawn(np.array([scale.low, scale.high])))
    ticks = [tick for tick in scale.ticks if not scale.root or tick == 0 or (tick - low) / (high - low) >= 0.1]
    return {
        "low": low,
        "high": high,
        "log": scale.log or None,
        "root": scale.root or None,
        "colours": ["#{:02x}{:02x}{:02x}".format(*colour) for colour in colours.tolist()],
        "ticks": [[float(scale.drawn(np.array(tick))), _tick(tick)] for tick in ticks],
        "label": scale.label,
    }


def _tick(tick: float) -> str:
    """A number, powers of ten with raised digits."""
    if tick <= 0:
        return f"{tick:g}"
    text = tick_label(tick, "^{}")
    return "10" + text[1:].translate(style.SUPERSCRIPTS) if text.startswith("^") else text


def _panel(chart: Chart, panel: Panel | HeatMap, scales: dict[style.Scale, int]) -> Plain:
    if isinstance(panel, HeatMap):
        return _matrix(panel, scales)
    seen = [(series, points_of(series, panel)) for series in panel.series]
    drawn = [
        _series(series, points, scales, interval_covers(chart, panel, series))
        for series, points in seen
        if points.there.any()
    ]
    axes = {
        "x": _axis(panel.x_label, panel.log_x, panel.x_range, [points.x[points.there] for _, points in seen]),
        "y": _axis(panel.y_label, panel.log_y, panel.y_range, [points.y[points.there] for _, points in seen]),
    }
    axes["x"]["whole"] = panel.whole_x or None
    return {
        "title": title_of(panel),
        **axes,
        "equal": panel.equal or None,
        "rows": list(panel.rows) if panel.rows is not None else None,
        "named": named_rows(panel) if panel.rows is not None else None,
        "notes": [list(note) for note in panel.notes] or None,
        "field": _field(panel.field, scales) if panel.field else None,
        "wide": panel.wide or None,
        "tall": panel.height if panel.height != 1 else None,
        "series": drawn,
    }


def _axis(label: str, log: bool, limits: tuple[float, float] | None, values: Sequence[np.ndarray]) -> Plain:
    low, high = limits or span(*values, default=(1.0, 10.0))
    axis: Plain = {"label": label, "range": [float(low), float(high)] if limits else None}
    if log:
        axis |= {"log": True, "ticks": [[tick, _tick(tick)] for tick in log_ticks(low / 1.3, high * 1.3)]}
    return axis


def _series(series: Series, points: Points, scales: dict[style.Scale, int], covers: str) -> Plain:
    one: Plain = {"name": series.name, "group": series.group or series.name, **_looks(series)}
    one |= {"x": points.x.astype(np.float32), "y": points.y.astype(np.float32)}
    if points.band.any():
        one["band"] = [np.where(points.band, ends, np.nan).astype(np.float32) for ends in (points.low, points.high)]
    if points.bars.any():
        middle, lengths = (points.x if series.intervals_along_x else points.y), np.full((2, len(points.x)), np.nan)
        lengths[:, points.bars] = bar_lengths(series, points)
        one["bars"] = [(middle - lengths[0]).astype(np.float32), (middle + lengths[1]).astype(np.float32)]
        one["along"] = "x" if series.intervals_along_x else None
    if points.band.any() or points.bars.any():
        one["covers"] = covers or None
    one["size"] = float(series.size) if np.ndim(series.size) == 0 else points.size.astype(np.float32)  # type: ignore[arg-type]
    if np.ndim(series.hollow):
        one["hollow"] = points.hollow.astype(np.int8)
    if series.values is not None and series.scale is not None:
        values = np.asarray(series.values, dtype=float).ravel()
        one |= {"values": series.scale.drawn(values).astype(np.float32), "scale": scales[series.scale]}
    one |= {"hover": list(series.hover) if series.hover is not None else None, "silent": series.silent or None}
    if series.numbers:
        one["numbers"] = [series.numbers[0], np.asarray(series.numbers[1])]
    one |= {"opacity": series.opacity if series.opacity != 1 else None, "halo": series.halo or None}
    one["letters"] = list(series.letters) if series.letters else None
    return one


def _field(field: Field, scales: dict[style.Scale, int]) -> Plain:
    """Cells by their edges; of a sector the middles, which the page draws finer."""
    x, y, values = (np.asarray(part, dtype=float) for part in (field.x, field.y, field.values))
    return {
        "x": (x if field.polar else fields.edges(x)).astype(np.float32),
        "y": (np.radians(y) if field.polar else fields.edges(y)).astype(np.float32),
        "values": field.scale.drawn(values).astype(np.float32),
        "scale": scales[field.scale],
        "unit": field.unit or None,
        "levels": fields.levels_of(field) or None,
        "polar": field.polar or None,
    }


def _matrix(panel: HeatMap, scales: dict[style.Scale, int]) -> Plain:
    matrix = np.asarray(panel.matrix, dtype=float)
    printed = matrix.shape[0] <= panel.most_printed[0] and matrix.shape[1] <= panel.most_printed[1]
    return {
        "title": panel.title,
        "matrix": matrix.astype(np.float32),
        "x": {"label": panel.x_label},
        "y": {"label": panel.y_label},
        "rows": list(panel.rows),
        "names": list(panel.columns),
        "most": panel.most_labels,
        "length": panel.label_length,
        "scale": scales[panel.scale],
        "decimals": panel.decimals,
        "printed": printed or None,
        "square": panel.square or None,
        "extra": np.asarray(panel.extra, dtype=np.float32) if panel.extra is not None else None,
        "unit": panel.extra_unit or None,
        "low": np.asarray(panel.low, dtype=np.float32) if panel.low is not None else None,
        "high": np.asarray(panel.high, dtype=np.float32) if panel.high is not None else None,
        "covers": panel.covers or None,
    }


def _scene(scene: Scene, scales: dict[style.Scale, int]) -> Plain:
    scale = scene.views[0].field.scale
    ticks = [[float(np.log10(tick)), _tick(tick)] for tick in log_ticks(scale.low, scale.high)] if scale.log else None
    return {
        "title": scene.title,
        "z": {"label": scene.z_label, "ticks": ticks},
        "scale": scales[scale],
        "height": scene.height,
        "views": [_view(view) for view in scene.views],
    }


def _view(view: View) -> Plain:
    field, scale = view.field, view.field.scale
    low, high = (float(end) for end in scale.drawn(np.array([scale.low, scale.high])))
    lines = []
    for series in view.series:
        if is_key(series):
            continue
        x, y = (np.asarray(values, dtype=float) for values in (series.x, series.y))
        z = scale.drawn(fields.height(field, x, y)) + ABOVE * (high - low)
        places = {axis: values.astype(np.float32) for axis, values in zip("xyz", (x, y, z), strict=True)}
        letters = list(series.letters) if series.letters else None
        lines.append({"name": series.name, **_looks(series), **places, "letters": letters, "size": np.max(series.size)})
    return {
        "name": view.name,
        "x": {"label": view.x_label, "at": np.asarray(field.x, dtype=np.float32)},
        "y": {"label": view.y_label, "at": np.asarray(field.y, dtype=np.float32)},
        "values": scale.drawn(np.asarray(field.values, dtype=float)).astype(np.float32),
        "unit": field.unit or None,
        "series": lines,
    }
