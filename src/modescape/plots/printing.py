"""Figures for authors' own documents: vector PDF and SVG, text as text, at the size at which they are printed."""

from __future__ import annotations

import contextlib
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from modescape.plots import charts, style
from modescape.plots.files import drawing, settle
from modescape.plots.panels import Chart, HeatMap, Panel, in_rows, scales_of, shares_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEXT = 8  # points of a figure's text where it is not enlarged
LEAST = 1.2  # inches of axes that a panel needs beside others, with such text
MANY = 3  # panels that are not put one below another, unless their axes would be
SMALL = 0.55  # inches wide, or less
LOW = 1.9  # of a panel's height, where it would be lower by its shape
NAMES = 0.55  # share of a panel's width that names may take
CELL = 0.22  # of a cell that has room for its value
KEY = 0.5  # for the key of a colour scale
NUMBERS = 0.5  # for numbers and the name of a vertical axis
TICK = 0.4  # between numbers along a horizontal axis
TITLE_LETTERS, LABEL_LETTERS, NAME_LETTERS = 14.0, 15.0, 18.0  # to the inch: of titles, of axes, along an axis
AXIS = 0.75  # share of a panel's height
CELLS, POINTS_PER_INCH = 300, 72  # dots to the inch of the cells of a matrix; units of a file
AS_TEXT: Any = {"svg.fonttype": "none", "pdf.fonttype": 42}  # letters of fonts, not outlines


@dataclass(frozen=True)
class Style:
    """How large a figure is printed."""

    width: float  # inches, where none is asked for
    text: float  # points of most text
    where: str

    @property
    def enlarged(self) -> float:
        """How much larger than with text of 8 points."""
        return self.text / TEXT


STYLES = {
    "paper": Style(5.5, 8, "a text column of 5.5 inches"),
    "slides": Style(10.0, 16, "a slide"),
    "page": Style(7.5, 10, "a page of text on a screen"),
}


def fitted(chart: Chart, width: float) -> Chart:
    """A chart with panels, and columns of them, that fill this width with text of 8 points."""
    columns = min(chart.columns, len(chart.panels))
    least = columns if _keys_are_shared(chart) else 2 if len(chart.panels) > MANY else 1
    while columns > least and _inside(chart, width, columns) < LEAST:
        columns -= 1
    columns = 1 if _inside(chart, width, columns) < SMALL and _keys_follow(chart) else columns
    inside, wide = _inside(chart, width, columns), (width - 0.1) / columns
    high = max(wide * chart.panel_size[1] / chart.panel_size[0], min(chart.panel_size[1], LOW))
    named = [_named(_own_axis(panel, columns == chart.columns), wide) for panel in chart.panels]
    panels = [_folded(panel, inside, high) for panel in named]
    return replace(chart, panels=panels, columns=columns, panel_size=(wide, high))


def _keys_are_shared(chart: Chart) -> bool:
    """Whether panels share keys of several scales: these lie beside them, and would on each other in other columns."""
    scales = [scale for panel in chart.panels for scale in scales_of(panel)]
    return 1 < len(set(scales)) < len(scales)


def _keys_follow(chart: Chart) -> bool:
    """Whether the keys of colours lie one below another where the panels do: panels of one scale follow each other."""
    scales = [scale for panel in chart.panels for scale in scales_of(panel)]
    return len(list(itertools.groupby(scales))) == len(set(scales))


def _inside(chart: Chart, width: float, columns: int) -> float:
    """How wide the axes of a panel are, about, inches; names along axes and keys of colours take from all in a row."""
    names = [
        0 if shares_rows(chart.panels, number, columns) else max(map(len, panel.rows or ()), default=0)
        for number, panel in enumerate(chart.panels)
    ]
    most_letters = _most_letters((width - 0.1) / columns)
    longest = [min(max(names[place::columns], default=0), most_letters) for place in range(columns)]
    keys = max(len({scale for panel in row for scale in scales_of(panel)}) for row in in_rows(chart.panels, columns))
    beside = KEY * keys + sum(max(0.0, most / NAME_LETTERS - 0.2) for most in longest)
    return (width - 0.1 - beside) / columns - NUMBERS


def single(chart: Chart, width: float) -> list[Chart]:
    """Every panel of a chart as a chart of its own, as wide as in the whole one; wider where its names need it."""
    least = max(fitted(chart, width).panel_size[0], min(width - 0.1, 2.75))
    alone = []
    for panel in chart.panels:
        names = max(map(len, panel.rows or ()), default=0) / NAME_LETTERS
        wide = min(width - 0.1, max(least, NUMBERS + names + LEAST))
        one = replace(chart, title=panel.title, panels=[_own_axis(panel, False)], columns=1)
        alone.append(replace(fitted(one, wide + 0.1), title=panel.title))
    return alone


