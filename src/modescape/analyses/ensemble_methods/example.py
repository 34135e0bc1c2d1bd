"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import (
    ACROSS,
    ALONE,
    CROSSED,
    HALF,
    METRICS,
    SCORE,
    SUBSPACES,
    WITHIN,
    about,
    interval,
    stated,
)
from modescape.covers import new_if

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

KINDS = ("stored", "recomputed")  # of batch-norm statistics


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Scores against size: large gains across solutions, small ones within one, partly additive."""
    size = np.arange(1, members + 1)
    saving = 1 - 1 / size
    methods = ("independent", *WITHIN)
    within = np.array([(0, 0, 0, 0), *(values[:4] for values in WITHIN.values())], dtype=float)
    gain = within[:, :, None] * (1 - 0.85 * saving) + ACROSS[:, None] * saving  # method, metric, size
    score = ALONE[:, None] + gain
    width = HALF[:, None] * (1 + 0.6 / size)
    narrow = width / 3 * np.maximum(saving, 0.2)
    jensen_shannon = np.array([0.274, *(values[4] for values in WITHIN.values())])
    dims = ("approach", "metric", "size")
    at_one = 0.9 * gain[(place := [methods.index(method) for method in SUBSPACES]), :, 0]
    cost = np.where(np.isin(methods, ("independent", "weight_average")), 1, 10)
    return results.make_result(
        {
            "score": (dims, score, SCORE, "mean score over subsets"),
            **interval("score", dims, score, width, SCORE),
            **interval("score", dims, score, width / 2, SCORE, these=True),
            "gain": (dims, gain, SCORE, "score minus that of the mean single network"),
            **interval("gain", dims, gain, narrow, SCORE),
            **interval("gain", dims, gain, narrow / 2, SCORE, these=True),
            "jensen_shannon": (("approach",), jensen_shannon, "nats", "divergence of the networks"),
            "jensen_shannon_calibrated": (("approach",), jensen_shannon * 0.45, "nats", "after calibration"),
            "training_epochs": (("approach",), np.full(len(methods), 40), "1", "training epochs of one entry"),
            "forward_passes": (("approach",), cost, "1", "forward passes of one entry"),
            **stated(methods),
            "equal_distance_score": (("other_approach", "metric"), ALONE + at_one, SCORE, "at one distance"),
            **_at_one_distance(at_one, narrow[:, 0]),
            "equal_distance_jensen_shannon": (("other_approach",), 0.8 * jensen_shannon[place], "nats", "there"),
            "equal_distance_scale": (("other_approach",), np.arange(1.0, 8), "1", "setting there"),
            "equal_distance_reached": (("other_approach",), np.full(7, 0.1), "1", "distance there"),
            **{f"{kind}_score": (("metric",), list(ALONE), SCORE, f"with {kind} statistics") for kind in KINDS},
            "stored_disagreement": (("member",), np.zeros(members), "1", "share of labels that differ"),
            "stored_jensen_shannon": (("member",), np.zeros(members), "nats", "divergence of the two"),
        },
        {
            "approach": list(methods),
            "metric": list(METRICS),
            "size": size,
            "other_approach": list(SUBSPACES),
            "member": np.arange(members),
        },
        title="Scores of every way to make an ensemble",
        **about(members, intervals=CROSSED),
        covers={"": new_if(members), "gain": {"": new_if(members), "independent": new_if(members - 1)}},
        samples=10,
        batch_norm="recompute",
        batch_norm_layers=0,
        equal_distance=0.1,
    )


def _at_one_distance(gain: np.ndarray, half: np.ndarray) -> Variables:
    """What methods gain at one distance, [method, metric], with its intervals."""
    name, dims = "equal_distance_gain", ("other_approach", "metric")
    value = {name: (dims, gain, SCORE, "score at one distance minus the solutions'")}
    ends = interval(name, dims, gain, half, SCORE) | interval(name, dims, gain, half / 2, SCORE, these=True)
    return value | ends
