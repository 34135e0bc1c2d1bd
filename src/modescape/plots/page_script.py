"""What a page of ours carries to draw figures: scripts (`plots/page/`, on D3) and styles."""

from __future__ import annotations

from importlib import resources

SCRIPTS = ("kit.js", "marks.js", "legend.js", "axes.js", "cells.js", "panel.js", "matrix.js", "figure.js", "scene.js")
STYLES = ("colours.css", "chart.css")


def script(*more: str) -> str:
    """D3, then the scripts that draw figures, then ``more``, as one script: the object `modescape` is theirs alone.

    `modescape.show(element, chart)` draws what `plain_chart` wrote, `modescape.showScene(element, chart)` its scene,
    `modescape.read(id)` gives it from the script element that holds it.
    """
    return "\n".join(['"use strict";', _text("vendor/d3.min.js"), *map(_text, SCRIPTS), *more])


def style() -> str:
    """The colours of a page, light and dark, and how figures look."""
    return "\n".join(map(_text, STYLES))


def _text(name: str) -> str:
    return resources.files("modescape.plots").joinpath("page", *name.split("/")).read_text(encoding="utf-8")
