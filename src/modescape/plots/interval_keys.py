"""What drawn intervals are for: keys of a legend, titles of panels, marks of different kinds apart."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modescape.covers import keyed
from modescape.plots.panels import Chart, HeatMap, Panel, Points, Series, points_of


def interval_covers(chart: Chart, panel: Panel, series: Series) -> str:
    """What a series' interval is for."""
    return series.covers or panel.covers or chart.covers


def interval_keys(chart: Chart) -> list[tuple[str, bool]]:
    """What stands in the legend of intervals: a text for each kind, and whether any of it is drawn as a band.

    A kind that is not the figure's own is said of the rows, marks or lines that have it; that of a panel stands below
    its title.
    """
    bands: dict[str, bool] = {}
    names: dict[str, dict[str, None]] = {}
    for panel in chart.panels:
        if isinstance(panel, HeatMap):
            continue
        for series in panel.series:
            points = points_of(series, panel)
            if (panel.covers and not series.covers) or not (points.band.any() or points.bars.any()):
                continue
            kind = interval_covers(chart, panel, series)
            bands[kind] = bands.get(kind, False) or bool(points.band.any())
            if kind != chart.covers:
                names.setdefault(kind, {}).update(dict.fromkeys(_named(series, points, panel)))
    texts = {kind: keyed(kind) for kind in bands}
    texts |= {kind: f"{', '.join(own)}: 95 %, {kind}" for kind, own in names.items()}
    return [(texts[kind], bands[kind]) for kind in sorted(bands, key=lambda kind: kind in names)]


def _named(series: Series, points: Points, panel: Panel) -> list[str]:
    """How a legend calls a series that has intervals of its own: by its rows, as hollow marks, or by its name."""
    if panel.rows is not None:
        rows = np.unique(np.rint(points.y[points.there]).astype(int))
        return [str(panel.rows[row]) for row in rows]
    return ["Hollow"] if points.hollow[points.there].all() else [series.name]


def by_covers(series: Series, covers: Sequence[str]) -> list[Series]:
    """Marks whose intervals are for different things, apart: one series a kind, one entry of the legend.

    Args:
        series: without a line.
        covers: what the interval of each point is for.
    """
    kinds = np.array(covers)
    found: list[Series] = []
    for kind in dict.fromkeys(covers):
        there = np.flatnonzero(kinds == kind)
        ends = {
            name: None if (own := getattr(series, name)) is None else np.asarray(own)[there] for name in ("low", "high")
        }
        hollow = series.hollow if np.ndim(series.hollow) == 0 else np.asarray(series.hollow)[there]
        found.append(
            replace(
                series, x=np.asarray(series.x)[there], y=np.asarray(series.y)[there], hollow=hollow, covers=kind, **ends
            )
        )
    return found


def title_of(panel: Panel | HeatMap) -> str:
    """A panel's title; below it what its intervals are for, where that is not what the figure's are."""
    if isinstance(panel, HeatMap) or not panel.covers:
        return panel.title
    below = keyed(panel.covers)
    if panel.title_letters is not None:
        below = textwrap.fill(below, panel.title_letters, break_long_words=False)
    return f"{panel.title}\n{below}"
