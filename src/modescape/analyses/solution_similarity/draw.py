"""Independent solutions against each other: cosine of the weights, disagreement, disagreement by error."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, tagged
from modescape.plots import charts, style
from modescape.plots.charts import Chart

if TYPE_CHECKING:
    import xarray as xr

TITLE = "Independent solutions"
LABELS = 11  # members a side
NAMES = {
    "cosine": "Cosine of weights",
    "cosine_without_batch_norm": "Cosine without normalisation",
    "displacement_cosine": "Cosine of displacements",
    "disagreement": "Disagreement",
    "normalized_disagreement": "Disagreement / mean error",
}
BARS = {
    "cosine": "Cosine",
    "cosine_without_batch_norm": "Cosine",
    "displacement_cosine": "Cosine",
    "disagreement": "Disagreement (share of test examples)",
    "normalized_disagreement": "Disagreement / mean error (ratio)",
}


def caption(dataset: xr.Dataset) -> str:
    """How to read the matrices, and where the intervals come from."""
    without = (
        "Without normalisation: the weights of batch-norm layers left out."
        if "cosine_without_batch_norm" in quantities(dataset)
        else ""
    )
    moved = (
        "Displacements: from the checkpoint that all members start from." if "displacement_cosine" in dataset else ""
    )
    return style.sentences(
        f"The last checkpoints of {style.counted(dataset.sizes['member'], 'member')} against each other. Disagreement:",
        f"share of {style.tested_on(dataset)} that two label differently; its colours go by the square root and are",
        "the same as within one run. Divided by the mean error of the two, 1 means: disagreement equal",
        "to the error rate. Over the panels: mean over pairs of different members (95 % interval).",
        f"{style.intervals(dataset)} Grey: a member with itself.",
        without,
        moved,
        style.left_out(dataset),
    )


def quantities(dataset: xr.Dataset) -> list[str]:
    """The variables to draw: the cosine without normalisation layers only where it differs visibly."""
    same = np.allclose(dataset["cosine"], dataset["cosine_without_batch_norm"], atol=0.01, equal_nan=True)
    there = [name for name in NAMES if name in dataset]
    return [name for name in there if not (same and name == "cosine_without_batch_norm")]


def off_diagonal(dataset: xr.Dataset, name: str) -> np.ndarray:
    """A matrix [member, other_member] with NaN on the diagonal."""
    matrix = dataset[name].transpose("member", "other_member").values.astype(float).copy()
    np.fill_diagonal(matrix, np.nan)
    return matrix


def describe(dataset: xr.Dataset) -> Chart:
    """One matrix per quantity."""
    names, scales = quantities(dataset), _scales(dataset)
    members = [str(member) for member in dataset.member.values]
    titles = {name: f"{NAMES[name]}\n{pair_text(dataset, name)}" for name in names}
    matrices = {name: off_diagonal(dataset, name) for name in names}
    panels = [charts.square(titles[name], "Member", members, matrices[name], scales[name], LABELS) for name in names]
    return Chart(title=TITLE, panels=panels, columns=_columns(names), panel_size=(4.0, 3.7), panel_height=447)


def pair_text(dataset: xr.Dataset, name: str) -> str:
    """Mean over pairs with its interval: "mean 0.270 (0.264 to 0.276; 95 %, new members)"."""
    metrics = [str(metric) for metric in dataset["metric"].values]
    if dataset.sizes["member"] < 2 or name not in metrics:
        return "one member: no pairs"
    mean, low, high = (float(dataset[f"pair_{end}"].values[metrics.index(name)]) for end in ("mean", "low", "high"))
    if not math.isfinite(mean):
        return "no pairs"
    there = math.isfinite(low) and math.isfinite(high)
    if not there:
        return f"mean {style.fixed(mean)} (no interval)"
    tag = tagged(covers_of(dataset, "pair"))
    return f"mean {style.fixed(mean)} ({style.fixed(low)} to {style.fixed(high)};\n{tag})"


def _columns(names: list[str]) -> int:
    return 2 if len(names) == 4 else min(3, len(names))


def _scales(dataset: xr.Dataset) -> dict[str, style.Scale]:
    cosine = style.cosine_scale(dataset["cosine"].values, dataset["cosine_without_batch_norm"].values)
    scales = {
        "cosine": cosine,
        "cosine_without_batch_norm": cosine,
        "displacement_cosine": cosine,
        "disagreement": style.SHARE,
        "normalized_disagreement": style.upward_scale(off_diagonal(dataset, "normalized_disagreement")),
    }
    return {name: dataclasses.replace(scale, label=BARS[name]) for name, scale in scales.items()}
