"""The plane through the origin and two solutions, in polar coordinates: how good, and how like either solution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import fields, paper, steps, style, web
from modescape.plots.sheet import Sheet, scatter

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "The plane through the origin and two solutions"
ROWS, COLUMNS = 2, 3
PANELS = (  # variable, which of the two solutions, title, name of the colour key; row by row
    ("accuracy", None, "Accuracy", "Accuracy (share right)"),
    ("similarity", 0, "Similarity to 1", ""),
    ("similarity", 1, "Similarity to 2", "Similarity (0 to 1)"),
    ("nll_best_temperature", None, "Loss, best temperature", "Loss (nats per example)"),
    ("agreement", 0, "Agreement with 1", ""),
    ("agreement", 1, "Agreement with 2", "Agreement (share of labels)"),
)
KEYED = ((0, 1), (1, 3), (3, 4), (4, 6))  # panels from .. to that share a colour key
X_LABEL = "Direction 1 (lengths)"  # of a solution's weights
Y_LABEL = "Direction 2 (lengths)"
PATHS = (style.BLUE, style.VERMILION)
SAMPLES = style.PURPLE
BATCH_NORM = {  # policy: sentence
    "recompute": "Batch-norm statistics, where there are any, are made anew at every point.",
    "stored": "Batch-norm statistics, where there are any, are those of a solution.",
}


def caption(dataset: xr.Dataset) -> str:
    """What is at a point of the plane, and what the overlays are."""
    rays, radii = dataset.sizes["y"], dataset.sizes["x"]
    return style.sentences(
        "A point is a network: the origin has all weights 0; 1 and 2 are two independent solutions, whose weights have",
        f"length 1. Agreement: share of {style.tested_on(dataset)} with the same label as the solution. Similarity:",
        "max(0, 1 \N{MINUS SIGN} d / (1 \N{MINUS SIGN} a)), d the share of other labels, a the accuracy there: 1 for",
        "the same function, 0 for as many other labels as errors. Lines: training runs, from the initialisation",
        f"(star), projected on the plane. {_sample_words(dataset)} Measured on {rays} rays at {radii} radii,",
        "interpolated between.",
        BATCH_NORM.get(str(dataset.attrs.get("batch_norm", "")), ""),
        steps.control(dataset),
        style.left_out(dataset),
    )


def field(dataset: xr.Dataset, variable: str, solution: int | None) -> np.ndarray:
    """Values of a panel, [angle, radius]."""
    values = dataset[variable] if solution is None else dataset[variable].isel(member=solution)
    return values.transpose("y", "x").values.astype(float)


def solutions(dataset: xr.Dataset) -> list[tuple[float, float]]:
    """Places of the two solutions: where their trajectories end."""
    places = []
    for member in range(dataset.sizes["member"]):
        x, y = path(dataset, member)
        places.append((float(x[-1]), float(y[-1])) if len(x) else (float("nan"), float("nan")))
    return places


def path(dataset: xr.Dataset, member: int) -> tuple[np.ndarray, np.ndarray]:
    """A trajectory on the plane, epochs without a place left out; x and y, [epoch]."""
    x, y = (dataset[name].transpose("member", "epoch").values[member] for name in ("path_x", "path_y"))
    there = np.isfinite(x) & np.isfinite(y)
    return x[there], y[there]


def samples(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Places of the samples, x and y, [draw]."""
    there = np.isfinite(dataset["sample_x"].values) & np.isfinite(dataset["sample_y"].values)
    return dataset["sample_x"].values[there], dataset["sample_y"].values[there]


