"""The content of a panel, for papers and for the page: series of points, matrices; and the parts that are drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modescape.plots import style

MOST_LABELS = 25  # rows and columns of a matrix with a name
MOST_PRINTED = (25, 8)  # rows and columns up to which the values are printed in the cells


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line or cloud of points of a panel.

    A point without a value (NaN), or not positive on a logarithmic axis, is not drawn and is a gap in the line. A
    series of NaN alone is left out, of the legend too; one without points (shape [0]) is an entry of the legend alone.
    """

    name: str  # in the legend; plain text
    x: np.ndarray  # [point]
    y: np.ndarray  # [point]
    low: np.ndarray | None = None  # 95 % interval: a band along a line, bars where no line is and at hollow marks
    high: np.ndarray | None = None
    covers: str = ""  # what the interval is for (`modescape.covers`); "": as those of the panel
    intervals_along_x: bool = False  # low and high are of x: bars
    colour: str = style.NEUTRAL  # of line, marks, band
    marker: tuple[str, str] | None = None  # of matplotlib and of pages, one that can be filled; None: no marks
    line: style.LineKind | None = "solid"  # None: no line
    width: float = 1.5  # of the line, points
    size: float | np.ndarray = 4  # of marks, points; one, or [point]
    hollow: bool | np.ndarray = False  # marks without a filling; one, or [point]
    values: np.ndarray | None = None  # fill colour of each mark by its value on the scale; [point]
    scale: style.Scale | None = None
    group: str = ""  # series of one group are one entry of the legend, the first one's; "": of the same name
    in_legend: bool = True
    hover: Sequence[str] | None = None  # further plain text under the pointer, one a point
    numbers: tuple[str, np.ndarray] | None = None  # a name, and a number a point under the pointer
    silent: bool = False  # nothing under the pointer
    opacity: float = 1.0  # of the line
    halo: bool = False  # white around line and marks: they are read on every colour of a field
    letters: Sequence[str] | None = None  # a letter in each mark, which is hollow and filled white


@dataclass(frozen=True, kw_only=True)
class Field:
    """Values on a plane, as coloured cells behind the series of a panel."""

    values: np.ndarray  # [row, column]; NaN: grey
    x: np.ndarray  # ascending, middles of the columns; [column]
    y: np.ndarray  # the same of the rows, or in degrees; [row]
    scale: style.Scale  # with a label; equal scales have one key
    polar: bool = False  # columns are distances from the origin, rows angles to the horizontal axis
    unit: str = ""  # of a value under the pointer
    lines: int = 0  # contours, evenly apart on the scale; not of a polar field


@dataclass(frozen=True, kw_only=True)
class View:
    """A field as a surface in space, with lines upon it."""

    name: str  # among the views of a scene, plain text
    x_label: str  # with the unit in parentheses, where it is no count and no name
    y_label: str
    field: Field
    series: Sequence[Series]  # drawn as high as the field is there, as lines or as marks


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Views of one kind of values, of which one is seen at a time and can be turned; on the page alone.

    For papers the same fields stand among the panels.
    """

    title: str
    z_label: str  # with the unit in parentheses
    views: Sequence[View]  # their fields have one scale
    height: int = 500  # pixels


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Series between two axes."""

    title: str
    x_label: str  # with the unit in parentheses, where it is no count and no name
    y_label: str
    series: Sequence[Series]
    x_range: tuple[float, float] | None = None  # None: as the series need
    y_range: tuple[float, float] | None = None
    log_x: bool = False
    log_y: bool = False
    equal: bool = False  # one scale on both axes
    whole_x: bool = False  # x counts something
    rows: Sequence[str] | None = None  # names on the vertical axis at y = 0, 1, ...; the first on top
    notes: Sequence[tuple[float, float, str]] = ()  # x, y and a small plain text around that place
    field: Field | None = None
    shared_y: bool = False  # the vertical axis is that of the left neighbour, which has its numbers and its name
    wide: bool = False  # as wide as the figure: the last panel, where it begins a row
    height: float = 1.0  # over that of the figure's panels
    covers: str = ""  # what its intervals are for, below its title; "": as those of the figure
    title_letters: int | None = None  # in a line of what stands below the title; None: as many as it has


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A matrix among the panels."""

    title: str
    x_label: str  # with the unit in parentheses, where it is no count and no name
    y_label: str
    matrix: np.ndarray  # [row, column], the first row on top; NaN: grey
    rows: Sequence[str]  # plain text
    columns: Sequence[str]
    scale: style.Scale  # with a label; equal scales have one key
    decimals: int = 2  # of values printed in the cells of a small matrix
    most_printed: tuple[int, int] = MOST_PRINTED  # rows and columns up to which they are printed
    most_labels: int = MOST_LABELS  # rows and columns with a name; of more every second, third, ... has one
    label_length: int = style.TEXT_LENGTH  # characters of a name along an axis; under the pointer it stands whole
    square: bool = False  # cells as high as wide
    extra: np.ndarray | None = None  # a further number a cell under the pointer, [row, column]
    extra_unit: str = ""
    low: np.ndarray | None = None  # 95 % interval of each cell, under the pointer on the page, [row, column]
    high: np.ndarray | None = None
    covers: str = ""  # what the intervals are for


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure: panels row by row, with one legend and one key a colour scale for all of them."""

    title: str
    panels: Sequence[Panel | HeatMap]
    columns: int  # panels side by side
    panel_size: tuple[float, float] = (3.7, 2.6)  # for papers: width and least height with labels, inches
    panel_height: int = 320  # for the page: with labels, pixels; rows with names get the height they need in both
    covers: str = ""  # what its intervals are for, in the legend
    scene: Scene | None = None  # below the panels


