"""Shared by figures for papers: matplotlib's object interface, heat maps, captions."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal

import numpy as np

from modescape.plots import style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SETTINGS = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "lines.linewidth": 1.5,
    "svg.hashsalt": "modescape",  # else the names inside an SVG are random
}

KEY, LETTER = 0.45, 0.058  # inches of a legend's mark with the space around it, and of one of its letters, about


def looks() -> AbstractContextManager[None]:
    """Our settings on top of matplotlib's defaults, whatever the user's are; the user's are back afterwards."""
    from matplotlib import style as matplotlib_style

    return matplotlib_style.context(["default", SETTINGS])


def new_figure(width: float, height: float, layout: Literal["constrained", "compressed"] = "constrained") -> Figure:
    """An empty figure, in inches, that keeps its panels and labels apart; "compressed" is for square panels."""
    from matplotlib.figure import Figure

    from modescape.plots.canvas import Canvas

    figure = Figure(figsize=(width, height), layout=layout)
    Canvas(figure)
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.03)  # type: ignore[union-attr]
    return figure


def finish(figure: Figure, title: str, caption: str, keys: Sequence[Artist] = ()) -> Figure:
    """Make the figure higher by a title and keys above and a caption, wrapped to the width, below.

    Args:
        figure: made by `new_figure`, its panels drawn.
        title: in bold; "": none.
        caption: what is shown, plain text; "": none.
        keys: labelled lines for the legend.
    """
    width, height = figure.get_size_inches()
    wrapped = textwrap.fill(caption, int(width * 16.5))  # letters to the inch at 7.5 points
    columns, high = _legend(keys, width)
    below = 0.1 + 0.135 * len(wrapped.splitlines()) if caption else 0.0
    between = 0.05 + high if keys else 0.0
    above = 0.36 if title else 0.06
    whole = below + height + between + above
    figure.set_size_inches(width, whole)
    figure.get_layout_engine().set(rect=(0, below / whole, 1, height / whole))  # type: ignore[union-attr]
    if title:
        bold = {"fontsize": 11, "fontweight": "bold", "parse_math": False}
        figure.suptitle(title, x=0.08 / width, y=1 - 0.1 / whole, ha="left", va="top", **bold)
    if keys:
        corner = (0.08 / width, 1 - (above - 0.02) / whole)
        figure.legend(handles=list(keys), loc="upper left", bbox_to_anchor=corner, ncols=columns, borderaxespad=0)
    if caption:
        figure.text(0.08 / width, 0.07 / whole, wrapped, va="bottom", fontsize=7.5, color="0.3", parse_math=False)
    return figure


def _legend(keys: Sequence[Artist], width: float) -> tuple[int, float]:
    """Fold the labels of a legend to a width in inches; columns side by side, and how high it is, inches."""
    for key in keys:
        key.set_label(textwrap.fill(str(key.get_label()), max(8, int((width - KEY) / LETTER)), break_long_words=False))
    labels = [str(key.get_label()).split("\n") for key in keys]
    longest = max((len(line) for lines in labels for line in lines), default=0)
    columns = max(1, int(width / (KEY + LETTER * longest)))
    each = max(1, -(-len(keys) // columns))
    tall = [
        sum(0.165 + 0.125 * (len(lines) - 1) for lines in labels[at : at + each]) for at in range(0, len(keys), each)
    ]
    return columns, max(tall, default=0.0)


def panel_title(axes: Axes, text: str) -> None:
    """Title of a panel, never taken for mathematics."""
    axes.set_title(text, loc="left", parse_math=False)


def matrix_axes(axes: Axes, labels: tuple[Sequence[str], Sequence[str]], names: tuple[str, str], most: int) -> None:
    """Label the rows and columns of a matrix; at most this many labels a side.

    Args:
        axes: the panel.
        labels: of the rows and of the columns.
        names: of the vertical and of the horizontal axis.
        most: labels a side.
    """
    rows, columns = style.spread(len(labels[0]), most), style.spread(len(labels[1]), most)
    steep = max((len(label) for label in labels[1]), default=0) > 3
    axes.set_yticks(rows, [labels[0][row] for row in rows], parse_math=False)
    axes.set_xticks(
        columns,
        [labels[1][column] for column in columns],
        parse_math=False,
        rotation=90 if steep else 0,
    )
    axes.set_ylabel(names[0], parse_math=False)
    axes.set_xlabel(names[1], parse_math=False)
    axes.tick_params(length=2)


def norm(scale: style.Scale) -> Normalize:
    """From a value to a share of the colours."""
    from matplotlib.colors import LogNorm, Normalize, PowerNorm

    if scale.log:
        return LogNorm(scale.low, scale.high)
    return PowerNorm(0.5, scale.low, scale.high) if scale.root else Normalize(scale.low, scale.high)


def heat_map(
    axes: Axes,
    matrix: np.ndarray,
    scale: style.Scale,
    decimals: int = 2,
    most_printed: tuple[int, int] = (style.PRINTED_ROWS, style.PRINTED_ROWS),
) -> AxesImage:
    """Draw a matrix, first row on top; cells without a value are grey.

    Args:
        axes: the panel.
        matrix: values, shape [row, column].
        scale: the colours.
        decimals: of printed values.
        most_printed: rows and columns up to which values are printed.
    """
    from matplotlib import colormaps

    axes.grid(False)
    axes.set_facecolor(str(style.ABSENT))
    shown = np.ma.masked_invalid(np.clip(matrix, scale.low, scale.high))
    image = axes.imshow(shown, cmap=colormaps[scale.colours], norm=norm(scale), interpolation="nearest", aspect="equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    if matrix.shape[0] <= most_printed[0] and matrix.shape[1] <= most_printed[1]:
        size = 6.5 if max(matrix.shape) <= 8 else 5.5
        for (row, column), value in np.ndenumerate(matrix):
            text = style.number(value, decimals)
            if text:
                ink = style.ink_on(scale, value)
                axes.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)
    return image


def colour_bar(image: AxesImage, axes: Sequence[Axes], scale: style.Scale, label: str, rows: int = 1) -> None:
    """The key of a colour scale, to the right of the panels that share it, which lie in so many rows."""
    figure = axes[0].figure
    bar = figure.colorbar(image, ax=list(axes), fraction=0.05, pad=0.02, aspect=28 * rows)
    if scale.ticks:
        bar.set_ticks(list(scale.ticks), labels=[f"{tick:g}" for tick in scale.ticks])
    bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(label)
