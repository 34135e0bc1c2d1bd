"""Interactive figures as JSON that can stand inside a script element."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modescape.plain import visible

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Embedded:
    """A figure to be put into the page."""

    json: str  # data and layout, safe inside a script element
    columns: int  # panels side by side: how much width it needs
    height: int  # pixels
    caption: str  # how things are drawn, plain text
    scene: str = ""  # data and layout of what stands below it in space, likewise; "" where there is nothing
    scene_height: int = 0  # pixels


def embedded_figure(name: str, dataset: xr.Dataset) -> Embedded | None:
    """The figure of an analysis, drawn from its result; None when the analysis has no figure."""
    from modescape.analyses import ANALYSES, figures
    from modescape.plots import charts

    if name not in ANALYSES:
        return None
    chart = figures.described(name, dataset)
    sheet, space = charts.sheet(chart), charts.space(chart)
    caption = figures.caption(name, dataset)
    scene = (script_json(space.plain()), int(space.layout["height"])) if space else ("", 0)
    return Embedded(script_json(sheet.plain()), sheet.columns(), int(sheet.layout["height"]), caption, *scene)


def script_json(value: Any) -> str:
    """JSON that no HTML parser mistakes for markup: <, >, & and everything beyond ASCII are written as escapes.

    Unseen and direction-changing characters inside text are written out, as everywhere on the page.
    """
    text = json.dumps(_visible(value), ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [_visible(item) for item in value]
    if isinstance(value, dict):
        return {_visible(key): _visible(item) for key, item in value.items()}
    return value
