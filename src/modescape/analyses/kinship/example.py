"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import about

if TYPE_CHECKING:
    import xarray as xr

PAIR = ("model", "other_model")


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A family in which each network descends from one before it, and a last one that is a stranger."""
    count = max(members, 2)
    relative = np.array([-1, *((place - 1) // 2 for place in range(1, count))])
    family = np.zeros(count)
    if count > 2:
        relative[-1], family[-1] = -1, 1
    relation = np.where(relative < 0, -1.0, 1.0)
    relation[0] = 0
    gram = np.zeros((count, count))
    for one in range(count):
        for other in range(count):
            gram[one, other] = _shared(relative, one, other)
    length = np.sqrt(np.diagonal(gram))
    cosine = gram / np.outer(length, length)
    away = np.sqrt(np.maximum(length[:, None] ** 2 + length[None, :] ** 2 - 2 * gram, 0) / np.outer(length, length))
    support = np.where(relative < 0, np.nan, 1 - 0.03 * np.arange(count))
    names = [f"network-{place}" for place in range(count)]
    return results.make_result(
        {
            "cosine": (PAIR, cosine, "1", "cosine of the weights"),
            "cosine_without_batch_norm": (PAIR, cosine.copy(), "1", "cosine without normalisation layers"),
            "centred_cosine": (PAIR, cosine.copy(), "1", "cosine of the matrices, the mean over units taken off"),
            "distance": (PAIR, away, "1", "distance of the matrices over their lengths"),
            "family": (("model",), family, "1", "number of the family"),
            "relative": (("model",), relative.astype(float), "1", "place of the network next to it; -1 for none"),
            "relation": (("model",), relation, "1", "relation to it"),
            "support": (("model",), support, "1", "share of draws in which the two are joined"),
            "relation_support": (
                ("model",),
                support.copy(),
                "1",
                "share of draws in which they stand in that relation",
            ),
        },
        {"model": names, "other_model": names},
        title="Which networks descend from one another",
        parameters=10_000,
        blocks=100,
        draws=200,
        start="",
        least_cosine=0.05,
        least_deviations=5.0,
        **about(members, examples=0),
    )


def _shared(relative: np.ndarray, one: int, other: int) -> float:
    """Squared length of the weights that two networks have in common: of their last common ancestor."""
    lines = []
    for model in (one, other):
        line = [model]
        while relative[line[-1]] >= 0:
            line.append(int(relative[line[-1]]))
        lines.append(line[::-1])
    common = [a for a, b in zip(*lines, strict=False) if a == b]
    return 1.0 + 0.2 * (len(common) - 1) if common else 0.0
