"""Independent networks of a regression against each other: cosine of the weights, distance of predictions."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from modescape.analyses.solution_similarity.draw import LABELS, TITLE, off_diagonal, pair_text
from modescape.plots import charts, style
from modescape.plots.charts import Chart
from modescape.plots.scores import in_target_unit

if TYPE_CHECKING:
    import xarray as xr

NAMES = {  # variable: title, key
    "cosine": ("Cosine of weights", "Cosine"),
    "prediction_distance": ("Distance of predictions", "Distance (unit of the target)"),
    "normalized_distance": ("Distance / error", "Distance / RMSE (ratio)"),
}


def caption(dataset: xr.Dataset) -> str:
    """How to read the matrices."""
    return style.sentences(
        f"The last checkpoints of {style.counted(dataset.sizes['member'], 'member')} against each other. Distance: "
        f"root mean square of the differences of predictions on {style.tested_on(dataset)}; over the root mean squared "
        "error of the two, 1.41 means uncorrelated errors. Over the panels: mean over pairs (95 %).",
        style.intervals(dataset),
        style.left_out(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """One matrix per quantity."""
    members = [str(member) for member in dataset.member.values]
    panels = []
    for name, (title, key) in NAMES.items():
        matrix = off_diagonal(dataset, name)
        scale = style.cosine_scale(matrix) if name == "cosine" else style.from_zero(matrix)
        scale = dataclasses.replace(scale, label=in_target_unit(dataset, key))
        titled = f"{title}\n{pair_text(dataset, name)}"
        panels.append(charts.square(titled, "Member", members, matrix, scale, LABELS))
    return Chart(title=TITLE, panels=panels, columns=3, panel_size=(4.0, 3.7), panel_height=447)
