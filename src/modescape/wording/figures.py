"""What stands in a figure in the words of its examples: titles, axes, legends, colour keys, texts under the pointer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modescape.wording.examples import in_words_of

if TYPE_CHECKING:
    from modescape.plots.panels import Chart, HeatMap, Panel, Series
    from modescape.plots.style import Scale


def in_words(chart: Chart, word: str) -> Chart:
    """A chart of this package, written for images, in the words of other examples; names of rows stay as they are.

    Args:
        chart: the figure.
        word: for several examples; "images" leaves the chart as it is.
    """
    if word == "images":
        return chart
    panels = [_panel(one, word) for one in chart.panels]
    return replace(chart, title=in_words_of(word, chart.title), band=in_words_of(word, chart.band), panels=panels)


def _panel(panel: Panel | HeatMap, word: str) -> Panel | HeatMap:
    from modescape.plots.panels import HeatMap

    axes = {name: in_words_of(word, getattr(panel, name)) for name in ("title", "x_label", "y_label")}
    if isinstance(panel, HeatMap):
        unit = in_words_of(word, panel.extra_unit)
        return replace(panel, **axes, scale=_scale(panel.scale, word), extra_unit=unit)
    field = panel.field
    return replace(
        panel,
        **axes,
        series=[_series(one, word) for one in panel.series],
        notes=[(x, y, in_words_of(word, text)) for x, y, text in panel.notes],
        field=None if field is None else replace(field, scale=_scale(field.scale, word)),
    )


def _series(series: Series, word: str) -> Series:
    numbers = series.numbers
    return replace(
        series,
        name=in_words_of(word, series.name),
        hover=None if series.hover is None else [in_words_of(word, text) for text in series.hover],
        numbers=None if numbers is None else (in_words_of(word, numbers[0]), numbers[1]),
        scale=None if series.scale is None else _scale(series.scale, word),
    )


def _scale(scale: Scale, word: str) -> Scale:
    return replace(scale, label=in_words_of(word, scale.label))
