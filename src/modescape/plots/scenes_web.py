"""Scenes for the page: fields as surfaces in space that are turned with the pointer or the keys, one seen at a time.

Browsers hold few WebGL contexts: a figure has one scene at most, and the views of a scene share it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from modescape.plots import fields, style, web
from modescape.plots.panels import Scene, Series, View, log_ticks, tick_label
from modescape.plots.sheet import Trace, plain

EYE = {"x": 0.95, "y": -1.3, "z": 0.85}  # from where a scene is seen at first, in half lengths of its box
RATIO = {"x": 1.0, "y": 1.0, "z": 0.62}  # of the box
LIGHT = {"ambient": 0.75, "diffuse": 0.5, "specular": 0.08, "roughness": 0.9}  # colours stay near those of the key
MARK = 0.6  # pixels to a point of a mark
KEY = "coloraxis"


@dataclass(frozen=True)
class Space:
    """A figure of the page with one scene, as plain data: traces and layout as Plotly takes them."""

    traces: list[Trace]
    layout: dict[str, Any]

    def figure(self) -> dict[str, Any]:
        """Traces and layout, arrays as they are: what `plotly.graph_objects.Figure` is made from."""
        return {"data": self.traces, "layout": {"template": {}, **self.layout}}

    def plain(self) -> dict[str, Any]:
        """The same of what JSON knows."""
        return plain(self.figure())


def space(scene: Scene) -> Space:
    """The figure of a scene: the first view, and a menu of the views where there are several.

    The page makes the menu a list that keys reach, and adds buttons that turn the scene (`report/page.js`).
    """
    traces, owners = [], []
    for number, view in enumerate(scene.views):
        own = [_surface(view), *_lines(view)]
        traces += [{**trace, "visible": number == 0} for trace in own]
        owners += [number] * len(own)
    first = scene.views[0]
    layout: dict[str, Any] = {
        "height": scene.height,
        "autosize": True,
        "font": {"family": web.FONT, "size": 12},
        "paper_bgcolor": web.CLEAR,
        "margin": {"l": 0, "r": 0, "t": 44, "b": 0},
        "showlegend": False,
        "hoverlabel": {"align": "left"},
        "title": {"text": style.escaped(scene.title), "x": 0.01, "xanchor": "left", "y": 0.99, "yanchor": "top"},
        "scene": {
            "xaxis": _axis(first.x_label),
            "yaxis": _axis(first.y_label),
            "zaxis": _height_axis(scene),
            "aspectmode": "manual",
            "aspectratio": RATIO,
            "camera": {"eye": EYE, "center": {"x": 0, "y": 0, "z": -0.1}},
            "bgcolor": web.CLEAR,
        },
        KEY: _key(scene),
    }
    layout["title"]["font"] = {"size": 13}
    if len(scene.views) > 1:
        layout["updatemenus"] = [_menu(scene, owners)]
    return Space(traces, layout)


def _surface(view: View) -> Trace:
    field, scale = view.field, view.field.scale
    values = np.asarray(field.values, dtype=float)
    unit = f" {style.escaped(field.unit)}" if field.unit else ""
    place = f"at (%{{x:.2f}}, %{{y:.2f}}): %{{customdata:.3g}}{unit}"
    return {
        "type": "surface",
        "x": np.asarray(field.x, dtype=np.float32),
        "y": np.asarray(field.y, dtype=np.float32),
        "z": scale.drawn(values).astype(np.float32),
        "customdata": values.astype(np.float32),
        "coloraxis": KEY,
        "lighting": LIGHT,
        "connectgaps": False,
        "hovertemplate": f"{style.escaped(view.name)}<br>{place}<extra></extra>",
        "contours": {axis: {"highlight": False} for axis in "xyz"},
    }


def _lines(view: View) -> list[Trace]:
    """Lines and marks on the surface, a little above it, else they would be seen half sunk in."""
    scale = view.field.scale
    low, high = (float(end) for end in scale.drawn(np.array([scale.low, scale.high])))
    traces = []
    for series in view.series:
        x, y = (np.asarray(values, dtype=float) for values in (series.x, series.y))
        z = scale.drawn(fields.height(view.field, x, y)) + 0.012 * (high - low)
        looks = _looks(series)
        if series.letters:  # on stems, or hills would hide them
            looks, x, y, z = _stems(series, x, y, z, high - 0.03 * (high - low))  # what is at the very top is cut off
        name = style.escaped(series.name)
        packed = {axis: values.astype(np.float32) for axis, values in zip("xyz", (x, y, z), strict=True)}
        own = {"type": "scatter3d", "name": name, "hovertemplate": f"{name}<extra></extra>"}
        traces.append({**own, **packed, **looks})
    return traces


def _looks(series: Series) -> dict[str, Any]:
    looks: dict[str, Any] = {"mode": "+".join(["lines"] * bool(series.line) + ["markers"] * bool(series.marker))}
    if series.line:
        looks["line"] = {"color": series.colour, "width": 3 * series.width, "dash": series.line}
    if series.marker:
        size = MARK * float(np.max(series.size))
        outline = {"color": "#FFFFFF", "width": 1}
        looks["marker"] = {"color": series.colour, "size": size, "symbol": _symbol(series), "line": outline}
    return looks


def _stems(
    series: Series, x: np.ndarray, y: np.ndarray, z: np.ndarray, top: float
) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray]:
    """Upright lines from points to the top of the box, with letters there."""
    nothing = np.full(len(x), np.nan)
    letters = [style.escaped(letter) for letter in series.letters or ()]
    texts = [text for letter in letters for text in ("", letter, "")]
    looks: dict[str, Any] = {"mode": "lines+text", "text": texts, "textposition": "top center"}
    looks["line"] = {"color": style.NEUTRAL, "width": 3}
    up = np.where(np.isfinite(z), top, z)
    rows = (np.stack([x, x, nothing]), np.stack([y, y, nothing]), np.stack([z, up, nothing]))
    xs, ys, zs = (row.T.ravel() for row in rows)
    return looks, xs, ys, zs


def _symbol(series: Series) -> str:
    """Plotly draws few marks in space."""
    known = {"circle", "square", "diamond", "cross", "x"}
    symbol = series.marker[1] if series.marker else "circle"
    return symbol if symbol in known else "diamond"


def _axis(label: str) -> dict[str, Any]:
    title = {"text": style.escaped(label), "font": {"size": 12}}
    return {"title": title, "nticks": 6, "gridcolor": web.GRID, "zeroline": False, "showbackground": False}


def _height_axis(scene: Scene) -> dict[str, Any]:
    scale = scene.views[0].field.scale
    low, high = (float(end) for end in scale.drawn(np.array([scale.low, scale.high])))
    axis = _axis(scene.z_label) | {"range": [low, high]}
    if scale.log:
        ticks = log_ticks(scale.low, scale.high)
        axis |= {"tickvals": [math.log10(tick) for tick in ticks]}
        axis["ticktext"] = [tick_label(tick, "10<sup>{}</sup>") for tick in ticks]
    return axis


def _key(scene: Scene) -> dict[str, Any]:
    """Colours without a bar: they say again what the height says."""
    scale = scene.views[0].field.scale
    low, high = (float(end) for end in scale.drawn(np.array([scale.low, scale.high])))
    return {"cmin": low, "cmax": high, "colorscale": web.colour_scale(scale), "showscale": False}


def _menu(scene: Scene, owners: list[int]) -> dict[str, Any]:
    """What Plotly does when a view is chosen: which traces are seen, and what the axes are called."""
    buttons = []
    for number, view in enumerate(scene.views):
        axes = {"scene.xaxis.title.text": view.x_label, "scene.yaxis.title.text": view.y_label}
        named = {path: style.escaped(label) for path, label in axes.items()}
        seen = {"visible": [owner == number for owner in owners]}
        buttons.append({"label": style.escaped(view.name), "method": "update", "args": [seen, named]})
    place = {"x": 0.99, "xanchor": "right", "y": 1.0, "yanchor": "bottom"}  # the title stands on the left
    return {"buttons": buttons, "type": "dropdown", "direction": "down", "showactive": True, **place}