def draw(dataset: xr.Dataset) -> Figure:
    """Six fields on the sector, for papers."""
    radius, angle = dataset["x"].values, dataset["y"].values
    with paper.looks():
        figure = paper.new_figure(9.6, 5.9, "compressed")
        panels = figure.subplots(ROWS, COLUMNS).ravel()
        images = []
        for axes, (variable, solution, title, _) in zip(panels, PANELS, strict=True):
            scale = _scale(dataset, variable)
            values, far, turn = fields.refined(field(dataset, variable, solution), radius, angle)
            images.append(fields.draw_field(axes, *fields.sector_corners(far, turn), values, scale))
            _draw_overlays(axes, dataset)
            paper.panel_title(axes, title)
            axes.set_aspect("equal")
            axes.set_xlabel(X_LABEL)
            axes.set_ylabel(Y_LABEL)
            axes.locator_params(nbins=5)
        for start, end in KEYED:
            variable, label = PANELS[end - 1][0], PANELS[end - 1][3]
            paper.colour_bar(images[start], list(panels[start:end]), _scale(dataset, variable), label)
        return paper.finish(figure, TITLE, caption(dataset), _keys(dataset))


def _draw_overlays(axes: Axes, dataset: xr.Dataset) -> None:
    from matplotlib.patheffects import Normal, Stroke

    halo = [Stroke(linewidth=3, foreground="white"), Normal()]  # read on every colour of the field
    for member, colour in enumerate(PATHS[: dataset.sizes["member"]]):
        x, y = path(dataset, member)
        axes.plot(x, y, color=colour, linewidth=1.4, path_effects=halo)
        axes.plot(x[:1], y[:1], color=colour, marker="*", markersize=8, markeredgecolor="white", linestyle="none")
    x, y = samples(dataset)
    dots = {"marker": "o", "markersize": 3, "markeredgecolor": "white", "markeredgewidth": 0.4, "linestyle": "none"}
    axes.plot(x, y, color=SAMPLES, **dots)
    axes.plot([0], [0], marker="x", markersize=6, markeredgewidth=2, color="white", linestyle="none")
    axes.plot([0], [0], marker="x", markersize=5, markeredgewidth=1, color="black", linestyle="none")
    for name, (x_place, y_place) in zip("12", solutions(dataset), strict=False):
        if np.isfinite([x_place, y_place]).all():
            circle = {"marker": "o", "markersize": 10, "markerfacecolor": "white", "markeredgecolor": "black"}
            axes.plot([x_place], [y_place], linestyle="none", **circle)
            axes.text(x_place, y_place, name, ha="center", va="center_baseline", fontsize=7, fontweight="bold")


def _keys(dataset: xr.Dataset) -> list[Artist]:
    from matplotlib.lines import Line2D

    return [
        *(
            Line2D([], [], color=colour, label=f"Run to solution {name}")
            for name, colour in zip("12", PATHS, strict=True)
        ),
        Line2D([], [], color="0.3", marker="*", markersize=7, linestyle="none", label="Initialisation"),
        Line2D([], [], color=SAMPLES, marker="o", markersize=4, linestyle="none", label=_sample_name(dataset)),
        Line2D([], [], color="black", marker="x", markersize=5, linestyle="none", label="Origin"),
    ]


