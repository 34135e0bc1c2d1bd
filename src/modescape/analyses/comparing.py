"""What makes comparisons fair: equal numbers of networks, temperatures from validation, costs beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from modescape.functionspace import jensen_shannon, normalized_diversity
from modescape.metrics import fit_temperature, rescale
from modescape.metrics.subsets import subsets

MOST_SUBSETS = 200  # of solutions whose divergence is averaged


def calibrated(log_prob: np.ndarray, validation: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Each network at the temperature with the lowest NLL on the validation images.

    Args:
        log_prob: [network, example, class].
        validation: of the same networks on the validation images, [network, example, class].
        label: of the validation images, [example].
    """
    return rescale(log_prob, fit_temperature(validation, label))


def spread_of_solutions(log_prob: np.ndarray, networks: int) -> list[float]:
    """Jensen-Shannon divergence of every subset of that many solutions (a balanced sample of them), nats."""
    if not 2 <= networks <= len(log_prob):
        return []
    masks = subsets(len(log_prob), networks, MOST_SUBSETS)
    return [jensen_shannon(log_prob[mask]) for mask in masks]


def spread(rows: Mapping[str, list[float]]) -> np.ndarray:
    """Mean of each method's values, NaN where there are none."""
    return np.array([np.mean(values) if values else np.nan for values in rows.values()])


def similarity_of(predicted: np.ndarray, labels: np.ndarray, label: np.ndarray) -> np.ndarray:
    """max(0, 1 - d / (1 - a)) of networks [model, example] to one solution's labels [example]."""
    found = 1 - normalized_diversity(predicted, labels, label)
    return np.where(np.isnan(found), 1.0, np.clip(found, 0, 1))  # no error and no difference: the same


def padded(rows: Iterable[np.ndarray], length: int) -> np.ndarray:
    """Rows [..., size] of different lengths stacked, NaN where there is no such size."""
    rows = list(rows)
    out = np.full((len(rows), *rows[0].shape[:-1], length), np.nan)
    for at, row in enumerate(rows):
        out[at, ..., : row.shape[-1]] = row
    return out
