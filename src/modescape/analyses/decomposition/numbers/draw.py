"""Where an ensemble's gain comes from: the mean network's score minus a diversity term, in three scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.analyses.decomposition.draw import TERM, TITLE, panels_of
from modescape.metrics.scores import TARGET_UNIT
from modescape.plots import style
from modescape.plots.charts import Chart
from modescape.plots.scores import in_target_unit

if TYPE_CHECKING:
    import xarray as xr

SCORES = {  # metric: panel title, axis label
    "squared_error": ("Squared error of the mean", f"Squared error ({TARGET_UNIT}, squared)"),
    "nll": ("NLL of the mixture", "NLL (nats per example)"),
    "crps": ("CRPS of the mixture", f"CRPS ({TARGET_UNIT})"),
}


def caption(dataset: xr.Dataset) -> str:
    """The meaning of the two ends of a line, and of their distance."""
    return style.sentences(
        f"Grey ring: mean score of {int(dataset.attrs['networks'])} networks, one at a time; coloured mark: score of "
        f"their mixture; lower is better. {TERM} On {style.tested_on(dataset)}. Bar: 95 % interval of the "
        "diversity term.",
        style.intervals(dataset),
        style.from_members(dataset),
    )


def describe(dataset: xr.Dataset) -> Chart:
    """Mean network and ensemble in three scores."""
    scores = {metric: (title, in_target_unit(dataset, label)) for metric, (title, label) in SCORES.items()}
    return Chart(title=TITLE, panels=panels_of(dataset, scores), columns=2)
