"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import ABSENT, accuracy, count, listing, percent, significant
from modescape.wording.summary import Summary
from modescape.wording.tables import names_of
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("li2018", "garipov2018")

TEXT = Text(
    "The loss surface",
    "The training loss, and the error on test images, of networks on planes through weight space: around one solution "
    "along two random directions, through three solutions, and along the two principal components of a training run. "
    "Training runs are projected onto each plane. Below, the same losses as a surface that can be rotated.",
    "Hills between solutions mean that no straight line of low loss joins them; a curve may. Where the error is low "
    "although the loss is high, the network is right and uncertain. Read a line together with the share of the run's "
    "variance that its plane holds: on a plane of random directions almost nothing of a run is visible, so that it "
    "looks like a point, and the loss under a line is that of the plane, not of the run, which lies beside it. A "
    "plane shows two directions out of many thousands: along random ones a minimum looks like a bowl whether or not "
    "the loss falls along others; a sharper bowl need not be worse on test images; and principal components bend any "
    "run, even a random walk, into the same few curves.",
)
NUMBERS = Text(  # of a regression
    TEXT.title,
    TEXT.shown.replace("the error", "the error (RMSE)"),
    TEXT.reading.replace(
        "the network is right and uncertain", "the means are accurate and the predicted variances wrong"
    ),
)
WORDS = {
    "random": "around solution 1",
    "solutions": "through the solutions",
    "principal": "along a training run",
}


def summarize(dataset: xr.Dataset) -> Summary:
    """Heights and what of them was measured, plane by plane."""
    numbers, rows = "rmse" in dataset, []
    whole = dataset.sizes["x"] * dataset.sizes["y"]
    for name in names_of(dataset):
        own = dataset.sel({"approach": name})
        low, high = (significant(value, 2) for value in _ends(own["loss"].values))
        quality = own["rmse" if numbers else "accuracy"].values
        worst, best = _ends(quality)[:: -1 if numbers else 1]
        shown = [significant(value, 3) if numbers else accuracy(value) for value in (best, worst)]
        share = own["path_share"].values
        held = percent(float(np.nanmean(share))) if np.isfinite(share).any() else ABSENT
        measured = f"{int(own['measured'].sum()):,} of {whole:,}"
        off = percent(float(own["filled_error"]))
        rows.append((WORDS.get(name, name), low, high, *shown, held, measured, off, f"{int(own['gaps']):,}"))
    lows = [f"{row[1]} to {row[2]} nats {row[0]}" for row in rows]
    planes = count(len(rows), "plane")
    text = f"Maps of the training loss and of the test error on {planes} through weight space. Loss: {listing(lows)}."
    what = "RMSE" if numbers else "accuracy"
    header = ("plane", "lowest loss (nats)", "highest", f"best {what}", "worst", "share of the run's variance")
    return Summary(
        text,
        (*header, "points measured", "largest error of the others", "gaps"),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _ends(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest finite value."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (float("nan"), float("nan"))


def _takeaway(dataset: xr.Dataset) -> str:
    """How much of a run each plane shows."""
    parts = []
    for name in names_of(dataset):
        share = dataset["path_share"].sel({"approach": name}).values
        if np.isfinite(share).any():
            parts.append(f"{percent(float(np.nanmean(share)))} {WORDS.get(name, name)}")
    if not parts:
        return ""
    return (
        f"Of a training run's variance in weight space the plane holds {listing(parts)} (mean over runs): only what a "
        "plane holds of a run can be read from its map."
    )
