"""Which class is taken for which: one member, the mean member and the ensemble side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import paper, style, web
from modescape.plots.sheet import Sheet

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

TITLE = "Which class is taken for which"
LABELS = 25  # class names a side; of more classes every second, third, ... is named


def caption(dataset: xr.Dataset) -> str:
    """How to read the matrices."""
    return style.sentences(
        "Rows: the true class; columns: the predicted one; each row adds up to 100 %, the diagonal is the accuracy in",
        f"that class. {style.tested_on(dataset)}. Same colours in all panels, by the square root of the share.",
        "Mean member: counts averaged over the members.",
        _named(dataset),
        style.left_out(dataset),
    )


def shares(dataset: xr.Dataset) -> np.ndarray:
    """Percent of each true class, NaN for a class without examples; shape [method, class, predicted_class]."""
    count = dataset["count"].transpose("method", "class", "predicted_class").values.astype(float)
    total = count.sum(axis=2, keepdims=True)
    return np.divide(100 * count, total, out=np.full_like(count, np.nan), where=total > 0)


def draw(dataset: xr.Dataset) -> Figure:
    """Row-normalised confusion matrices, for papers."""
    names = _class_names(dataset)
    labels = [style.shortened(name) for name in names]
    values = shares(dataset)
    with paper.looks():
        count = len(values)
        figure = paper.new_figure(1.2 + 3.9 * count, 4.6, "compressed")
        panels = figure.subplots(1, count, squeeze=False)[0]
        for place, axes in enumerate(panels):
            image = paper.heat_map(axes, values[place], style.PERCENT, decimals=0)
            paper.matrix_axes(axes, (labels, labels), ("True class (name)", "Predicted class (name)"), LABELS)
            paper.panel_title(axes, _panel_title(dataset, place))
            if place:
                axes.set_yticklabels([])
                axes.set_ylabel("")
        paper.colour_bar(image, panels[None], style.PERCENT, "Share of the true class (%)")
        return paper.finish(figure, TITLE, caption(dataset))


def draw_interactive(dataset: xr.Dataset) -> Sheet:
    """Row-normalised confusion matrices, for the page; the counts are under the pointer."""
    names = style.unique([style.escaped(name) for name in _class_names(dataset)])
    short = [style.escaped(style.shortened(name)) for name in _class_names(dataset)]
    values = shares(dataset)
    counts = dataset["count"].transpose("method", "class", "predicted_class").values
    titles = [style.escaped(_panel_title(dataset, place)) for place in range(len(values))]
    figure = web.panels(1, len(values), titles, 480, horizontal_spacing=0.03)
    hover = "true: %{y}<br>predicted: %{x}<br>%{z:.1f} % of the true class<br>%{customdata:,.1f} examples"
    for place, matrix in enumerate(values, start=1):
        web.heat_map(
            figure,
            (1, place),
            matrix,
            (names, names),
            key="coloraxis",
            scale=style.PERCENT,
            hover=hover,
            decimals=0,
            extra=counts[place - 1],
        )
        web.category_axes(figure, (1, place), names, short, LABELS)
        figure.update_xaxes(title={"text": "Predicted class (name)"}, row=1, col=place)
    figure.update_yaxes(title={"text": "True class (name)"}, row=1, col=1)
    for place in range(2, len(values) + 1):
        figure.update_yaxes(matches="y", showticklabels=False, row=1, col=place)
    web.colour_axis(figure, "coloraxis", style.PERCENT, len(values), 1, unit=" %")
    return figure


def _class_names(dataset: xr.Dataset) -> list[str]:
    return [str(name) for name in dataset["class"].values]


def _panel_title(dataset: xr.Dataset, place: int) -> str:
    method = str(dataset["method"].values[place])
    if method == "ensemble":
        method = f"ensemble of {dataset.attrs['members']}"
    return f"{method[:1].upper()}{method[1:]}: {100 * float(dataset['accuracy'][place]):.1f} % right"


def _named(dataset: xr.Dataset) -> str:
    step = np.diff(style.spread(dataset.sizes["class"], LABELS)[:2])
    return f"Every {style.ordinal(int(step[0]))} class is named." if step.size and step[0] > 1 else ""
