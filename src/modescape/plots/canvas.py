"""Renderers of matplotlib that look up the height of a font once: text is most of what a figure costs.

Imported by what draws, never at start-up: matplotlib is loaded with it.
"""

from __future__ import annotations

from io import BytesIO, TextIOWrapper
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from PIL import Image

DOTS_PER_INCH = 200
POINTS_PER_INCH = 72  # what an SVG counts in
PNG_LEVEL = 3  # of compression: one per cent larger than with 6, in two thirds of the time
TABLES = (  # of a font file, the first that it has: table, keys of the gap between lines, ascent and descent
    ("OS/2", "sTypoLineGap", "sTypoAscender", "sTypoDescender"),
    ("hhea", "lineGap", "ascent", "descent"),
)


class _Heights:
    """Ascent and descent of fonts, remembered; matplotlib 3.11 reads them from the font's file for every text.

    The hook is one that matplotlib's own renderers for PDF have; versions that do not know it never call it.
    """

    dots: float

    def _get_font_height_metrics(self, prop: FontProperties) -> tuple[float | None, float | None, float | None]:
        known: dict[Any, Any] = self.__dict__.setdefault("heights", {})
        if prop not in known:
            known[prop.copy()] = self._heights_of(prop)  # a copy: the text may change its own
        return known[prop]

    def _heights_of(self, prop: FontProperties) -> tuple[float | None, float | None, float | None]:
        """Ascent, descent and gap of a font in pixels; Nones where its file does not say, then it is measured."""
        font: Any = get_font(findfont(prop))
        for name, gap, ascent, descent in TABLES:
            table = font.get_sfnt_table(name)
            if table is not None:
                em = font.get_sfnt_table("head")["unitsPerEm"]
                scale = 1 / em * prop.get_size_in_points() * self.dots / POINTS_PER_INCH
                return table[ascent] * scale, -table[descent] * scale, table[gap] * scale
        return None, None, None


class _Agg(_Heights, RendererAgg):
    @property
    def dots(self) -> float:  # type: ignore[override]
        return self.dpi


class _Svg(_Heights, RendererSVG):
    dots = POINTS_PER_INCH


class Canvas(FigureCanvasAgg):
    """Lays out and draws with one renderer, so that what was measured is known when it is drawn."""

    def get_renderer(self) -> RendererAgg:
        """The renderer of this size and resolution."""
        width, height = self.get_width_height(physical=True)
        key = width, height, self.figure.dpi
        if getattr(self, "_key", None) != key:
            self._key, self.renderer = key, _Agg(width, height, self.figure.dpi)
        return self.renderer


def png(figure: Figure) -> bytes:
    """A settled figure as PNG; `Figure.savefig` would draw it twice."""
    canvas: Any = figure.canvas
    canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # figures have a ground of their own
    buffer, dots = BytesIO(), (DOTS_PER_INCH, DOTS_PER_INCH)
    pixels.save(buffer, "png", dpi=dots, compress_level=PNG_LEVEL)
    return buffer.getvalue()


def svg(figure: Figure) -> bytes:
    """A settled figure as SVG, without a date; `Figure.savefig` would draw it twice."""
    buffer, dots = BytesIO(), figure.dpi
    writer = TextIOWrapper(buffer, encoding="utf-8", newline="\n", write_through=True)
    width, height = (float(side) for side in figure.get_size_inches())
    figure.set_dpi(POINTS_PER_INCH)
    page = _Svg(width * POINTS_PER_INCH, height * POINTS_PER_INCH, writer, image_dpi=int(dots), metadata={"Date": None})
    renderer: Any = MixedModeRenderer(figure, width, height, dots, page)  # cells are pixels at the resolution of a PNG
    figure.draw(renderer)
    renderer.finalize()
    writer.detach()
    figure.set_dpi(dots)
    return buffer.getvalue()
