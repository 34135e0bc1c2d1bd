"""Whether the members had been trained to the end, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.report.wording import listing, percent

if TYPE_CHECKING:
    import xarray as xr


def not_converged(training: xr.Dataset | None) -> str:
    """A sentence where the validation loss of members still falls or rises as training ends; else ""."""
    if training is None or "trend" not in training:  # of an older version
        return ""
    trend, parts = training["trend"].values, []
    members = len(trend)
    for sign, words in ((-1, "still falls"), (1, "rises, so that they had begun to overfit")):
        change = np.abs(training["end_change"].values[trend == sign])
        if change.size:
            share = percent(float(np.median(change)))  # of the loss at the end: a fall may have been of more than 100 %
            by = f"over the last quarter of the epochs by {share} of the loss at the end"
            parts.append(f"the validation loss of {change.size} of {members} {words} ({by})")
    return f"The members had not converged: {listing(parts)}." if parts else ""