def span(*arrays: np.ndarray, default: tuple[float, float] = (0.0, 1.0)) -> tuple[float, float]:
    """The lowest and the highest finite value."""
    values = np.concatenate([np.ravel(np.asarray(array, dtype=float)) for array in arrays] or [np.empty(0)])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else default


@dataclass(frozen=True)
class Points:
    """A series as it is drawn: arrays of shape [point], NaN where nothing is."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    there: np.ndarray  # whether the point is drawn
    size: np.ndarray
    hollow: np.ndarray
    band: np.ndarray  # whether the band passes here
    bars: np.ndarray  # whether the point has a bar


def points_of(series: Series, panel: Panel) -> Points:
    """The part of a series that is drawn in a panel."""
    x, y = (np.array(values, dtype=float).ravel() for values in (series.x, series.y))
    low, high = (
        np.full(len(x), np.nan) if values is None else np.array(values, dtype=float).ravel()
        for values in (series.low, series.high)
    )
    along = {"x": [x], "y": [y]}
    along["x" if series.intervals_along_x else "y"] += [low, high]
    for axis, log in (("x", panel.log_x), ("y", panel.log_y)):
        for values in along[axis]:
            values[~np.isfinite(values) | (log & (values <= 0))] = np.nan
    there = np.isfinite(x) & np.isfinite(y)
    known = there & np.isfinite(low) & np.isfinite(high)
    hollow = np.broadcast_to(series.hollow, len(x))
    inside = np.zeros(len(x), dtype=bool)
    if series.line and not series.intervals_along_x:
        for run in runs(known):
            inside[run] = run.stop - run.start > 1
    size = np.broadcast_to(np.asarray(series.size, dtype=float), len(x))
    return Points(x, y, low, high, there, size, hollow, inside, known & (hollow | ~inside))


def runs(mask: np.ndarray) -> Iterator[slice]:
    """The stretches of neighbours for which a mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(int)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield slice(int(start), int(stop))


def bar_lengths(series: Series, points: Points) -> np.ndarray:
    """Lengths of the bars below and above the points that have one; not negative, as bars cannot be; [2, bar]."""
    middle = points.x if series.intervals_along_x else points.y
    ends = np.stack([middle - points.low, points.high - middle])[:, points.bars]
    return np.clip(ends, 0, None)


def is_key(series: Series) -> bool:
    """Whether a series is an entry of the legend alone."""
    return np.size(series.x) == 0


def legend_entries(panels: Sequence[Panel | HeatMap]) -> list[Series]:
    """The series that stand in the legend: the first that is drawn of each group."""
    entries: dict[str, Series] = {}
    for panel in panels:
        if isinstance(panel, HeatMap):
            continue
        for series in panel.series:
            if series.in_legend and (is_key(series) or points_of(series, panel).there.any()):
                entries.setdefault(series.group or series.name, series)
    return list(entries.values())


def band_opacity(panel: Panel) -> float:
    """Opacity of a panel's bands: the more there are, the fainter, so that lines stay seen."""
    bands = sum(bool(points_of(series, panel).band.any()) for series in panel.series)
    return min(0.18, max(0.05, 0.6 / max(bands, 1)))


def in_rows(panels: Sequence[Panel | HeatMap], columns: int) -> list[Sequence[Panel | HeatMap]]:
    """Panels as they stand side by side; the last row may be shorter."""
    return [panels[start : start + columns] for start in range(0, len(panels), columns)]


def named_rows(panel: Panel | HeatMap) -> int:
    """How many names stand along the vertical axis."""
    return min(len(panel.rows or ()), panel.most_labels if isinstance(panel, HeatMap) else MOST_LABELS)


def relative_height(row: Sequence[Panel | HeatMap]) -> float:
    """Height of a row of panels over that of the figure's panels."""
    return max(panel.height if isinstance(panel, Panel) else 1.0 for panel in row)


def shares_rows(panels: Sequence[Panel | HeatMap], number: int, columns: int) -> bool:
    """Whether a panel has the vertical axis of its left neighbour, or its names: they are written once."""
    panel, rows = panels[number], panels[number].rows
    if isinstance(panel, Panel) and panel.shared_y:
        return True
    return number % columns > 0 and rows is not None and list(rows) == list(panels[number - 1].rows or ())


def scales_of(panel: Panel | HeatMap) -> list[style.Scale]:
    """The colour scales that a panel needs a key of."""
    if isinstance(panel, HeatMap):
        return [panel.scale]
    field = [panel.field.scale] if panel.field else []
    own = [series.scale for series in panel.series if series.scale and series.values is not None]
    return list(dict.fromkeys([*field, *own]))


def log_ticks(low: float, high: float) -> list[float]:
    """Between 3 and 7 round places on a logarithmic axis, fewer where there is no room."""
    ticks: list[float] = []
    powers = 10.0 ** np.arange(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    for mantissas in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), np.arange(1.0, 10), np.arange(1.0, 10, 0.1)):
        every = np.outer(powers, mantissas).ravel()
        ticks = [float(f"{tick:.3g}") for tick in every if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]
        if len(ticks) >= 3:
            break
    return [ticks[place] for place in style.spread(len(ticks), 7)]


def tick_label(tick: float, power: str) -> str:
    """A number, or a power of ten where it is far from 1."""
    exponent = math.log10(tick)
    far = abs(exponent) > 3 and abs(exponent - round(exponent)) < 1e-9
    return power.format(round(exponent)) if far else f"{tick:g}"
