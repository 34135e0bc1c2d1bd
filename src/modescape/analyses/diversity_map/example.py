"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import SUBSPACE, about, interval, stated
from modescape.covers import NEW

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Sweeps that leave the single network's corner; the exact Brier law of K networks."""
    networks = max(2, min(members, 5))
    steps = 6
    moving = [method for method in SUBSPACE if method != "mc_dropout"]
    methods = ("independent", "trajectory", *moving, "weight_average")
    settings = ("raw", "calibrated", "raw, shifted", "calibrated, shifted")
    diversity, mean = (np.full((len(settings), len(methods), steps), np.nan) for _ in range(2))
    barrier, cost = (np.full((len(methods), steps), np.nan) for _ in range(2))
    for row, method in enumerate(methods):
        if method in ("independent", "trajectory", "weight_average"):
            at = {"independent": (0.16, 0.453, 1.9), "trajectory": (0.06, 0.449, 0.06), "weight_average": (0, 0.43, 0)}
            v, brier, height = (np.array([value]) for value in at[method])
        else:
            way = 0.03 * 2.0 ** np.arange(steps)
            v = (0.1 + 0.012 * row) * way / (0.25 + 0.02 * row + way)
            brier = 0.452 - 0.012 * np.minimum(way, 0.2) / 0.2 + v * (0.25 + 0.05 * row + 0.5 * way)
            height = 0.02 + 0.6 * way**1.5
        place = slice(len(v))
        for setting, (shrunk, worse) in enumerate(((1, 0), (0.55, -0.035), (1.2, 0.16), (0.62, 0.1))):
            diversity[setting, row, place] = v * shrunk
            mean[setting, row, place] = brier + worse - (1 - shrunk) * v * 0.8
        barrier[row, place] = height
        cost[row, place] = epochs * (networks if method == "independent" else 1)
    saving = 1 - 1 / networks
    ensemble = mean - saving * diversity
    spread, limit = diversity[:, :1, :1], (mean - diversity)[:, :1, :1]
    with np.errstate(divide="ignore"):
        equivalent = np.where(ensemble > limit, spread / (ensemble - limit), np.inf)
    high = np.where(equivalent > 6, np.inf, 1.1 * equivalent)
    dims = ("metric", "approach", "draw")
    return results.make_result(
        {
            "diversity": (dims, diversity, "1", "V: mean over pairs of half the squared distance of probabilities"),
            "mean_brier": (dims, mean, "1", "mean network's Brier score"),
            "ensemble_brier": (dims, ensemble, "1", "Brier score of the ensemble by the exact law"),
            "limit_brier": (dims, mean - diversity, "1", "Brier score of infinitely many such networks"),
            "equivalent": (dims, equivalent, "1", "independent networks with the ensemble's Brier score"),
            **interval("equivalent", dims, equivalent, (0.9 * equivalent, high), "1"),
            "barrier": (("approach", "draw"), barrier, "nats", "barrier of the training loss to the solution"),
            "training_epochs": (("approach", "draw"), cost, "1", "epochs of training behind all networks"),
            **stated(methods, draws=steps),
        },
        {"metric": list(settings), "approach": list(methods), "draw": np.arange(steps)},
        title="Brier score of ensembles by the exact law, as a map",
        **about(members, examples=2000),
        covers=NEW,
        split="test",
        networks=networks,
        severity=3,
    )
