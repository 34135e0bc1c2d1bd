"""Texts of a figure in the words of its examples: titles, axes, legends, colour keys, texts under the pointer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from modescape.wording.examples import in_words_of

if TYPE_CHECKING:
    from modescape.plots.panels import Chart, HeatMap, Panel, Scene, Series, View
    from modescape.plots.style import Scale


Say = Callable[[str], str]  # a text in the words of the examples


def in_words(chart: Chart, word: str, grouped: bool = False) -> Chart:
    """A chart of this package, written for images, in the words of other examples; names of rows stay as they are.

    Args:
        chart: the figure.
        word: for several examples; "images" without groups leaves the chart as it is.
        grouped: whether examples have groups: intervals are for new groups of them.
    """
    if word == "images" and not grouped:
        return chart
    say = partial(in_words_of, word, grouped=grouped)
    panels = [_panel(one, say) for one in chart.panels]
    scene = None if chart.scene is None else _scene(chart.scene, say)
    return replace(chart, title=say(chart.title), covers=say(chart.covers), panels=panels, scene=scene)


def _scene(scene: Scene, say: Say) -> Scene:
    def view(one: View) -> View:
        texts = {name: say(getattr(one, name)) for name in ("name", "x_label", "y_label")}
        return replace(one, **texts, series=[_series(series, say) for series in one.series])

    texts = {name: say(getattr(scene, name)) for name in ("title", "z_label")}
    return replace(scene, **texts, views=[view(one) for one in scene.views])


def _panel(panel: Panel | HeatMap, say: Say) -> Panel | HeatMap:
    from modescape.plots.panels import HeatMap

    axes = {name: say(getattr(panel, name)) for name in ("title", "x_label", "y_label")}
    if isinstance(panel, HeatMap):
        unit = say(panel.extra_unit)
        return replace(panel, **axes, scale=_scale(panel.scale, say), extra_unit=unit, covers=say(panel.covers))
    field = panel.field
    return replace(
        panel,
        **axes,
        covers=say(panel.covers),
        series=[_series(one, say) for one in panel.series],
        notes=[(x, y, say(text)) for x, y, text in panel.notes],
        field=None if field is None else replace(field, scale=_scale(field.scale, say)),
    )


def _series(series: Series, say: Say) -> Series:
    numbers = series.numbers
    return replace(
        series,
        name=say(series.name),
        covers=say(series.covers),
        hover=None if series.hover is None else [say(text) for text in series.hover],
        numbers=None if numbers is None else (say(numbers[0]), numbers[1]),
        scale=None if series.scale is None else _scale(series.scale, say),
    )


def _scale(scale: Scale, say: Say) -> Scale:
    return replace(scale, label=say(scale.label))
