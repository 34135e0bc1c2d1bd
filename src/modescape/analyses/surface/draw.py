"""Planes through weight space: training loss and test error as contours, and the loss as a surface to be turned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plots import fields, steps, style
from modescape.plots.charts import Chart, Field, Panel, Scene, Series, View
from modescape.plots.scores import in_target_unit
from modescape.wording.numbers import fixed, listing, percent, significant

if TYPE_CHECKING:
    import xarray as xr

TITLE = "The loss on planes through weight space"
PLANES = {  # name: what it is called, its axes, and how it is told apart in a sentence
    "random": (
        "Around solution 1",
        ("Random direction 1 (lengths)", "Random direction 2 (lengths)"),
        "around solution 1",
    ),
    "solutions": (
        "Through the solutions",
        ("Towards solution 2 (its distance)", "Orthogonal (same length)"),
        "through the solutions",
    ),
    "principal": (
        "Along a training run",
        ("Component 1 (weight units)", "Component 2 (weight units)"),
        "along the principal components",
    ),
}
LOSS, ERROR, RMSE = "Training loss (nats)", "Test error (%)", "RMSE (unit of the target)"
RUNS = (style.BLUE, style.VERMILION, style.PURPLE)
CIRCLE, STAR = ("o", "circle"), ("*", "star")
LINES = 9  # contours
SOLUTIONS_OWN = (
    "Batch-norm statistics, where there are any, are the solutions' own, mixed between them as the weights are; beyond "
    "them a variance may fall below 0, which makes a gap."
)


def caption(dataset: xr.Dataset) -> str:
    """The values at a point, the measured share, and the variance of runs within the planes."""
    train, test = int(dataset.attrs["train_examples"]), style.tested_on(dataset)
    error = "RMSE" if "rmse" in dataset else "error"
    return style.sentences(
        f"A point is a network. Above: its loss on {style.counted(train, 'training image')}; below: its {error} on",
        f"{test}.",
        *(_about(dataset, name) for name in names(dataset)),
        _runs(dataset),
        _measured(dataset),
        "The colours of the loss are on a logarithmic scale." if loss_scale(dataset).log else "",
        _gaps(dataset),
        SOLUTIONS_OWN if dataset.attrs.get("batch_norm") == "stored" else steps.batch_norm(dataset),
        _control(dataset),
        "For these solutions only: there is no interval.",
        _without(dataset),
        style.left_out(dataset),
    )


def names(dataset: xr.Dataset) -> list[str]:
    """Names of the planes in the result."""
    return [str(name) for name in dataset["approach"].values]


def _about(dataset: xr.Dataset, name: str) -> str:
    if name == "random":
        return (
            f"{PLANES[name][0]}: along two random directions, each of whose filters is as long as the solution's; "
            "biases and normalisation layers are fixed."
        )
    if name == "principal":
        return f"{PLANES[name][0]}: its first two principal components, through its end."
    angle = float(dataset["solutions_angle"].sel({"approach": name}))
    if np.isfinite(angle):
        parting = f"seen from 1, 2 and 3 lie {fixed(angle, 0)} degrees apart"
        return f"{PLANES[name][0]}: a plane holds three of them; {parting}."
    return f"{PLANES[name][0]}: the line through both, and across it a random direction."


def _runs(dataset: xr.Dataset) -> str:
    """The share of runs that lies on the planes."""
    shares = []
    for name in names(dataset):
        values = dataset["path_share"].sel({"approach": name}).values
        values = values[np.isfinite(values)]
        if values.size:
            ends = dict.fromkeys(percent(float(end)) for end in (values.min(), values.max()))
            shares.append(f"{' to '.join(ends)} {PLANES[name][2]}")
    if not shares:
        return ""
    held = listing(shares)
    return f"Lines: training runs (star: first checkpoint), projected; of their variance the plane holds {held}."


def _measured(dataset: xr.Dataset) -> str:
    counts = [f"{int(count):,}" for count in dataset["measured"].sum(("x", "y")).values]
    whole = dataset.sizes["x"] * dataset.sizes["y"]
    if not (dataset["measured"].values == 0).any():
        return f"All {whole:,} points of a plane were measured."
    worst = percent(float(dataset["filled_error"].max()))
    if "rmse" in dataset:
        other = f"the RMSE by {significant(float(dataset['filled_quality_error'].max()))}"
    else:
        other = f"the error by {fixed(100 * float(dataset['filled_quality_error'].max()))} points"
    return (
        f"Measured: {listing(counts)} of {whole:,} points a plane; the others are interpolated, and where that was "
        f"tested the loss was off by at most {worst} of it, {other}."
    )


def _gaps(dataset: xr.Dataset) -> str:
    gaps = int(dataset["gaps"].sum())
    return f"Grey: {style.counted(gaps, 'point')} without a finite loss." if gaps else ""


def _control(dataset: xr.Dataset) -> str:
    values = dataset["control"].values
    if not np.isfinite(values).any():
        return ""
    most = f"{np.nanmax(values):.1g}"
    return f"Control: at the solutions' places the loss differs from their own by at most {most} nats."


def _without(dataset: xr.Dataset) -> str:
    reasons = style.one_line(dataset.attrs.get("without", ""))
    for name, (title, _, _) in PLANES.items():
        reasons = reasons.replace(f"{name}: ", f"{title}: ")
    return f"Missing: {reasons}." if reasons else ""


def loss_scale(dataset: xr.Dataset) -> style.Scale:
    """Colours of the loss, one scale for all planes."""
    return replace(_fitted(dataset["loss"].values), label=LOSS)


def _fitted(values: np.ndarray) -> style.Scale:
    """A scale over the range where values are negative; else logarithmic where they suit it, else up to most values."""
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() < 0:
        return fields.range_scale(values)
    return fields.log_scale(values) or fields.loss_scale(values)


def _error(dataset: xr.Dataset) -> tuple[np.ndarray, style.Scale, str]:
    """Errors [plane, y, x], their colours and their unit under the pointer."""
    dims = ("approach", "y", "x")
    if "rmse" in dataset:
        values = dataset["rmse"].transpose(*dims).values.astype(float)
        return values, replace(_fitted(values), label=in_target_unit(dataset, RMSE)), ""
    values = 100 * (1 - dataset["accuracy"].transpose(*dims).values.astype(float))
    return values, replace(style.PERCENT, colours="viridis_r", label=ERROR), "%"


def describe(dataset: xr.Dataset) -> Chart:
    """A row of losses, a row of errors, and the losses in space."""
    losses = dataset["loss"].transpose("approach", "y", "x").values.astype(float)
    errors, scale, unit = _error(dataset)
    above = [_shown(dataset, place, losses, scale=loss_scale(dataset), unit="nats") for place in _places(dataset)]
    below = [_shown(dataset, place, errors, scale=scale, unit=unit) for place in _places(dataset)]
    rows = (("loss", above), ("RMSE" if "rmse" in dataset else "error", below))
    views = sorted(above, key=lambda view: view.name != PLANES["solutions"][0])  # the most informative
    return Chart(
        title=TITLE,
        panels=[_panel(view, what) for what, row in rows for view in row],
        columns=dataset.sizes["approach"],
        panel_size=(3.2, 2.8),
        panel_height=380,
        scene=Scene(title="The training loss as a surface", z_label=LOSS, views=views),
    )


def _places(dataset: xr.Dataset) -> range:
    return range(dataset.sizes["approach"])


def _shown(dataset: xr.Dataset, place: int, values: np.ndarray, **looks: Any) -> View:
    """Values [plane, y, x] on one plane, with the runs upon it."""
    own = dataset.isel(approach=place)
    name, (x_label, y_label), _ = PLANES[str(own["approach"].values)]
    x, y = (own[f"place_{way}"].values.astype(float) for way in "xy")
    field = Field(values=values[place], x=x, y=y, lines=LINES, **looks)
    return View(name=name, x_label=x_label, y_label=y_label, field=field, series=overlays(own))


def _panel(view: View, what: str) -> Panel:
    (left, *_, right), (low, *_, high) = fields.edges(view.field.x), fields.edges(view.field.y)
    return Panel(
        title=f"{view.name}: {what}",
        x_label=view.x_label,
        y_label=view.y_label,
        field=view.field,
        series=view.series,
        x_range=(left, right),
        y_range=(low, high),
    )


def overlays(own: xr.Dataset) -> list[Series]:
    """Runs with their first checkpoints, and the solutions that lie on a plane, of the result of one plane."""
    shared: dict[str, Any] = {"silent": True, "halo": True}
    series, ends = [], []
    for place in range(own.sizes["member"]):
        x, y = (own[name].isel(member=place).values.astype(float) for name in ("path_x", "path_y"))
        there = np.isfinite(x) & np.isfinite(y)
        x, y = x[there], y[there]
        look: dict[str, Any] = {"colour": RUNS[place % len(RUNS)], "group": f"run {place + 1}"}
        look["name"] = f"Run to solution {place + 1}"
        if len(x) > 1:  # a single checkpoint has no path and no start
            star: dict[str, Any] = {"line": None, "marker": STAR, "size": 7, "in_legend": False}
            series.append(Series(x=x, y=y, width=1.4, **look, **shared))
            series.append(Series(x=x[:1], y=y[:1], **star, **look, **shared))
        if len(x) and np.isfinite(float(own["control"].isel(member=place))):
            ends.append((x[-1], y[-1], str(place + 1)))
    nothing = np.empty(0)
    if series:
        series.append(Series(name="First checkpoint", x=nothing, y=nothing, line=None, marker=STAR, size=7))
    if ends:
        x, y, letters = (list(column) for column in zip(*ends, strict=True))
        circle: dict[str, Any] = {"line": None, "marker": CIRCLE, "size": 9, "hollow": True, "colour": "#000000"}
        named = {"name": "Solution", "in_legend": False, "silent": True}
        series.append(Series(x=np.array(x), y=np.array(y), letters=letters, **circle, **named))
    return series
