"""Sentences on the convergence of members."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.auxiliary import WHOLE
from modescape.metrics.convergence import LEAST_EPOCHS, SIZE
from modescape.wording.numbers import accuracy, count, interval, listing, percent
from modescape.wording.reading import pick

if TYPE_CHECKING:
    import xarray as xr


def not_converged(training: xr.Dataset | None) -> str:
    """A sentence where the validation loss of members still falls or rises as training ends, or too short; else ""."""
    if training is None or "trend" not in training:  # of an older version
        return ""
    trend, parts = training["trend"].values, []
    members = len(trend)
    if members and training.sizes["epoch"] < LEAST_EPOCHS:
        return f"{count(training.sizes['epoch'], 'epoch')} are too few to tell whether the members had converged."
    for sign, words in ((-1, "still falls"), (1, "rises, so that they had begun to overfit")):
        change = np.abs(training["end_change"].values[trend == sign])
        if change.size:
            share = percent(float(np.median(change)))  # of the loss at the end: a decrease may exceed 100 %
            by = f"over the last quarter of the epochs by {share} of the loss at the end"
            parts.append(f"the validation loss of {change.size} of {members} {words} ({by})")
    return f"The members had not converged: {listing(parts)}." if parts else ""


def nearly_flat(training: xr.Dataset) -> str:
    """By how much the validation loss still changes where no member's change is large and clear."""
    change = percent(float(np.median(training["end_change"].values)))
    return (
        f"over the last quarter of the epochs the validation loss changes by {change} (median of the members; clearly "
        f"by more than {percent(SIZE, 1)} for none)"
    )


def trained_out(training: xr.Dataset | None, cyclic: xr.Dataset | None) -> str:
    """What one long run shows about members whose validation loss is flat at the end; "" where unknown.

    A schedule that takes the learning rate to 0 makes any loss flat, so flat does not mean that more training would not
    help.
    """
    if training is None or "trend" not in training or cyclic is None or not (training["trend"].values == 0).all():
        return ""
    names = ("score_low", "score", "score_high")
    low, long, high = (pick(cyclic, name, approach=WHOLE, metric="accuracy") for name in names)
    member = pick(cyclic, "member_score", approach="ensemble", metric="accuracy")
    if not (math.isfinite(long) and math.isfinite(member)):
        return ""
    epochs = int(cyclic.attrs["member_epochs"])
    more = count(round(pick(cyclic, "training_epochs", approach=WHOLE)), "epoch")
    return (
        f"That more training would not help: {nearly_flat(training)}, but a loss that is nearly flat can fall further "
        f"on a longer schedule. One network of {more} has an accuracy of {accuracy(long)} "
        f"({interval(100 * low, 100 * high, 1)}), the mean member, of {epochs}, {accuracy(member)}."
    )
