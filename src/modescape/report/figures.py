"""Interactive figures as JSON that can stand inside a script element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modescape.plots.packed import script_json

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
