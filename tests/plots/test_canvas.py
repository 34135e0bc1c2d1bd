"""Text layout that is cached, against matplotlib's own."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from modescape.plots import canvas, paper

TEXTS = ("Accuracy (%)", "0.25", "0.25", "$10^{-3}$", "gypsum", "Schr\N{LATIN SMALL LETTER O WITH DIAERESIS}der, AV")


def figure(angle=0):
    with paper.looks():
        drawn = Figure(figsize=(3, 3), dpi=canvas.DOTS_PER_INCH)
        canvas.Canvas(drawn)
        for place, text in enumerate(TEXTS):
            drawn.text(0.1 + 0.13 * place, 0.15, text, rotation=angle, fontsize=7 + place % 2, color="red")
    return drawn


def test_outlines_of_an_svg_are_those_of_matplotlib():
    seen = [{}, {}, {}]  # outlines in the file: by matplotlib, laid out by us, and from the cache
    for text in [one for one in TEXTS if one[0] != "$"]:
        letters = []
        ours: list[Any] = [TextToPath(), canvas._Paths(), canvas._Paths()]
        for paths, known in zip(ours, seen, strict=True):
            font = paths._get_font(FontProperties(size=8))
            found, new, boxes = paths.get_glyphs_with_font(font, text, glyph_map=known, return_new_glyphs_only=True)
            assert not set(new) & set(known)
            assert boxes == []
            known.update(new)
            letters.append(found)
        assert letters[0] == letters[1] == letters[2]
    for known in seen[1:]:
        assert list(known) == list(seen[0])
        for name, (vertices, codes) in known.items():
            np.testing.assert_array_equal(vertices, seen[0][name][0])
            np.testing.assert_array_equal(codes, seen[0][name][1])


@pytest.mark.parametrize("angle", [0, 90])
def test_texts_of_a_png_are_those_of_matplotlib_to_a_pixel(angle):
    def ink(renderer):
        with paper.looks():
            figure(angle).draw(renderer)
        return 255.0 - np.asarray(renderer.buffer_rgba())[:, :, 1]  # red pixels have no green

    size = (600, 600, canvas.DOTS_PER_INCH)
    plain, ours = ink(RendererAgg(*size)), ink(canvas._Agg(*size))
    assert ours.sum() == pytest.approx(plain.sum(), rel=0.03)
    near = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]  # matplotlib's may start within a pixel
    for one, other in ((plain, ours), (ours, plain)):
        reach = np.max([np.roll(other, shift, (0, 1)) for shift in near], axis=0)
        assert not ((one > 128) & (reach < 40)).any()


def test_a_text_is_as_large_as_matplotlib_says():
    size = (600, 600, canvas.DOTS_PER_INCH)
    plain, ours = RendererAgg(*size), canvas._Agg(*size)
    for text in TEXTS:
        for points in (6, 7.5, 11):
            measured = [
                partial(renderer.get_text_width_height_descent, text, FontProperties(size=points), text[0] == "$")()
                for renderer in (plain, ours, ours)
            ]
            assert measured[0] == measured[1] == measured[2]
