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

    json: str  # what `plots/page/figure.js` draws, safe inside a script element
    caption: str  # how things are drawn, plain text
    has_scene: bool = False  # surfaces to be turned stand below it


def embedded_figure(name: str, dataset: xr.Dataset) -> Embedded | None:
    """The figure of an analysis, described from its result; None when the analysis has no figure."""
    from modescape.analyses import ANALYSES, figures
    from modescape.plots.plain_chart import plain_chart

    if name not in ANALYSES:
        return None
    chart = plain_chart(figures.described(name, dataset))
    return Embedded(script_json(chart), figures.caption(name, dataset), "scene" in chart)


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
