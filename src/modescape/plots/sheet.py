"""A figure of the page as plain data, traces and layout as Plotly's script takes them, without Plotly's classes.

Those check every property of every trace in Python, which takes ten times as long as making the figure; a test holds
what is made here against them.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Trace = dict[str, Any]
NUMBERS = {"float32": "f4", "float64": "f8", "int8": "i1", "int16": "i2", "int32": "i4"}  # that Plotly takes as bytes


def scatter(**properties: Any) -> Trace:
    """A trace of lines, marks and texts; see Plotly's reference of `scatter`."""
    return {"type": "scatter", **properties}


def cells(**properties: Any) -> Trace:
    """A trace of coloured cells; see Plotly's reference of `heatmap`."""
    return {"type": "heatmap", **properties}


def contours(**properties: Any) -> Trace:
    """A trace of lines along which values are the same; see Plotly's reference of `contour`."""
    return {"type": "contour", **properties}


class Sheet:
    """Panels in rows and columns, each with a pair of axes.

    Args:
        grid: for each row, the width of each panel in columns; 0 where there is none.
        row_heights: of the rows, in any unit.
        horizontal_spacing: share of the width between two columns.
        vertical_spacing: share of the height between two rows.
        titles: of the panels, row by row, already escaped.
    """

    def __init__(
        self,
        grid: Sequence[Sequence[int]],
        titles: Sequence[str],
        *,
        horizontal_spacing: float,
        vertical_spacing: float,
        row_heights: Sequence[float] | None = None,
    ) -> None:
        self.traces: list[Trace] = []
        self.layout: dict[str, Any] = {}
        self.numbers: dict[tuple[int, int], str] = {}  # place -> what stands behind "xaxis" and "x"
        columns, heights = len(grid[0]), row_heights or [1.0] * len(grid)
        width = (1 - horizontal_spacing * (columns - 1)) / columns
        high = (1 - vertical_spacing * (len(grid) - 1)) / sum(heights)
        for row, wide in enumerate(grid):
            below = sum(high * size + vertical_spacing for size in heights[row + 1 :])
            for column, count in enumerate(wide):
                if count:
                    left = column * (width + horizontal_spacing)
                    across = [left, left + count * width + (count - 1) * horizontal_spacing]
                    self._add_axes((row + 1, column + 1), across, [below, below + high * heights[row]])
        self.layout["annotations"] = [
            self._title(place, text) for place, text in zip(self.numbers, titles, strict=False) if text
        ]

    def _add_axes(self, place: tuple[int, int], across: list[float], up: list[float]) -> None:
        number = str(len(self.numbers) + 1) if self.numbers else ""
        self.numbers[place] = number
        ends = [[min(max(end, 0.0), 1.0) for end in ends] for ends in (across, up)]
        self.layout[f"xaxis{number}"] = {"anchor": f"y{number}", "domain": ends[0]}
        self.layout[f"yaxis{number}"] = {"anchor": f"x{number}", "domain": ends[1]}

    def _title(self, place: tuple[int, int], text: str) -> dict[str, Any]:
        """A title at the left edge of its panel, where a long one has room."""
        left, top = self.x_axis(place)["domain"][0], self.y_axis(place)["domain"][1]
        spot = {"x": left, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        return {**spot, "text": text, "align": "left", "showarrow": False, "font": {"size": 13}}

    def x_axis(self, place: tuple[int, int]) -> dict[str, Any]:
        """The horizontal axis of a panel, to be changed in place."""
        return self.layout[f"xaxis{self.numbers[place]}"]

    def y_axis(self, place: tuple[int, int]) -> dict[str, Any]:
        """The vertical axis of a panel, to be changed in place."""
        return self.layout[f"yaxis{self.numbers[place]}"]

    def anchor(self, place: tuple[int, int]) -> str:
        """How a panel's horizontal axis is named by others: "x", "x2", ..."""
        return f"x{self.numbers[place]}"

    def add_trace(self, trace: Trace, row: int, column: int) -> None:
        """Put a trace into a panel."""
        number = self.numbers[row, column]
        self.traces.append({**trace, "xaxis": f"x{number}", "yaxis": f"y{number}"})

    def update_layout(self, **properties: Any) -> None:
        """Change the layout; dictionaries are merged."""
        merge(self.layout, properties)

    def update_xaxes(self, row: int | None = None, col: int | None = None, **properties: Any) -> None:
        """Change the horizontal axes of a panel, a row, a column or all."""
        for place in self._places(row, col):
            merge(self.x_axis(place), properties)

    def update_yaxes(self, row: int | None = None, col: int | None = None, **properties: Any) -> None:
        """Change the vertical axes of a panel, a row, a column or all."""
        for place in self._places(row, col):
            merge(self.y_axis(place), properties)

    def _places(self, row: int | None, column: int | None) -> Iterator[tuple[int, int]]:
        return (place for place in self.numbers if row in (None, place[0]) and column in (None, place[1]))

    def figure(self) -> dict[str, Any]:
        """Traces and layout, arrays as they are: what `plotly.graph_objects.Figure` is made from."""
        return {"data": self.traces, "layout": {"template": {}, **self.layout}}  # not the user's default template

    def plain(self) -> dict[str, Any]:
        """Traces and layout of what JSON knows: numbers of arrays as bytes in base 64, no value as null."""
        return plain(self.figure())

    def columns(self) -> int:
        """Panels side by side."""
        return len({axis["domain"][0] for axis in map(self.x_axis, self.numbers)})


def merge(into: dict[str, Any], properties: Mapping[str, Any]) -> None:
    """Put properties into a dictionary, those of its dictionaries one by one; None takes one out."""
    for name, value in properties.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            merge(into[name], value)
        elif value is None:
            into.pop(name, None)
        else:
            into[name] = dict(value) if isinstance(value, Mapping) else value


def plain(value: Any) -> Any:
    """A value of what JSON knows; properties that are None are left out."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, np.ndarray):
        return _packed(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _packed(values: np.ndarray) -> Any:
    if values.dtype.kind in "iu":  # the narrowest that holds them
        ends = (int(values.min()), int(values.max())) if values.size else (0, 0)
        fits = (kind for kind in ("int8", "int16", "int32") if all(abs(end) <= np.iinfo(kind).max for end in ends))
        values = values.astype(next(fits, "float64"))
    if str(values.dtype) not in NUMBERS or values.ndim > 2:
        return plain(values.tolist())
    packed = {"dtype": NUMBERS[str(values.dtype)], "bdata": base64.b64encode(values.tobytes()).decode()}
    return packed | ({"shape": ", ".join(map(str, values.shape))} if values.ndim > 1 else {})


def to_json(value: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
