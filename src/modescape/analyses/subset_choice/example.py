"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modescape import results
from modescape.analyses.examples import about, given_names, interval
from modescape.covers import THESE_MODELS

if TYPE_CHECKING:
    import xarray as xr

ALONE, ALL = np.array([0.712, 0.86]), np.array([0.735, 0.76])
HALF, WEIGHTED = np.array([0.009, 0.02]), np.array([0.005, -0.02])
UNIT = "1 (nats for nll)"


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Half of the models are better than all; the optimism of choosing."""
    size = np.arange(1, members + 1)
    hill = np.sin(np.pi * np.minimum(size / members, 1) ** 0.5) * np.array([[0.02], [-0.06]])
    one = ALONE[:, None] + (ALL - ALONE)[:, None] * (1 - 1 / size) + hill  # [metric, size]
    score = np.broadcast_to(one, (2, 2, 2, members)).copy()
    optimism = np.array([[0.003], [-0.008]]) * np.ones(members)
    kept = (np.arange(members) % 2 == 0).astype(np.int8)
    best = score[..., members // 2]
    dims, of_kept = ("approach", "other_metric", "metric", "size"), ("approach", "other_metric", "metric")
    masks = np.broadcast_to(size[:, None] > np.arange(members), (2, 2, members, members)).astype(np.int8)
    variables: dict[str, Any] = {
        "score": (dims, score, UNIT, "score of the procedure"),
        **interval("score", dims, score, HALF[:, None], UNIT),
        "chosen_score": (dims, score + optimism, UNIT, "score where it was chosen"),
        "optimism": (dims, np.broadcast_to(optimism, score.shape), UNIT, "difference of both"),
        "chosen": ((*dims[:2], "size", "model"), masks, "1", "1: in the best subset of that size"),
    }
    for name, value in (("kept_score", best), ("kept_gain", best - ALL), ("kept_over_best", best - ALONE)):
        variables |= {name: (of_kept, value, UNIT, name), **interval(name, of_kept, value, HALF, UNIT)}
    variables["kept_optimism"] = (of_kept, np.broadcast_to(optimism[:, 0], best.shape), UNIT, "optimism")
    of_model = np.broadcast_to(kept, (2, 2, members))
    variables |= {
        "kept": ((*dims[:2], "model"), of_model, "1", "1: the model is kept"),
        "kept_share": ((*dims[:2], "model"), np.clip(of_model * 0.8 + 0.1, 0, 1), "1", "share of parts"),
        "kept_size": (dims[:2], np.full((2, 2), int(kept.sum())), "1", "models that are kept"),
        "all_score": (("metric",), ALL, UNIT, "score of all"),
        **interval("all_score", ("metric",), ALL, HALF, UNIT),
        "weighted_score": (("metric",), ALL + WEIGHTED, UNIT, "weighted"),
        **interval("weighted_score", ("metric",), ALL + WEIGHTED, HALF, UNIT),
        "weighted_gain": (("metric",), WEIGHTED, UNIT, "weighted minus equal"),
        **interval("weighted_gain", ("metric",), WEIGHTED, HALF / 2, UNIT),
        "weighted_optimism": (("metric",), np.array([0.001, -0.004]), UNIT, "optimism"),
        "weight": (("model",), kept / max(int(kept.sum()), 1), "1", "weight"),
    }
    return results.make_result(
        variables,
        {
            "approach": ["greedy", "exact"],
            "other_metric": ["accuracy", "nll"],
            "metric": ["accuracy", "nll"],
            "size": size,
            "model": given_names(members),
        },
        title="Which models to keep, and with which weights",
        **about(members, intervals="95 %: these models on new examples, of the procedure"),
        covers=THESE_MODELS,
        **{"folds": 5, "chosen_by": "nll"},
        examples_looked_at=10_000,
        unit="network",
    )
