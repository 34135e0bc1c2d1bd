"""What makes comparisons fair: equal numbers of networks, temperatures from validation, costs beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.functionspace import jensen_shannon
from modescape.methods import METHODS
from modescape.metrics import fit_temperature, rescale
from modescape.metrics.subsets import subsets
from modescape.study.offering import last_epochs

if TYPE_CHECKING:
    from modescape.study import Study

MOST_SUBSETS = 200  # of solutions whose divergence is averaged


def networks_compared(study: Study) -> int:
    """Networks in every Jensen-Shannon column: ``subspace.samples``, or as many as the scarcest method has.

    The divergence of M networks is at most ln M, so M must be the same for all. Solutions are as many as members (of
    ``subspace.runs``), checkpoints of one run as many as are kept.
    """
    wanted, runs = study.recipe.subspace.samples, min(len(study.trained), study.recipe.subspace.runs)
    scarce = [count for count in (runs, len(last_epochs(study, wanted))) if count >= 2]
    return min([wanted, *scarce])


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


def forward_passes(method: str, study: Study) -> int:
    """Networks that a prediction of one entry of a method asks for."""
    if METHODS[method].one_network:
        return 1
    wanted = study.recipe.subspace.samples
    return len(last_epochs(study, wanted)) if METHODS[method].source == "checkpoints" else wanted
