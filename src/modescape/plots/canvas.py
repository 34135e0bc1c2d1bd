"""Renderers of matplotlib that lay each text out once: text is most of what a figure costs.

Labels and numbers come again from panel to panel and from figure to figure. Imported by what draws, never at start-up:
matplotlib is loaded with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO, TextIOWrapper
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg, get_hinting_flag
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.textpath import TextToPath
from PIL import Image

DOTS_PER_INCH = 200
POINTS_PER_INCH = 72  # what an SVG counts in
PNG_LEVEL = 3  # of compression: one per cent larger than with 6, in two thirds of the time
SUBPIXELS = 64  # that FreeType counts in
TEXTS = 2048  # laid out and kept: some 10 kB each at most
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


@dataclass(frozen=True)
class _Text:
    """A line of text laid out for pixels."""

    size: tuple[float, float, float]  # width, height, descent; pixels
    image: np.ndarray  # coverage, uint8 [row, column]
    offset: tuple[float, float]  # of the image from the start of the line, pixels


class _Agg(_Heights, RendererAgg):
    """Draws a plain text as one picture at whole pixels; matplotlib 3.11 draws every letter of every text anew."""

    @property
    def dots(self) -> float:  # type: ignore[override]
        return self.dpi

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        """Width, height and descent, pixels."""
        return super().get_text_width_height_descent(s, prop, ismath) if ismath else self._text(s, prop).size

    def draw_text(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Any = None,
    ) -> None:
        """Draw a text, its start at (x, y); y is downwards."""
        if ismath or not gc.get_antialiased():
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)
            return
        text = self._text(s, prop)
        turn, below = math.radians(angle), text.size[2] + 1  # the image's lowest row is inside it
        across, down = text.offset[0] + below * math.sin(turn), text.offset[1] + below * math.cos(turn)
        renderer: Any = self._renderer  # type: ignore[attr-defined]
        renderer.draw_text_image(text.image, round(x + across), round(y + down), angle, gc)

    def _text(self, s: str, prop: FontProperties) -> _Text:
        return _laid_out(self._prepare_font(prop), s, prop.get_size_in_points(), self.dpi, get_hinting_flag())


@lru_cache(TEXTS)
def _laid_out(font: Any, s: str, size: float, dots: float, flags: Any) -> _Text:
    """A text in a font of this size in points and resolution; the image is part of what matplotlib lays out."""
    font.clear()
    font.set_size(size, dots)
    font.set_text(s, 0.0, flags=flags)
    wide, high, descent = (value / SUBPIXELS for value in (*font.get_width_height(), font.get_descent()))
    font.draw_glyphs_to_bitmap(antialiased=True)
    left, top = (value / SUBPIXELS for value in font.get_bitmap_offset())
    return _Text((wide, high, descent), np.array(font.get_image()), (left, top))


class _Paths(TextToPath):
    """Outlines of texts; those of plain texts are remembered. Files are drawn with one set of fonts, `paper.looks`."""

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        """Width, height and descent, points."""
        if ismath:
            return super().get_text_width_height_descent(s, prop, ismath)
        return _extent(s, prop.copy())  # a copy: the text may change its own

    def get_glyphs_with_font(
        self, font: Any, s: str, glyph_map: Any = None, return_new_glyphs_only: bool = False, **features: Any
    ) -> tuple[list[Any], dict[str, Any], list[Any]]:
        """Letters with their places, and outlines of letters: all, or those that are not in ``glyph_map``."""
        if not return_new_glyphs_only or any(features.values()):
            return super().get_glyphs_with_font(font, s, glyph_map, return_new_glyphs_only, **features)
        letters, outlines, boxes = _outlines(font, s)
        return letters, {name: path for name, path in outlines.items() if name not in (glyph_map or {})}, boxes


@lru_cache(TEXTS)
def _extent(s: str, prop: FontProperties) -> tuple[float, float, float]:
    return TextToPath().get_text_width_height_descent(s, prop, False)


@lru_cache(TEXTS)
def _outlines(font: Any, s: str) -> tuple[list[Any], dict[str, Any], list[Any]]:
    return TextToPath().get_glyphs_with_font(font, s)


class _Svg(_Heights, RendererSVG):
    dots = POINTS_PER_INCH

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._text2path = _Paths()


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
