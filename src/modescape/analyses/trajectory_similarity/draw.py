"""Checkpoints of one run against each other: cosine of the weights, disagreement of the predicted labels."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.plots import charts, style
from modescape.plots.charts import Chart
from modescape.plots.scores import in_target_unit

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Checkpoints of one run"
TRAJECTORIES = 6  # drawn; the result holds all
EPOCHS = 101  # a side; of longer runs every second, third, ... epoch is drawn, which keeps the page small
LABELS = 11  # epochs a side
NAMES = {
    "cosine": "Cosine of weights",
    "cosine_without_batch_norm": "Cosine without normalisation",
    "displacement_cosine": "Cosine of displacements",
    "disagreement": "Disagreement",
    "prediction_distance": "Distance of predictions",  # of a regression
    "normalized_distance": "Distance / error",
}
BARS = {
    "cosine": "Cosine",
    "disagreement": "Disagreement (share of test examples)",
    "prediction_distance": "Distance (unit of the target)",
    "normalized_distance": "Distance / RMSE (ratio)",
}


def caption(dataset: xr.Dataset) -> str:
    """How to read the matrices."""
    drawn, there = min(dataset.sizes["member"], TRAJECTORIES), dataset.sizes["member"]
    without = (
        "Without normalisation: the weights of batch-norm layers left out."
        if "cosine_without_batch_norm" in quantities(dataset)
        else ""
    )
    moved = (
        "Displacements: from the checkpoint that all members start from." if "displacement_cosine" in dataset else ""
    )
    return style.sentences(
        "Every epoch of a run against every other; epoch 0 is the initialisation.",
        *_differences(dataset),
        without,
        moved,
        f"The first {drawn} of {there} kept runs are drawn." if drawn < there else "",
        f"Every {style.ordinal(_step(dataset))} epoch is drawn." if _step(dataset) > 1 else "",
        style.left_out(dataset),
    )


def _differences(dataset: xr.Dataset) -> tuple[str, ...]:
    if "disagreement" in dataset:
        return (
            f"Disagreement: share of {style.tested_on(dataset)} that two checkpoints label differently. Its colours go "
            "by the square root and are the same as for independent solutions.",
        )
    return (
        f"Distance: root mean square of the differences of predictions on {style.tested_on(dataset)}; over the root "
        "mean squared error of the two, 1.41 means uncorrelated errors.",
    )


def quantities(dataset: xr.Dataset) -> list[str]:
    """The variables to draw: the cosine without normalisation layers only where it differs."""
    same = np.allclose(dataset["cosine"], dataset["cosine_without_batch_norm"], atol=5e-4, equal_nan=True)
    there = [name for name in NAMES if name in dataset]
    return [name for name in there if not (same and name == "cosine_without_batch_norm")]


def describe(dataset: xr.Dataset) -> Chart:
    """A row of matrices for every kept run."""
    every = slice(None, None, _step(dataset))
    dataset = dataset.isel(member=slice(TRAJECTORIES), epoch=every, other_epoch=every)
    names, scales = quantities(dataset), _scales(dataset)
    epochs = [str(epoch) for epoch in dataset.epoch.values]
    panels = [
        charts.square(
            f"{NAMES[name]}\nmember {member}",
            "Epoch",
            epochs,
            _matrix(dataset, name, row),
            scales[name],
            LABELS,
        )
        for row, member in enumerate(dataset.member.values)
        for name in names
    ]
    return Chart(title=TITLE, panels=panels, columns=len(names), panel_size=(3.5, 2.95), panel_height=396)


def _scales(dataset: xr.Dataset) -> dict[str, style.Scale]:
    cosine = style.cosine_scale(dataset["cosine"].values, dataset["cosine_without_batch_norm"].values)
    both = dataclasses.replace(cosine, label=BARS["cosine"])
    cosines = ("cosine", "cosine_without_batch_norm", "displacement_cosine")
    others = {name: dataset[name].values for name in BARS if name in dataset and name != "cosine"}
    scales = {name: style.SHARE if name == "disagreement" else style.from_zero(one) for name, one in others.items()}
    named = {name: dataclasses.replace(one, label=in_target_unit(dataset, BARS[name])) for name, one in scales.items()}
    return {**dict.fromkeys(cosines, both), **named}


def _matrix(dataset: xr.Dataset, name: str, place: int) -> np.ndarray:
    return dataset[name].transpose("member", "epoch", "other_epoch").values[place]


def _step(dataset: xr.Dataset) -> int:
    return max(1, math.ceil(dataset.sizes["epoch"] / EPOCHS))
