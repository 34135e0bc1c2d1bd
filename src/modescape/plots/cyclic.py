"""Networks of one cyclical run against independent ones, at equal training cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import charts, style
from modescape.plots.charts import Panel, Series
from modescape.plots.ensemble_size import METRICS
from modescape.plots.scores import methods

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import xarray as xr
    from matplotlib.figure import Figure

TITLE = "Cyclical runs and independent ones at equal cost"


def caption(dataset: xr.Dataset) -> str:
    """What rings and marks are, what each method cost, and how to read the plane."""
    return style.sentences(
        "Grey ring: mean of the single networks; coloured mark: their ensemble, with its 95 % interval. Each method",
        f"makes {style.counted(int(dataset.attrs['networks']), 'network')}, the long run one; mean over",
        f"{style.counted(int(dataset.attrs['repeats']), 'repeat')}, on {style.tested_on(dataset)}. {_costs(dataset)}",
        "Last panel: each network's disagreement with the first independent network, divided by its own error, against",
        "its accuracy; dashed: as many different labels as errors.",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def _costs(dataset: xr.Dataset) -> str:
    epochs = dataset["training_epochs"].transpose("method").values.astype(float)
    known = {method: value for method, value in zip(methods(dataset), epochs, strict=True) if np.isfinite(value)}
    if len(known) > 1 and len(set(known.values())) == 1:
        return f"Training epochs: {epochs[0]:,.0f} for each."
    parts = [f"{style.method_look(method).name}: {value:,.0f}" for method, value in known.items()]
    return f"Training epochs: {'; '.join(parts)}." if parts else ""


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Four scores and the divergence by method, and the diversity-accuracy plane."""
    scores = [
        _scores(dataset, metric, title.replace("Negative log-likelihood", "NLL"), label, factor)
        for metric, (title, label, factor) in METRICS.items()
        if metric in dataset["metric"].values
    ]
    return [*scores, _divergence(dataset), _plane(dataset)]


def _names(dataset: xr.Dataset) -> list[str]:
    return [style.method_look(method).name for method in methods(dataset)]


def _scores(dataset: xr.Dataset, metric: str, title: str, label: str, factor: float) -> Panel:
    chosen = dataset.sel({"metric": metric}).transpose("method", ...)
    row = np.arange(dataset.sizes["method"], dtype=float)
    single = Series(
        name="Mean network",
        x=factor * chosen["member_score"].values,
        y=row,
        marker=("o", "circle"),
        line=None,
        size=8,
        hollow=True,
    )
    low, middle, high = (factor * chosen[f"score{end}"].values for end in ("_low", "", "_high"))
    ensembles = []
    for place, method in enumerate(methods(dataset)):
        look, here = style.method_look(method), slice(place, place + 1)
        ensemble = Series(
            name=look.name,
            group=method,
            x=middle[here],
            y=row[here],
            low=low[here],
            high=high[here],
            intervals_along_x=True,
            colour=look.colour,
            marker=look.marker,
            line=None,
            size=5,
        )
        ensembles.append(ensemble)
    return Panel(title=title, x_label=label, y_label="Method (name)", series=[single, *ensembles], rows=_names(dataset))


def _divergence(dataset: xr.Dataset) -> Panel:
    series = []
    for place, method in enumerate(methods(dataset)):
        look = style.method_look(method)
        mark = {"colour": look.colour, "marker": look.marker, "line": None, "size": 5, "in_legend": False}
        value = dataset["jensen_shannon"].sel({"method": [method]}).values
        series.append(Series(name=look.name, group=method, x=value, y=np.array([place]), **mark))
    return Panel(
        title="Diversity: higher is more diverse",
        x_label="Jensen-Shannon divergence (nats)",
        y_label="Method (name)",
        series=series,
        rows=_names(dataset),
    )


def _plane(dataset: xr.Dataset) -> Panel:
    accuracy = 100 * dataset["accuracy"].transpose("method", "draw").values
    diversity = dataset["diversity"].transpose("method", "draw").values
    series = [charts.level("Different labels = errors", 1.0, charts.span(accuracy, default=(0, 100)), width=1)]
    for place, method in enumerate(methods(dataset)):
        look = style.method_look(method)
        mark = {"colour": look.colour, "marker": look.marker, "line": None, "size": 4, "in_legend": False}
        series.append(Series(name=look.name, group=method, x=accuracy[place], y=diversity[place], **mark))
    return Panel(
        title="Diversity against accuracy",
        x_label="Accuracy (%)",
        y_label="Disagreement / own error (1)",
        series=series,
    )


def draw(dataset: xr.Dataset) -> Figure:
    """Scores, divergence and the plane, for papers."""
    return charts.draw_panels(panels(dataset), 2, TITLE, caption(dataset))


def draw_interactive(dataset: xr.Dataset) -> go.Figure:
    """Scores, divergence and the plane, for the page."""
    return charts.draw_panels_interactive(panels(dataset), 2)
