"""Fields on a plane: values on a sector or a rectangle, their colours, and their cells for papers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import paper, style
from modescape.plots.panels import Field, log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

# Accuracy, agreement and similarity; fixed, not fitted to the data, so that panels and studies can be held side by side
SHARE = style.Scale(low=0, high=1, ticks=(0, 0.25, 0.5, 0.75, 1))
WIDE = 30.0  # a range in which differences of the small values are lost on an even scale
DEEPEST = 1e-8  # of the largest value: what is less is rounding
LINE = "#7F7F7F"  # of a contour, read on every colour


def loss_scale(*fields: np.ndarray) -> style.Scale:
    """From 0 to a round number above the largest loss; bright is good, as it is for shares."""
    values = np.concatenate([np.ravel(field) for field in fields])
    values = values[np.isfinite(values)]
    high = max(float(values.max()), 1e-6) if values.size else 1.0
    power = 10 ** math.floor(math.log10(high / 5))
    step = next(power * size for size in (1, 2, 2.5, 5, 10) if high <= 5 * power * size * (1 + 1e-9))
    ticks = tuple(float(f"{step * tick:.6g}") for tick in range(math.ceil(high / step - 1e-9) + 1))
    return style.Scale(low=0, high=ticks[-1], colours="viridis_r", ticks=ticks)


def range_scale(field: np.ndarray) -> style.Scale:
    """From the lowest value to where the lowest three quarters end: of a loss that has no 0 and far out no end."""
    values = field[np.isfinite(field)]
    low, high = (float(values.min()), float(np.quantile(values, 0.75))) if values.size else (0.0, 1.0)
    high = high if high > low else low + 1.0
    ticks = tuple(float(f"{tick:.3g}") for tick in np.linspace(low, high, 5)[1:-1])
    return style.Scale(low=low, high=high, colours="viridis_r", ticks=ticks)


def log_scale(*fields: np.ndarray) -> style.Scale | None:
    """From the least value above 0 to the largest by powers of ten; None of a smaller range than `WIDE` or below 0."""
    values = np.concatenate([np.ravel(field) for field in fields])
    values = values[np.isfinite(values)]
    above = values[values > 0]
    if not above.size or values.min() < 0 or values.max() < WIDE * values.min():
        return None
    high = float(above.max())
    low = max(float(above.min()), high * DEEPEST)
    if high < WIDE * low:
        return None
    return style.Scale(low=low, high=high, log=True, colours="viridis_r", ticks=tuple(log_ticks(low, high)))


def edges(centres: np.ndarray) -> np.ndarray:
    """Borders of the cells around ascending positions, half-way between them; [n] -> [n + 1]."""
    centres = np.asarray(centres, dtype=float)
    if len(centres) == 1:
        return centres + np.array([-0.5, 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def sector_corners(radius: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the cells of a polar grid in Cartesian coordinates.

    Args:
        radius: ascending, not negative, [radius].
        angle: ascending, degrees, counter-clockwise from the x axis, [angle].

    Returns:
        x and y, [angle + 1, radius + 1].
    """
    far = np.clip(edges(radius), 0, None)
    turn = np.radians(edges(angle))[:, None]
    return far * np.cos(turn), far * np.sin(turn)


def refined(
    values: np.ndarray, radius: np.ndarray, angle: np.ndarray, times: int = 4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A polar grid with more points, bilinear between the given ones, as on the page.

    Returns:
        values [angle, radius], radius and angle, with ``times`` steps for each one.
    """
    row, column = (np.linspace(0, size - 1, times * (size - 1) + 1) for size in values.shape)
    finer = _between(values, *np.meshgrid(row, column, indexing="ij"))
    radius, angle = (np.interp(at, np.arange(len(old)), old) for at, old in ((column, radius), (row, angle)))
    return finer, radius, angle


def _between(values: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Values at broken rows and columns, bilinear; a cell counts where its weight is above 0."""
    first = [np.floor(place).astype(int) for place in (row, column)]
    total = np.zeros(row.shape)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - (row - first[0])) * np.abs(1 - right - (column - first[1]))
            i = np.minimum(first[0] + down, values.shape[0] - 1)
            j = np.minimum(first[1] + right, values.shape[1] - 1)
            total += np.where(weight > 0, weight * values[i, j], 0.0)
    return total


def height(field: Field, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values of a field, not a polar one, at places [point], bilinear; NaN outside, and beside a cell without one."""
    values, spots = np.asarray(field.values, dtype=float), []
    outside = np.zeros(len(x), dtype=bool)
    for own, places in ((y, field.y), (x, field.x)):
        outside |= ~((own >= places[0]) & (own <= places[-1]))
        spots.append(np.interp(own, places, np.arange(len(places))))
    row, column = (np.where(outside, 0.0, spot) for spot in spots)
    return np.where(outside, np.nan, _between(values, row, column))


def draw_field(axes: Axes, field: Field) -> QuadMesh:
    """Draw cells into a panel for papers, on a sector finer than they are given; cells without a value are grey."""
    from matplotlib import colormaps

    scale = field.scale
    values = np.asarray(field.values, dtype=float)
    if field.polar:
        values, far, turn = refined(values, field.x, field.y)
        corners = sector_corners(far, turn)
    else:
        corners = edges(field.x), edges(field.y)
    axes.grid(False)
    shown = np.ma.masked_invalid(np.clip(values, scale.low, scale.high))
    colours = colormaps[scale.colours].with_extremes(bad=str(style.ABSENT))
    # as a picture inside an SVG: thousands of cells as paths make it slow and show hair lines between them
    mesh = axes.pcolormesh(*corners, shown, cmap=colours, norm=paper.norm(scale), shading="flat", rasterized=True)
    if levels := levels_of(field):
        axes.contour(
            field.x, field.y, scale.drawn(values), levels=levels, colors=[LINE], linewidths=0.5, linestyles="solid"
        )
    return mesh


def levels_of(field: Field) -> list[float]:
    """Where on the scale, as `Scale.drawn` has it, lines are drawn: those of its even steps that the field crosses."""
    scale, values = field.scale, field.scale.drawn(np.asarray(field.values, dtype=float))
    values = values[np.isfinite(values)]
    low, high = scale.drawn(np.array([scale.low, scale.high]))
    if not field.lines or not values.size or high <= low:
        return []
    steps = np.linspace(low, high, field.lines + 2)[1:-1]
    return [float(step) for step in steps if values.min() < step < values.max()]
