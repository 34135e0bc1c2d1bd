"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape import results
from modescape.analyses.examples import METRICS, SCORE, about, given_names, interval
from modescape.covers import THESE_MODELS

if TYPE_CHECKING:
    import xarray as xr

BEFORE = np.array([0.712, 0.86, 0.401, 0.05])
CHANGE = np.array([0.0, -0.02, -0.004, -0.03])
TOGETHER = np.array([[0.741, 0.75, 0.36, 0.06], [0.741, 0.73, 0.352, 0.01], [0.741, 0.755, 0.361, 0.07]])
HALF = np.array([0.009, 0.02, 0.01, 0.006])
BINS = 15


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Overconfident models, and an underconfident average."""
    ripple = 1 + 0.3 * np.sin(np.arange(members))[:, None]
    dims, both, curve = ("model", "metric"), ("approach", "metric"), ("approach", "x")
    before, change = BEFORE + 0.01 * ripple, CHANGE * ripple
    confidence = (np.arange(BINS) + 0.5) / BINS
    accuracy = np.clip(confidence + np.array([[0.08], [0.01], [0.1]]) * np.sin(np.pi * confidence), 0, 1)
    share = np.broadcast_to(confidence**2 / (confidence**2).sum(), accuracy.shape)
    of_average = np.where(np.arange(3)[:, None] == 0, np.nan, TOGETHER - TOGETHER[0])
    variables: dict[str, Any] = {"temperature": (("model",), 1.3 * ripple[:, 0], "1", "temperature")}
    for name, value in (("before", before), ("after", before + change), ("change", change)):
        variables |= {name: (dims, value, SCORE, name), **interval(name, dims, value, HALF / 3, SCORE)}
    variables |= {
        "together": (both, TOGETHER, SCORE, "score of the average"),
        **interval("together", both, TOGETHER, HALF, SCORE),
        "together_change": (both, TOGETHER - TOGETHER[0], SCORE, "minus that of the average as given"),
        **interval("together_change", both, of_average, HALF / 3, SCORE),
        "confidence": (curve, np.broadcast_to(confidence, accuracy.shape), "1", "mean confidence"),
        "accuracy": (curve, accuracy, "1", "share that is right"),
        "share": (curve, share, "1", "share of examples"),
    }
    averages = ["all models", "all models, average calibrated", "all models, each calibrated"]
    return results.make_result(
        variables,
        {"model": given_names(members), "approach": averages, "metric": list(METRICS), "x": np.arange(BINS)},
        title="Calibration of given models",
        **about(members, intervals="95 %: these models on new examples"),
        covers=THESE_MODELS,
        unit="network",
    )
