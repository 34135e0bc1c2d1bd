"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about
from modescape.covers import NEW

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Pairs of runs: whatever differs, they end at the same distance; the last bit takes a little longer."""
    choices = ("same", "different")
    conditions = [
        (f"{start} initialisation, {order} order, {dropout} dropout", start, order, dropout)
        for start in choices
        for order in choices
        for dropout in choices
        if (start, order, dropout) != ("same", "same", "same")
    ]
    conditions.append(("same initialisation, same order, same dropout, last bit", "same", "same", "same"))
    epoch = np.arange(epochs + 1)
    time = epoch / max(epochs, 1)
    disagreement, distance, cosine = [], [], []
    for name, start, order, dropout in conditions:
        late = 3.0 if name.endswith("last bit") else 9.0 if dropout == "different" else 7.0
        grown = 1 - np.exp(-late * time)
        final = 0.27 if start == "different" else 0.24 if order == "different" else 0.2
        disagreement.append(final * grown + (0.85 * np.exp(-9 * time) if start == "different" else 0))
        near = 1e-7 if name.endswith("last bit") else 0.002 * late
        apart = near * (1 / near) ** np.clip(2 * time, 0, 1) * np.where(epoch == 0, 0, 1)
        distance.append(np.full(epochs + 1, 1.3 + late / 100) if start == "different" else apart)
        cosine.append(np.full(epochs + 1, 0.003) if start == "different" else 1 - 0.6 * grown)
    dims = ("approach", "epoch")
    rate = np.stack(disagreement)
    divergence = 0.9 * rate
    return results.make_result(
        {
            "disagreement": (dims, rate, "1", "share of test examples with different predicted labels"),
            "disagreement_low": (dims, rate * 0.95, "1", "lower end of the 95 % interval"),
            "disagreement_high": (dims, rate * 1.05, "1", "upper end of the 95 % interval"),
            "distance": (dims, np.stack(distance), "1", "distance of the weights over their mean length"),
            "cosine": (dims, np.stack(cosine), "1", "cosine of the weights"),
            "normalized_disagreement": (dims, rate / 0.29, "1", "disagreement over the mean error"),
            "jensen_shannon": (dims, divergence, "nats", "Jensen-Shannon divergence of the two"),
        },
        {
            "approach": [condition[0] for condition in conditions],
            **{
                key: ("approach", [condition[place] for condition in conditions])
                for place, key in enumerate(("initialisation", "order", "dropout"), start=1)
            },
            "epoch": epoch,
        },
        title="Which random choice makes two runs differ",
        **about(members, repeats=3, intervals="95 %: bootstrap over test examples, mean over pairs"),
        covers=NEW,
    )
