"""Figures as files: the same bytes for the same figure, each complete or not there."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape import durable
from modescape.plots import page_script, paper
from modescape.plots.packed import script_json
from modescape.storage import ObjectPath

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACE_DIGITS = 6  # of a panel's edges, as shares of the figure: a thousandth of a pixel
SCRIPT = "figures.js"  # beside the pages of a folder, which share it

# scripts and pictures: from beside the page (on a disk no origin is "self", hence file:), none inside it; no network
POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'unsafe-inline'; img-src 'self' file: data:; "
    "base-uri 'none'; form-action 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<figure>
{drawn}<figcaption>{caption}</figcaption>
</figure>
</main>
{end}</body>
</html>
"""

PICTURE = '<img src="{name}.svg" alt="{title}">'

DRAWN = """<div class="plot" data-figure="figure-{name}"><noscript>{picture}</noscript></div>
"""

SPACE = """<div class="space" data-figure="figure-{name}"></div>
"""

END = """<footer><p>This page takes figures.js from beside it and needs no network; {carries}.</p></footer>
<script type="application/json" id="figure-{name}">{data}</script>
<script charset="utf-8" src="figures.js"></script>
"""


def save_files(
    name: str, figure: Figure, interactive: Mapping[str, Any] | None, caption: str, table: str, folder: Path
) -> tuple[Path, ...]:
    """Write a figure as PNG, SVG and web page, its numbers as CSV; returns the paths.

    Args:
        name: of the files.
        figure: for papers, with its title.
        interactive: the figure as `plain_chart` wrote it; None: the web page shows the SVG.
        caption: plain text.
        table: as CSV.
        folder: made where it is missing.
    """
    title = figure.get_suptitle()
    settle(figure)
    contents = {
        f"{name}.png": image(figure, "png"),
        f"{name}.svg": image(figure, "svg"),
        f"{name}.html": page(name, interactive, title, caption).encode(),
        f"{name}.csv": table.encode("utf-8", "replace"),
    }
    durable.make_folder(folder)
    script, text = folder / SCRIPT, page_script.figure_script().encode()
    if interactive is not None and not _holds(script, text):
        durable.write_bytes(script, text)
    with durable.together(folder):
        for file_name, content in contents.items():
            durable.write_bytes(folder / file_name, content)
    return tuple(folder / file_name for file_name in contents)


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file has this content; of an object, which is whole or not there, the size says so."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return False
    return size == len(content) and (isinstance(path, ObjectPath) or path.read_bytes() == content)


def settle(figure: Figure) -> None:
    """Lay a figure out, once for all its files and at their resolution, and round the places of its panels.

    The layout alone is carried out, nothing is drawn: texts are measured by the renderer that draws them into the PNG
    afterwards, which knows them then. The solver behind the layout may differ in the last bit from one process to the
    next, which shows in the names inside an SVG: they are digests of places.
    """
    from modescape.plots.canvas import DOTS_PER_INCH

    figure.set_dpi(DOTS_PER_INCH)
    engine = figure.get_layout_engine()
    with drawing():
        for axes in figure.axes:
            _fix_title(axes)
        if engine is not None:
            engine.execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        left, bottom, width, height = (round(value, PLACE_DIGITS) for value in axes.get_position(original=True).bounds)
        axes.set_position((left, bottom, width, height))


def _fix_title(axes: Axes) -> None:
    """Say that a title stays where it is: else the labels below it are measured again and again.

    Not where the axis has a power of ten in that corner: the title then moves up.
    """
    title, axis = axes.get_title(loc="left"), axes.yaxis
    formatter = axis.get_major_formatter()
    formatter.format_ticks(axis.get_majorticklocs().tolist())
    if title and not formatter.get_offset():
        axes.set_title(title, loc="left", y=1.0)


def image(figure: Figure, kind: str) -> bytes:
    """A settled figure as PNG or SVG, without a date."""
    from modescape.plots import canvas

    with drawing():
        return canvas.png(figure) if kind == "png" else canvas.svg(figure)


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """A block that draws in our own looks, whatever the user's are."""
    with paper.looks(), warnings.catch_warnings():
        # class names may be in any script; matplotlib draws a box for a letter it has no shape of
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)
        yield


def page(name: str, interactive: Mapping[str, Any] | None, title: str, caption: str) -> str:
    """A figure with its title and caption as a web page: drawn by figures.js from beside it, or its SVG."""
    shown, end = PICTURE.format(name=name, title=html.escape(title)), ""
    if interactive is None:
        drawn = f'<div class="plot">{shown}</div>\n'
    else:
        drawn = DRAWN.format(name=name, picture=shown) + (SPACE.format(name=name) if "scene" in interactive else "")
        end = END.format(name=name, data=script_json(interactive), carries=page_script.CARRIES)
    return PAGE.format(
        policy=POLICY,
        title=html.escape(title),
        style=page_script.figure_style(),
        drawn=drawn,
        caption=html.escape(caption),
        end=end,
    )


def script_hash(script: str) -> str:
    """The source expression of a content security policy that allows this very script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
