"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import ACROSS, ALONE, HALF, METRICS, about, interval
from modescape.covers import NEW_REPEATS, THESE

if TYPE_CHECKING:
    import xarray as xr


SINGLE = {  # scores of one network of each kind
    "independent": ALONE,
    "snapshots": ALONE + np.array([-0.002, 0.02, 0.004, 0.0]),
    "csgmcmc, cold": ALONE + np.array([-0.003, 0.01, 0.003, -0.01]),
    "csgmcmc, T = 1": ALONE + np.array([-0.02, -0.02, 0.01, -0.03]),
    "long run": ALONE + np.array([0.004, 0.09, 0.006, 0.02]),
    "ensemble": ALONE,
    "whole long run": ALONE + np.array([0.006, 0.15, 0.008, 0.03]),
}


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Networks of one cyclical run: better than one long run's, less diverse than independent ones."""
    random = np.random.default_rng(5)
    networks = max(2, min(members, 6))
    share = np.array([1, 0.62, 0.6, 0.5, 0, 1.1, 0])[:, None]
    member_score = np.stack(list(SINGLE.values()))
    score = member_score + share * ACROSS * (1 - 1 / networks)
    score, member_score = (np.hstack([part, part[:, 1:2] - 0.06]) for part in (score, member_score))  # calibrated NLL
    half = np.append(HALF, HALF[1])
    reference = ["independent"] * 5 + ["ensemble"] * 2
    than = score - score[[list(SINGLE).index(name) for name in reference]]
    than[[0, 5]] = np.nan
    accuracy = member_score[:, :1] + random.normal(0, 0.003, (7, networks))
    diversity = np.array([0.92, 0.75, 0.72, 0.66, 0.9, 0, 0])[:, None] + random.normal(0, 0.02, (7, networks))
    accuracy[4, 1:] = diversity[4, 1:] = np.nan
    accuracy[5:] = diversity[5:] = np.nan
    accuracy[0, -1] = diversity[0, -1] = np.nan  # the baseline is left out
    dims, both = ("approach", "metric"), "1 (nats for nll and calibrated_nll)"
    cost = np.array([40 * networks] * 5 + [40 * members] * 2)
    divergence = np.array([0.274, 0.17, 0.165, 0.14, *[np.nan] * 3])
    passes = np.array([networks] * 4 + [1, members, 1])
    return results.make_result(
        {
            "score": (dims, score, both, "score of the ensemble"),
            **interval("score", dims, score, half, both),
            "difference": (dims, than, both, "score minus that of the reference"),
            **interval("difference", dims, than, half / 2, both),
            "member_score": (dims, member_score, both, "mean score of the networks"),
            "jensen_shannon": (("approach",), divergence, "nats", "divergence"),
            "training_epochs": (("approach",), cost, "1", "training epochs"),
            "forward_passes": (("approach",), passes, "1", "forward passes per image"),
            "accuracy": (("approach", "draw"), accuracy, "1", "accuracy of each network"),
            "diversity": (("approach", "draw"), diversity, "1", "disagreement with the baseline over the own error"),
        },
        {
            "approach": list(SINGLE),
            "reference": ("approach", reference),
            "metric": [*METRICS, "calibrated_nll"],
            "draw": np.arange(networks),
        },
        title="Cyclical runs against independent ones",
        **about(members, repeats=2, intervals="95 %: paired over test examples"),
        covers={"": {"": NEW_REPEATS, "ensemble": THESE, "whole long run": THESE}},
        networks=networks,
        network_epochs=40,
        training_images=10_000,
        ensemble_members=members,
        member_epochs=40,
        member_images=45_000,
        long_runs=1,
    )
