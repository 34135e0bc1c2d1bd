"""Figures as files: the same bytes for the same figure, each complete or not there."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape import durable
from modescape.plots import paper
from modescape.plots.scenes_web import Space
from modescape.plots.sheet import Sheet, to_json
from modescape.storage import ObjectPath

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACE_DIGITS = 6  # of a panel's edges, as shares of the figure: a thousandth of a pixel
CONFIG = '{"responsive": true, "displaylogo": false}'
PANEL_WIDTH = 310  # pixels that a panel needs: narrower windows scroll sideways

# scripts: from beside the page (on a disk no origin is "self", hence file:), its own by their hash; no network
POLICY = (
    "default-src 'none'; script-src 'self' file:{hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; base-uri 'none'; form-action 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 1.2rem auto; padding: 0 1rem; max-width: 72rem; color: #222; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }}
h1 {{ font-size: 1.3rem; margin: 0 0 .5rem; }}
.wide {{ overflow-x: auto; }}
.wide > div {{ min-width: {width}px; }}
p {{ color: #555; font-size: .9rem; max-width: 48rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<script charset="utf-8" src="plotly.min.js"></script>
<div class="wide"><div>
<div style="height:{height}px; width:100%;">
<div id="figure-{name}" class="plotly-graph-div" style="height:100%; width:100%;"></div>
<script>{script}</script>
</div>
</div></div>
{below}<p>{caption}</p>
</body>
</html>
"""

BELOW = """<div style="height:{height}px; width:100%;">
<div id="scene-{name}" class="plotly-graph-div" style="height:100%; width:100%;"></div>
<script>{script}</script>
</div>
"""


def save_files(
    name: str, figure: Figure, interactive: Sheet, caption: str, table: str, folder: Path, scene: Space | None = None
) -> tuple[Path, ...]:
    """Write a figure as PNG, SVG and web page (its scene below it), its numbers as CSV; returns the paths."""
    title = figure.get_suptitle()
    settle(figure)
    contents = {
        f"{name}.png": image(figure, "png"),
        f"{name}.svg": image(figure, "svg"),
        f"{name}.html": page(name, interactive, title, caption, scene).encode(),
        f"{name}.csv": table.encode("utf-8", "replace"),
    }
    durable.make_folder(folder)
    script, text = folder / "plotly.min.js", plotly_script()
    if not _holds(script, text):
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


def page(name: str, interactive: Sheet, title: str, caption: str, scene: Space | None = None) -> str:
    """An interactive figure with its title and caption as a web page that takes plotly.min.js from beside it."""
    scripts = [_script(f"figure-{name}", interactive.plain())]
    below = ""
    if scene is not None:
        scripts.append(_script(f"scene-{name}", scene.plain()))
        below = BELOW.format(name=name, height=int(scene.layout["height"]), script=scripts[-1])
    return PAGE.format(
        policy=POLICY.format(hashes="".join(f" '{script_hash(script)}'" for script in scripts)),
        name=name,
        title=html.escape(title),
        height=int(interactive.layout["height"]),
        width=PANEL_WIDTH * interactive.columns(),
        script=scripts[0],
        below=below,
        caption=html.escape(caption),
    )


def _script(place: str, drawn: dict[str, Any]) -> str:
    return f'Plotly.newPlot("{place}", {to_json(drawn["data"])}, {to_json(drawn["layout"])}, {CONFIG});'


def plotly_script() -> bytes:
    """Plotly's script, as its package brings it, without importing that."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "plotly is not installed; expected with modescape; install it with: pip install plotly"
        )
    return (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_bytes()


def script_hash(script: str) -> str:
    """The source expression of a content security policy that allows this very script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
