"""Two ways from one solution to another: straight, and through a low-loss tunnel; how good, and how like whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses.radial.draw import BATCH_NORM
from modescape.plots import charts, fields, paper, steps, style, web
from modescape.plots.charts import Panel, Series
from modescape.plots.sheet import Sheet

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

TITLE = "From one solution to another: straight, and through a tunnel"
ROWS, COLUMNS = 2, 3
X_LABEL = "Position on path (share)"
WAYS = {"tunnel": ("Tunnel", style.GREEN, "solid"), "straight": ("Straight line", style.PURPLE, "dash")}
TOWARDS = (  # the third is not on the path
    ("Solution at the start", style.BLUE),
    ("Solution at the end", style.VERMILION),
    ("Unrelated solution", style.ORANGE),
)
TRAIN = "Thin: training images"
TRIANGLES = (  # variable, which end, title, label of the colour key
    ("triangle_accuracy", None, "Accuracy under the tunnel", "Accuracy (share right)"),
    ("triangle_similarity", 0, "Similarity to the start", ""),
    ("triangle_similarity", 1, "Similarity to the end", "Similarity (0 to 1)"),
)
TRIANGLE_X, TRIANGLE_Y = "Position in tunnel (share)", "Distance from origin (1: tunnel)"
KEYED = ((0, 1), (1, 3))  # triangles from .. to that share a colour key


def caption(dataset: xr.Dataset) -> str:
    """What is compared along the paths, and what the triangles are."""
    straight, tunnel = (barrier(dataset, way, "train_loss") for way in ("straight", "tunnel"))
    heights = f"{style.fixed(straight)} nats on the straight line, {style.fixed(tunnel)} in the tunnel"
    known = np.isfinite([straight, tunnel]).all()
    return style.sentences(
        f"Above: networks along the two paths, on {style.tested_on(dataset)}; dashed: the straight line.",
        f"Barrier, the height of the training loss above the line between the ends: {heights}." if known else "",
        "Similarity: max(0, 1 \N{MINUS SIGN} d / (1 \N{MINUS SIGN} a)), d the share of labels that differ from the",
        "solution's, a the accuracy there.",
        "The unrelated solution is not on the path." if dataset.sizes["member"] > 2 else "",
        "Below: the triangles between the origin (all weights 0) and the pieces of the tunnel, side by side; white",
        "line: the tunnel.",
        BATCH_NORM.get(str(dataset.attrs.get("batch_norm", "")), ""),
        steps.control(dataset),
        style.left_out(dataset),
    )


def barrier(dataset: xr.Dataset, way: str, metric: str) -> float:
    """Height of a loss above the straight line between its ends, nats; NaN where it was not measured."""
    found = dataset["barrier"].sel({"method": way, "metric": metric})
    return float(found) if found.size == 1 else float("nan")


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Loss, accuracy and similarity along both paths."""
    loss, accuracy, similarity = [], [], []
    t = dataset["t"].values
    for way, (name, colour, line) in WAYS.items():
        chosen = dataset.sel({"method": way})
        looks: dict[str, Any] = {"name": name, "x": t, "colour": colour, "line": line, "group": way}
        loss.append(Series(y=chosen["loss"].values, **looks))
        loss.append(Series(y=chosen["train_loss"].values, width=0.7, in_legend=False, **looks))
        accuracy.append(Series(y=100 * chosen["accuracy"].values, **looks))
        towards = chosen["similarity"].transpose("member", "t").values
        for place, values in enumerate(towards[: len(TOWARDS)]):
            solution, shade = TOWARDS[place]
            looks = {"name": solution, "group": solution, "x": t, "colour": shade, "line": line}
            similarity.append(Series(y=values, in_legend=way == "tunnel", **looks))
    nothing = np.empty(0)
    loss.append(Series(name=TRAIN, x=nothing, y=nothing, width=0.7))
    return [
        Panel(title="Loss: lower is better", x_label=X_LABEL, y_label="Loss (nats per example)", series=loss),
        Panel(title="Accuracy: higher is better", x_label=X_LABEL, y_label="Accuracy (%)", series=accuracy),
        Panel(
            title="Similarity to the solutions",
            x_label=X_LABEL,
            y_label="Similarity (0 to 1)",
            series=similarity,
            y_range=(-0.03, 1.03),
        ),
    ]


def triangle(dataset: xr.Dataset, variable: str, end: int | None) -> np.ndarray:
    """Values on the stitched triangles, [radius, position]."""
    values = dataset[variable] if end is None else dataset[variable].isel(other_member=end)
    return values.transpose("y", "x").values.astype(float)


def draw(dataset: xr.Dataset) -> Figure:
    """Three panels of lines, three of fields, for papers."""
    lines = panels(dataset)
    x, y = (fields.edges(dataset[name].values) for name in ("x", "y"))
    with paper.looks():
        figure = paper.new_figure(9.8, 5.4)
        grid = figure.subplots(ROWS, COLUMNS)
        for axes, panel in zip(grid[0], lines, strict=True):
            charts.draw_panel(axes, panel)
        images = []
        for axes, (variable, end, title, _) in zip(grid[1], TRIANGLES, strict=True):
            images.append(fields.draw_field(axes, x, y, triangle(dataset, variable, end), fields.SHARE))
            axes.axhline(1, color="white", linewidth=2)
            axes.axhline(1, color="black", linewidth=0.7)
            paper.panel_title(axes, title)
            axes.set_xlabel(TRIANGLE_X)
            axes.set_ylabel(TRIANGLE_Y)
        for start, stop in KEYED:
            paper.colour_bar(images[start], list(grid[1, start:stop]), fields.SHARE, TRIANGLES[stop - 1][3])
        return paper.finish(figure, TITLE, caption(dataset), charts.legend_keys(lines))


def draw_interactive(dataset: xr.Dataset) -> Sheet:
    """Three panels of lines, three of fields, for the page."""
    lines = panels(dataset)
    titles = [panel.title for panel in lines] + [title for _, _, title, _ in TRIANGLES]
    figure = web.panels(ROWS, COLUMNS, titles, 780, horizontal_spacing=0.1)
    named: set[str] = set()
    for column, panel in enumerate(lines, start=1):
        charts.trace_panel(figure, (1, column), panel, named)
    for column, (variable, end, title, _) in enumerate(TRIANGLES, start=1):
        hover = f"{title}<br>position %{{x:.2f}}, distance %{{y:.2f}}: %{{z:.3f}}"
        values, key = triangle(dataset, variable, end), "coloraxis2" if column > 1 else "coloraxis"
        fields.trace_field(figure, (2, column), dataset["x"].values, dataset["y"].values, values, key=key, hover=hover)
        for colour, width in (("white", 4), ("black", 1.2)):
            figure.add_level(1, (2, column), color=colour, width=width)
    figure.update_xaxes(title={"text": TRIANGLE_X}, row=2)
    figure.update_yaxes(title={"text": TRIANGLE_Y}, row=2, col=1)
    for column in range(2, COLUMNS + 1):
        figure.update_yaxes(showticklabels=False, row=2, col=column)
    for key, (_, stop) in zip(("coloraxis", "coloraxis2"), KEYED, strict=True):
        fields.colour_key(figure, key, fields.SHARE, TRIANGLES[stop - 1][3], (2, stop))
    web.legend_rows(figure, 2)
    return figure
