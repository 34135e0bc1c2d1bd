"""The plane through the origin and two solutions, in polar coordinates: quality, and similarity to either solution."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import fields, steps, style
from modescape.plots.charts import Chart, Field, Panel, Series
from modescape.plots.scores import in_target_unit

if TYPE_CHECKING:
    import xarray as xr

TITLE = "The plane through the origin and two solutions"
COLUMNS = 3
PANELS = (  # variable, which of the two solutions, title; row by row
    ("accuracy", None, "Accuracy"),
    ("similarity", 0, "Similarity to 1"),
    ("similarity", 1, "Similarity to 2"),
    ("nll_best_temperature", None, "Loss, best temperature"),
    ("agreement", 0, "Agreement with 1"),
    ("agreement", 1, "Agreement with 2"),
)
PANELS_OF_NUMBERS = (  # of a regression
    ("rmse", None, "RMSE"),
    ("similarity", 0, "Similarity to 1"),
    ("similarity", 1, "Similarity to 2"),
    ("nll_best_scale", None, "Loss, best variances"),
    ("prediction_distance", 0, "Distance from 1"),
    ("prediction_distance", 1, "Distance from 2"),
)
FAR = 3.0  # times the worst solution's error, or distance: upper end of the colour scale
KEYS = {  # variable: name of its colour key
    "accuracy": "Accuracy (share right)",
    "similarity": "Similarity (0 to 1)",
    "nll_best_temperature": "Loss (nats per example)",
    "agreement": "Agreement (share of labels)",
    "rmse": "RMSE (unit of the target)",
    "nll_best_scale": "Loss (nats per example)",
    "prediction_distance": "Distance (unit of the target)",
}
X_LABEL = "Direction 1 (lengths)"  # of a solution's weights
Y_LABEL = "Direction 2 (lengths)"
PATHS = (style.BLUE, style.VERMILION)
SAMPLES = style.PURPLE
CIRCLE, STAR = ("o", "circle"), ("*", "star")


def caption(dataset: xr.Dataset) -> str:
    """The values of the plane, and the overlays."""
    rays, radii = dataset.sizes["y"], dataset.sizes["x"]
    return style.sentences(
        "A point is a network: the origin has all weights 0; 1 and 2 are two independent solutions, whose weights have",
        f"length 1. {_alike(dataset)} Lines: training runs, from the initialisation",
        f"(star), projected on the plane. {_sample_words(dataset)} Measured on {rays} rays at {radii} radii,",
        "interpolated between.",
        steps.batch_norm(dataset),
        steps.control(dataset),
        style.left_out(dataset),
    )


def _alike(dataset: xr.Dataset) -> str:
    """The definitions of agreement (distance) and similarity."""
    if "agreement" in dataset:
        return (
            f"Agreement: share of {style.tested_on(dataset)} with the same label as the solution. Similarity: "
            "max(0, 1 \N{MINUS SIGN} d / (1 \N{MINUS SIGN} a)), d the share of other labels, a the accuracy there: 1 "
            "for the same function, 0 for disagreement equal to the error."
        )
    return (
        f"Distance: root mean square difference from the solution's predictions on {style.tested_on(dataset)}. "
        "Similarity: max(0, 1 \N{MINUS SIGN} d / \N{SQUARE ROOT}(e\N{SUPERSCRIPT TWO} + b\N{SUPERSCRIPT TWO})), d "
        "the distance, e and b the errors of the point and of the solution: 1 for the same function, 0 for "
        f"uncorrelated errors. Colours end at {FAR:g} times what the solutions have. Loss: with all variances times "
        "the best factor of each point."
    )


def field(dataset: xr.Dataset, variable: str, solution: int | None) -> np.ndarray:
    """Values of a panel, [angle, radius]."""
    values = dataset[variable] if solution is None else dataset[variable].isel(member=solution)
    return values.transpose("y", "x").values.astype(float)


def solutions(dataset: xr.Dataset) -> list[tuple[float, float]]:
    """Positions of the two solutions, at the ends of their trajectories."""
    places = []
    for member in range(dataset.sizes["member"]):
        x, y = path(dataset, member)
        places.append((float(x[-1]), float(y[-1])) if len(x) else (float("nan"), float("nan")))
    return places


def path(dataset: xr.Dataset, member: int) -> tuple[np.ndarray, np.ndarray]:
    """A trajectory on the plane, without epochs that have no position; x and y, [epoch]."""
    x, y = (dataset[name].transpose("member", "epoch").values[member] for name in ("path_x", "path_y"))
    there = np.isfinite(x) & np.isfinite(y)
    return x[there], y[there]


def samples(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the samples, x and y, [draw]."""
    there = np.isfinite(dataset["sample_x"].values) & np.isfinite(dataset["sample_y"].values)
    return dataset["sample_x"].values[there], dataset["sample_y"].values[there]


