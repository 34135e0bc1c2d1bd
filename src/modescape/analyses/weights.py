"""Cosines of checkpoints' weights, with and without the parameters of normalisation layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.functionspace import cosine_similarity

if TYPE_CHECKING:
    from modescape.study import Study


def cosines(study: Study, checkpoints: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of the flattened weights of every two checkpoints: of all, and without normalisation layers.

    The scales of normalisation layers are near 1 in every network, so they alone give unrelated networks a positive
    cosine (.31 at the initialisation of the notebooks' ResNet).

    Args:
        study: the study.
        checkpoints: (member, epoch) of each; their weights are in memory together, float32.

    Returns:
        Two float64 [model, model].
    """
    everything = _cosine(study, checkpoints, normalization=True)
    if not study.manifest["model"].get("normalization"):
        return everything, everything.copy()
    return everything, _cosine(study, checkpoints, normalization=False)


def _cosine(study: Study, checkpoints: list[tuple[int, int]], normalization: bool) -> np.ndarray:
    first = study.weights(*checkpoints[0], normalization)
    if not first.size:  # a network of normalisation layers alone
        return np.full((len(checkpoints), len(checkpoints)), np.nan)
    weights = np.empty((len(checkpoints), first.size), dtype=first.dtype)  # [model, parameter]
    for row, (member, epoch) in enumerate(checkpoints):
        weights[row] = first if row == 0 else study.weights(member, epoch, normalization)
    return cosine_similarity(weights)
