"""The scripts (`plots/page/`, using D3) and styles that a page includes to draw figures."""

from __future__ import annotations

from importlib import resources

SCRIPTS = ("kit.js", "marks.js", "legend.js", "axes.js", "cells.js", "panel.js", "matrix.js", "figure.js", "scene.js")
STYLES = ("colours.css", "chart.css")
# said on every page; the texts of the licences are in its script
CARRIES = "it carries D3 (ISC; parts of it BSD-3-Clause, MIT, Apache-2.0 and Unlicense)"


def script(*more: str) -> str:
    """D3 with its licence, then the scripts that draw figures, then ``more``, as one script.

    `modescape.show(element, chart)` draws what `plain_chart` wrote, `modescape.showScene(element, chart)` its scene,
    `modescape.read(id)` gives it from the script element that holds it.
    """
    licence = f"/*\nD3, https://d3js.org\n\n{_text('vendor/d3.LICENSE')}*/"
    return "\n".join(['"use strict";', licence, _text("vendor/d3.min.js"), *map(_text, SCRIPTS), *more])


def figure_script() -> str:
    """The script beside pages of one figure each."""
    return script(_text("draw.js"))


def style() -> str:
    """The colours of a page, light and dark, and how figures look."""
    return "\n".join(map(_text, STYLES))


def figure_style() -> str:
    """The style of a page of one figure."""
    return "\n".join([style(), _text("figure.css")])


def _text(name: str) -> str:
    return resources.files("modescape.plots").joinpath("page", *name.split("/")).read_text(encoding="utf-8")
