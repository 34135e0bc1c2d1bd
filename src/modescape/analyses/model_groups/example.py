"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about, interval
from modescape.covers import NEW_RUNS, THESE_MODELS
from modescape.metrics.paired import two_sided

if TYPE_CHECKING:
    import xarray as xr

MEAN = np.array([[0.712, 0.731, 0.728], [0.86, 0.80, 0.81], [0.41, 0.38, 0.385]])
HALF = np.array([[0.010, 0.012, 0.006], [0.02, 0.03, 0.012], [0.01, 0.012, 0.006]])
RUNS = np.array([5, 3, 1])


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Three methods, of which one has a single run."""
    names = ["plain", "wide <b>&</b>", "a name that is longer than there is room for"]
    value = MEAN[:, :, None] - MEAN[:, None, :]
    error = np.where(np.eye(3) == 1, np.nan, np.hypot(HALF[:, :, None], HALF[:, None, :]))
    p = two_sided(2 * np.abs(value) / error)
    dims, both, unit = ("metric", "approach"), ("metric", "approach", "other_approach"), "1 (nats for nll)"
    kinds = {"": NEW_RUNS} | {name: THESE_MODELS for name, runs in zip(names, RUNS, strict=True) if runs == 1}
    return results.make_result(
        {
            "mean": (dims, MEAN, unit, "mean score over runs"),
            **interval("mean", dims, MEAN, HALF, unit),
            "sd": (dims, np.where(RUNS > 1, HALF / 2, np.nan), unit, "standard deviation between runs"),
            "difference": (both, value, unit, "mean score minus the other group's"),
            **interval("difference", both, value, error, unit),
            "difference_low_all": (both, value - 1.4 * error, unit, "lower end, all pairs"),
            "difference_high_all": (both, value + 1.4 * error, unit, "upper end, all pairs"),
            "p_value": (both, p, "1", "p-value"),
            "p_adjusted": (both, np.minimum(1, 3 * p), "1", "adjusted p-value"),
            "runs": (("approach",), RUNS, "1", "models of the group"),
        },
        {"approach": names, "other_approach": names, "metric": ["accuracy", "nll", "brier"]},
        title="Groups of models against each other",
        **about(members, intervals="95 %: new runs on new examples"),
        covers={"": NEW_RUNS, "mean": kinds},
        pairs=3,
    )