def draw_interactive(dataset: xr.Dataset) -> Sheet:
    """Six fields on the sector, for the page."""
    figure = web.panels(ROWS, COLUMNS, [title for _, _, title, _ in PANELS], 840, horizontal_spacing=0.1)
    radius, angle = dataset["x"].values, dataset["y"].values
    inside = np.isfinite(fields.sector_raster(np.ones((len(angle), len(radius))), radius, angle)[2])
    for panel, (variable, solution, title, _) in enumerate(PANELS):
        place = (panel // COLUMNS + 1, panel % COLUMNS + 1)
        x, y, values = fields.sector_raster(field(dataset, variable, solution), radius, angle)
        unit = " nats" if variable == "nll_best_temperature" else ""
        hover = f"{title}<br>at (%{{x:.2f}}, %{{y:.2f}}): %{{z:.3f}}{unit}"
        fields.trace_field(figure, place, x, y, values, key=_key(variable), hover=hover, inside=inside)
        _trace_overlays(figure, place, dataset)
        anchor = figure.anchor((place[0], place[1]))
        figure.update_yaxes(scaleanchor=anchor, row=place[0], col=place[1])
    figure.update_xaxes(title={"text": X_LABEL}, nticks=6)
    figure.update_yaxes(title={"text": Y_LABEL}, nticks=6)
    web.first_column_titles(figure)
    for column in range(2, COLUMNS + 1):  # room for the colour keys on paper, where the page is narrow
        figure.update_yaxes(showticklabels=False, col=column)
    for start, end in KEYED:
        variable, label = PANELS[start][0], PANELS[end - 1][3]
        place = ((end - 1) // COLUMNS + 1, (end - 1) % COLUMNS + 1)
        fields.colour_key(figure, _key(variable), _scale(dataset, variable), label, place)
    web.legend_rows(figure, 2)
    return figure


def _trace_overlays(figure: Sheet, place: tuple[int, int], dataset: xr.Dataset) -> None:

    shown = place == (1, 1)
    for member, colour in enumerate(PATHS[: dataset.sizes["member"]]):
        x, y = (values.astype(np.float32) for values in path(dataset, member))
        group = f"run {member + 1}"
        halo = {"color": "white", "width": 5}
        figure.add_trace(
            scatter(x=x, y=y, mode="lines", line=halo, hoverinfo="skip", showlegend=False, legendgroup=group), *place
        )
        start = {"color": colour, "symbol": ["star"] + ["circle"] * (len(x) - 1), "opacity": 1}
        start |= {"size": [11] + [0] * (len(x) - 1), "line": {"color": "white", "width": 1}}
        line = scatter(
            x=x,
            y=y,
            mode="lines+markers",
            line={"color": colour, "width": 2.5},
            marker=start,
            hoverinfo="skip",
            name=f"Run to solution {member + 1}",
            legendgroup=group,
            showlegend=shown,
        )
        figure.add_trace(line, *place)
    x, y = (values.astype(np.float32) for values in samples(dataset))
    dots = {"color": SAMPLES, "size": 5, "line": {"color": "white", "width": 0.5}}
    named = shown and len(x) > 0
    sampled = {"name": _sample_name(dataset), "legendgroup": "samples", "showlegend": named, "hoverinfo": "skip"}
    figure.add_trace(scatter(x=x, y=y, mode="markers", marker=dots, **sampled), *place)
    cross = {"color": style.NEUTRAL, "size": 8, "symbol": "x", "line": {"color": "white", "width": 1}}
    origin = {"name": "Origin", "legendgroup": "origin", "showlegend": shown, "hoverinfo": "skip"}
    figure.add_trace(scatter(x=[0], y=[0], mode="markers", marker=cross, **origin), *place)
    ends = [(name, *spot) for name, spot in zip("12", solutions(dataset), strict=False) if np.isfinite(spot).all()]
    circles = scatter(
        x=[x_place for _, x_place, _ in ends],
        y=[y_place for _, _, y_place in ends],
        mode="markers+text",
        marker={"color": "white", "size": 16, "line": {"color": "black", "width": 1}},
        text=[name for name, _, _ in ends],
        textfont={"color": "black", "size": 11},
        hovertemplate="solution %{text}<extra></extra>",
        showlegend=False,
    )
    figure.add_trace(circles, *place)


def _scale(dataset: xr.Dataset, variable: str) -> style.Scale:
    return fields.loss_scale(dataset[variable].values) if variable == "nll_best_temperature" else fields.SHARE


def _key(variable: str) -> str:
    places = {"accuracy": "", "similarity": "2", "nll_best_temperature": "3", "agreement": "4"}
    return f"coloraxis{places[variable]}"


def _magnified(dataset: xr.Dataset) -> str:
    return f"{float(dataset.attrs.get('magnified', 1)):g}"


def _sample_name(dataset: xr.Dataset) -> str:
    name, times = "Gaussian samples", _magnified(dataset)
    return name if times == "1" else f"{name}, \N{MULTIPLICATION SIGN} {times}"


def _sample_words(dataset: xr.Dataset) -> str:
    if not len(samples(dataset)[0]):
        return ""
    times = _magnified(dataset)
    further = "" if times == "1" else f", drawn {times} times as far from it as they are"
    return f"Small dots: Gaussian samples around solution 1{further}."