def describe(dataset: xr.Dataset) -> Chart:
    """Six fields on the sector."""
    panels = []
    shown = PANELS if "agreement" in dataset else PANELS_OF_NUMBERS
    for number, (variable, solution, title) in enumerate(shown):
        loss = variable.startswith("nll")
        drawn = Field(
            values=field(dataset, variable, solution),
            x=dataset["x"].values,
            y=dataset["y"].values,
            scale=_scale(dataset, variable),
            polar=True,
            unit="nats" if loss else "",
        )
        panels.append(
            Panel(
                title=title,
                x_label=X_LABEL,
                y_label=Y_LABEL,
                series=_overlays(dataset),
                field=drawn,
                equal=True,
                shared_y=number % COLUMNS > 0,
            )
        )
    return Chart(title=TITLE, panels=panels, columns=COLUMNS, panel_size=(3.15, 2.95), panel_height=420)


def _overlays(dataset: xr.Dataset) -> list[Series]:
    """Training runs with their starts, samples, the origin and the two solutions."""
    shared: dict[str, Any] = {"silent": True, "halo": True}
    series = []
    for member, colour in enumerate(PATHS[: dataset.sizes["member"]]):
        x, y = path(dataset, member)
        run: dict[str, Any] = {"colour": colour, "group": f"run {member + 1}", "name": f"Run to solution {member + 1}"}
        series.append(Series(x=x, y=y, width=1.4, **run, **shared))
        series.append(Series(x=x[:1], y=y[:1], line=None, marker=STAR, size=8, in_legend=False, **run, **shared))
    nothing = np.empty(0)
    series.append(Series(name="Initialisation", x=nothing, y=nothing, line=None, marker=STAR, size=7))
    x, y = samples(dataset)
    if len(x):
        dots: dict[str, Any] = {"line": None, "marker": CIRCLE, "size": 3, "colour": SAMPLES}
        series.append(Series(name=_sample_name(dataset), x=x, y=y, **dots, **shared))
    origin = np.zeros(1)
    series.append(Series(name="Origin", x=origin, y=origin, line=None, marker=("X", "x"), size=5, **shared))
    ends = [(name, *spot) for name, spot in zip("12", solutions(dataset), strict=False) if np.isfinite(spot).all()]
    circles: dict[str, Any] = {"line": None, "marker": CIRCLE, "size": 10, "hollow": True, "colour": "#000000"}
    places = (np.array([end[axis] for end in ends], dtype=float) for axis in (1, 2))
    letters = [name for name, *_ in ends]
    if ends:
        named = {"name": "Solution", "letters": letters, "in_legend": False, "silent": True}
        series.append(Series(**dict(zip("xy", places, strict=True)), **circles, **named))  # type: ignore[arg-type]
    return series


def _scale(dataset: xr.Dataset, variable: str) -> style.Scale:
    label = in_target_unit(dataset, KEYS[variable])
    if variable in ("rmse", "prediction_distance"):  # unbounded with distance
        values, ends = dataset[variable].values, _at_solutions(dataset)
        scale = fields.loss_scale(np.minimum(values, FAR * ends) if np.isfinite(ends) else values)
    elif variable == "nll_best_scale":
        scale = fields.range_scale(dataset[variable].values)
    else:
        scale = fields.loss_scale(dataset[variable].values) if variable.startswith("nll") else fields.SHARE
    return dataclasses.replace(scale, label=label)


def _at_solutions(dataset: xr.Dataset) -> float:
    """The larger RMSE of the two solutions."""
    found = [float(dataset["rmse"].sel(x=1.0, y=angle, method="nearest")) for angle in (0.0, 90.0)]
    return max(found) if np.isfinite(found).all() else float("nan")


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
