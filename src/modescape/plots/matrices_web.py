"""Matrices for the page: heat maps of Plotly."""

from __future__ import annotations

import numpy as np

from modescape.plots import style, web
from modescape.plots.panels import HeatMap
from modescape.plots.sheet import Sheet, cells


def trace_heat_map(figure: Sheet, place: tuple[int, int], panel: HeatMap, key: str) -> None:
    """Draw a matrix, first row on top; cells without a value are grey.

    Args:
        figure: made by `web.panels`.
        place: row and column of the panel, from 1.
        panel: what to draw; its title is the caller's to write.
        key: name of the colour scale, declared by `room_web.colour_key`.
    """
    row, column = place
    rows, columns = (style.unique([style.escaped(name) for name in names]) for names in (panel.rows, panel.columns))
    matrix = np.asarray(panel.matrix, dtype=float)
    absent = ~np.isfinite(matrix)
    if absent.any():
        colours = {"colorscale": [[0, web.GREY], [1, web.GREY]], "showscale": False, "hoverinfo": "skip"}
        grey = np.where(absent, 0.0, np.nan).astype(np.float32)
        figure.add_trace(cells(z=grey, x=columns, y=rows, **colours), *place)
    printed = matrix.shape[0] <= panel.most_printed[0] and matrix.shape[1] <= panel.most_printed[1]
    trace = cells(
        z=matrix.astype(np.float32),
        x=columns,
        y=rows,
        coloraxis=key,
        hovertemplate=_hover(panel),
        hoverongaps=False,
        customdata=None if panel.extra is None else np.asarray(panel.extra, dtype=np.float32),
        text=[[_cell(panel, value) for value in line] for line in matrix] if printed else None,
        texttemplate="%{text}" if printed else None,
        textfont={"size": 9} if printed else None,
        xgap=1 if printed else 0,
        ygap=1 if printed else 0,
    )
    figure.add_trace(trace, *place)
    labels = [[style.escaped(style.shortened(name, panel.label_length)) for name in names] for names in _names(panel)]
    across, up = (_ticks(*both, panel.most_labels) for both in ((columns, labels[1]), (rows, labels[0])))
    if panel.square:
        across["tickangle"] = -90 if max((len(label) for label in labels[1]), default=0) > 3 else 0
    figure.update_xaxes(showgrid=False, title={"text": style.escaped(panel.x_label)}, **across, row=row, col=column)
    up |= {"autorange": "reversed", "showgrid": False, "title": {"text": style.escaped(panel.y_label)}}
    figure.update_yaxes(**up, row=row, col=column)


def _names(panel: HeatMap) -> tuple[list[str], list[str]]:
    return list(panel.rows), list(panel.columns)


def _ticks(names: list[str], labels: list[str], most: int) -> dict[str, object]:
    """Labels of an axis, at most this many."""
    shown = style.spread(len(names), most)
    return {"type": "category", "tickvals": [names[at] for at in shown], "ticktext": [labels[at] for at in shown]}


def _hover(panel: HeatMap) -> str:
    """Plotly's template of the text under the pointer."""
    x_label, y_label, value = (style.escaped(text) for text in (panel.x_label, panel.y_label, panel.scale.label))
    lines = [f"{y_label}: %{{y}}", f"{x_label}: %{{x}}", f"{value}: %{{z:.4g}}"]
    if panel.extra is not None:
        lines.append(f"%{{customdata:,.4g}} {style.escaped(panel.extra_unit)}")
    return "<br>".join(lines) + "<extra></extra>"


def _cell(panel: HeatMap, value: float) -> str:
    """A number in the ink that is read on its colour: Plotly's own choice is faint on middling colours."""
    text = style.number(value, panel.decimals)
    return f'<span style="color:{style.ink_on(panel.scale, value)}">{text}</span>' if text else ""