def _named(panel: Panel | HeatMap, wide: float) -> Panel | HeatMap:
    """A panel whose names along the vertical axis leave half of its width, or so, to the axes."""
    if panel.rows is None:
        return panel
    return replace(panel, rows=style.unique(style.all_shortened(panel.rows, _most_letters(wide))))


def _most_letters(wide: float) -> int:
    return int(NAMES * wide * NAME_LETTERS)


def _own_axis(panel: Panel | HeatMap, beside: bool) -> Panel | HeatMap:
    """A panel that keeps its axis unless its neighbour still stands on its left."""
    return panel if beside or isinstance(panel, HeatMap) else replace(panel, shared_y=False, wide=False)


def _folded(panel: Panel | HeatMap, inside: float, high: float) -> Panel | HeatMap:
    """A panel whose texts are no longer than the sides of its axes."""

    def most(inches: float, letters: float) -> int:
        return max(8, int(inches * letters))

    def lines(text: str, inches: float, letters: float) -> str:
        width = most(inches, letters)
        return "\n".join(textwrap.fill(line, width, break_long_words=False) for line in text.split("\n"))

    if isinstance(panel, HeatMap) and CELL * len(panel.columns) > inside:
        panel = replace(panel, most_printed=(0, 0))
    elif isinstance(panel, Panel):
        panel = replace(panel, title_letters=most(inside, TITLE_LETTERS))
    return replace(
        panel,
        title=lines(panel.title, inside, TITLE_LETTERS),
        x_label=lines(panel.x_label, inside, LABEL_LETTERS),
        y_label=lines(panel.y_label, max(AXIS * high, 1.2), LABEL_LETTERS),
    )


def files_of(chart: Chart, enlarged: float) -> dict[str, bytes]:
    """A chart as "pdf" and "svg", so many times as large as it is laid out; the same bytes for the same chart."""
    figure = charts.draw_bare(chart)
    settle(figure)
    thin_out(figure)
    return files_of_figure(figure, enlarged)


def thin_out(figure: Figure) -> None:
    """Put no more numbers along the horizontal axes of a figure that is laid out than there is room for."""
    from matplotlib.ticker import MaxNLocator

    for axes in figure.axes:
        locator, (low, high) = axes.xaxis.get_major_locator(), sorted(axes.get_xlim())
        most = max(2, int(axes.get_position().width * figure.get_size_inches()[0] / TICK))
        shown = sum(low <= tick <= high for tick in locator())
        if isinstance(locator, MaxNLocator) and shown - 1 > most:
            locator.set_params(nbins=most)


def files_of_figure(figure: Figure, enlarged: float) -> dict[str, bytes]:
    """Files of a figure of matplotlib: format -> bytes."""
    settle(figure)
    return {"pdf": _pdf(figure, enlarged), "svg": _svg(figure, enlarged)}


def _pdf(figure: Figure, enlarged: float) -> bytes:
    """`Figure.savefig` with a page whose unit is so many points: matplotlib knows no other way to enlarge all alike."""
    from matplotlib.backends.backend_mixed import MixedModeRenderer
    from matplotlib.backends.backend_pdf import Op, PdfFile, RendererPdf

    buffer, (width, height) = BytesIO(), (float(side) for side in figure.get_size_inches())
    with _as_text():
        file = PdfFile(buffer, metadata={"CreationDate": None, "Producer": None, "Creator": "modescape"})
        file.newPage(width * enlarged, height * enlarged)
        file.output(enlarged, 0, 0, enlarged, 0, 0, Op.concat_matrix)
        figure.set_dpi(POINTS_PER_INCH)
        page: Any = MixedModeRenderer(figure, width, height, CELLS, RendererPdf(file, CELLS, height, width))
        figure.draw(page)
        page.finalize()
        file.finalize()
        file.close()
    return buffer.getvalue()


def _svg(figure: Figure, enlarged: float) -> bytes:
    buffer = BytesIO()
    with _as_text():
        figure.savefig(buffer, format="svg", metadata={"Date": None}, dpi=CELLS)
    head, rest = buffer.getvalue().decode().split("<svg ", 1)
    size = re.compile(r'\b(width|height)="([0-9.]+)pt"')
    rest = size.sub(lambda side: f'{side[1]}="{float(side[2]) * enlarged:g}pt"', rest, count=2)
    return f"{head}<svg {rest}".encode()


@contextlib.contextmanager
def _as_text() -> Iterator[None]:
    from matplotlib import rc_context

    with drawing(), rc_context(AS_TEXT):
        yield
