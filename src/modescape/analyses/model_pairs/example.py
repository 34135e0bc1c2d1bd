"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about, given_names
from modescape.covers import THESE_MODELS
from modescape.metrics.paired import two_sided

if TYPE_CHECKING:
    import xarray as xr

ERROR = np.array([0.004, 0.015, 0.006])  # standard errors of a difference


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Models whose neighbours do not differ significantly."""
    members = max(members, 2)  # at least one pair
    place = np.arange(members)
    quality = np.array([0.01, -0.03, -0.012])[:, None] * place
    value = quality[:, :, None] - quality[:, None, :]
    error = np.where(np.eye(members) == 1, np.nan, ERROR[:, None, None])
    p = two_sided(np.abs(value) / error)
    apart = np.abs(place[:, None] - place[None, :]) / max(members, 2)
    jaccard = 1 - 0.5 * (apart > 0) - 0.3 * apart
    dims, both, unit = ("metric", "model", "other_model"), ("model", "other_model"), "1 (nats for nll)"
    names = given_names(members)
    return results.make_result(
        {
            "difference": (dims, value, unit, "score minus the other's"),
            "difference_low": (dims, value - 1.96 * error, unit, "lower end"),
            "difference_high": (dims, value + 1.96 * error, unit, "upper end"),
            "difference_low_all": (dims, value - 3.2 * error, unit, "lower end, all pairs"),
            "difference_high_all": (dims, value + 3.2 * error, unit, "upper end, all pairs"),
            "p_value": (dims, p, "1", "p-value"),
            "p_adjusted": (dims, np.minimum(1, p * members), "1", "adjusted p-value"),
            "disagreement": (both, 0.4 * (1 - jaccard), "1", "share with different predicted classes"),
            "both_wrong": (both, 0.3 * jaccard, "1", "share on which both are wrong"),
            "error_jaccard": (both, jaccard, "1", "both wrong over either wrong"),
            "error_kappa": (both, 2 * jaccard - 1, "1", "kappa"),
        },
        {"model": names, "other_model": names, "metric": ["accuracy", "nll", "brier"]},
        title="Paired differences of every two models",
        **about(members, intervals="95 %: these models on new examples"),
        covers=THESE_MODELS,
        pairs=members * (members - 1) // 2,
        unit="network",
    )
