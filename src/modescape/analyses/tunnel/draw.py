"""Two paths from one solution to another: straight, and through a low-loss tunnel; scores and similarity along them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.analyses import task_of
from modescape.analyses.likeness import LIKENESS
from modescape.metrics.scores import score_of
from modescape.plots import fields, steps, style
from modescape.plots.charts import Chart, Field, Panel, Series
from modescape.plots.scores import better, in_target_unit

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Straight line and tunnel between two solutions"
COLUMNS = 3
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
    ("triangle_similarity", 0, "Similarity to the start", "Similarity (0 to 1)"),
    ("triangle_similarity", 1, "Similarity to the end", "Similarity (0 to 1)"),
)
TRIANGLES_OF_NUMBERS = (("triangle_rmse", None, "RMSE under the tunnel", "RMSE (unit of the target)"), *TRIANGLES[1:])
TRIANGLE_X, TRIANGLE_Y = "Position in tunnel (share)", "Distance from origin (1: tunnel)"


def caption(dataset: xr.Dataset) -> str:
    """The quantities along the paths, and the triangles."""
    straight, tunnel = (barrier(dataset, way, "train_loss") for way in ("straight", "tunnel"))
    heights = f"{style.fixed(straight)} nats on the straight line, {style.fixed(tunnel)} in the tunnel"
    known = np.isfinite([straight, tunnel]).all()
    return style.sentences(
        f"Above: networks along the two paths, on {style.tested_on(dataset)}; dashed: the straight line.",
        f"Barrier, the height of the training loss above the line between the ends: {heights}." if known else "",
        steps.similar(dataset),
        "The unrelated solution is not on the path." if dataset.sizes["member"] > 2 else "",
        "Below: the triangles between the origin (all weights 0) and the segments of the tunnel, side by side; white",
        "line: the tunnel.",
        steps.batch_norm(dataset),
        steps.control(dataset),
        style.left_out(dataset),
    )


def barrier(dataset: xr.Dataset, way: str, metric: str) -> float:
    """Height of a loss above the straight line between its ends, nats; NaN where it was not measured."""
    found = dataset["barrier"].sel({"approach": way, "metric": metric})
    return float(found) if found.size == 1 else float("nan")


def panels(dataset: xr.Dataset) -> list[Panel]:
    """Loss, accuracy (or RMSE) and similarity along both paths."""
    loss, accuracy, similarity = [], [], []
    quality = score_of(LIKENESS[task_of(dataset)].quality.name)
    assert quality is not None
    t = dataset["t"].values
    for way, (name, colour, line) in WAYS.items():
        chosen = dataset.sel({"approach": way})
        looks: dict[str, Any] = {"name": name, "x": t, "colour": colour, "line": line, "group": way}
        loss.append(Series(y=chosen["loss"].values, **looks))
        loss.append(Series(y=chosen["train_loss"].values, width=0.7, in_legend=False, **looks))
        accuracy.append(Series(y=quality.factor * chosen[LIKENESS[task_of(dataset)].quality.name].values, **looks))
        towards = chosen["similarity"].transpose("member", "t").values
        for place, values in enumerate(towards[: len(TOWARDS)]):
            solution, shade = TOWARDS[place]
            looks = {"name": solution, "group": solution, "x": t, "colour": shade, "line": line}
            similarity.append(Series(y=values, in_legend=way == "tunnel", **looks))
    nothing = np.empty(0)
    loss.append(Series(name=TRAIN, x=nothing, y=nothing, width=0.7))
    return [
        Panel(title="Loss: lower is better", x_label=X_LABEL, y_label="Loss (nats per example)", series=loss),
        Panel(
            title=better(quality, quality.name),
            x_label=X_LABEL,
            y_label="Accuracy (%)" if quality.percent else in_target_unit(dataset, "RMSE (unit of the target)"),
            series=accuracy,
        ),
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


def describe(dataset: xr.Dataset) -> Chart:
    """Three panels of lines, three of fields."""
    return Chart(
        title=TITLE,
        panels=[*panels(dataset), *_triangles(dataset)],
        columns=COLUMNS,
        panel_size=(3.2, 2.7),
        panel_height=390,
    )


def _triangles(dataset: xr.Dataset) -> list[Panel]:
    """The triangles under the tunnel, which is a line across them."""
    x, y = dataset["x"].values.astype(float), dataset["y"].values.astype(float)
    ends = fields.edges(x)[[0, -1]]
    line = Series(
        name="Tunnel", x=ends, y=np.ones(2), colour="#000000", width=0.8, halo=True, silent=True, in_legend=False
    )
    drawn = []
    shown = TRIANGLES if "triangle_accuracy" in dataset else TRIANGLES_OF_NUMBERS
    for number, (variable, end, title, label) in enumerate(shown):
        held = triangle(dataset, variable, end)
        scale = fields.range_scale(held) if variable == "triangle_rmse" else fields.SHARE
        scale = dataclasses.replace(scale, label=in_target_unit(dataset, label))
        values = Field(values=held, x=x, y=y, scale=scale)
        axes: dict[str, Any] = {"x_label": TRIANGLE_X, "y_label": TRIANGLE_Y, "shared_y": number > 0}
        axes |= {"x_range": tuple(ends), "y_range": tuple(fields.edges(y)[[0, -1]])}
        drawn.append(Panel(title=title, series=[line], field=values, **axes))
    return drawn
