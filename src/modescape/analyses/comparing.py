"""Fair comparisons: equal numbers of networks, temperatures from validation, and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from modescape.functionspace import jensen_shannon
from modescape.metrics.scoring import at_best_temperature
from modescape.metrics.subsets import subsets

MOST_SUBSETS = 200  # of solutions whose divergence is averaged


def calibrated(log_prob: np.ndarray, validation: np.ndarray, label: np.ndarray) -> np.ndarray:
    """See `modescape.metrics.scoring.at_best_temperature`."""
    return at_best_temperature(log_prob, validation, label)


def spread_of_solutions(
    log_prob: np.ndarray, networks: int, spread: Callable[[np.ndarray], float] = jensen_shannon
) -> list[float]:
    """Jensen-Shannon divergence of every subset of that many solutions (a balanced sample of them), nats.

    For another task its own measure of spread (`Likeness.spread`).
    """
    if not 2 <= networks <= len(log_prob):
        return []
    masks = subsets(len(log_prob), networks, MOST_SUBSETS)
    return [spread(log_prob[mask]) for mask in masks]


def spread(rows: Mapping[str, list[float]]) -> np.ndarray:
    """Mean of each method's values, NaN where there are none."""
    return np.array([np.mean(values) if values else np.nan for values in rows.values()])


def padded(rows: Iterable[np.ndarray], length: int) -> np.ndarray:
    """Rows [..., size] of different lengths stacked, NaN where there is no such size."""
    rows = list(rows)
    out = np.full((len(rows), *rows[0].shape[:-1], length), np.nan)
    for at, row in enumerate(rows):
        out[at, ..., : row.shape[-1]] = row
    return out
