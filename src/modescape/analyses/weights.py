"""Cosines of checkpoints' weights, with and without the parameters of normalisation layers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from modescape.functionspace import cosine_similarity
from modescape.offered import Checkpoints


def cosines(checkpoints: Checkpoints, which: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of the flattened weights of every two checkpoints: of all, and without normalisation layers.

    The scales of normalisation layers are near 1 in every network, so they alone give unrelated networks a positive
    cosine (.31 at the initialisation of the notebooks' ResNet).

    Args:
        checkpoints: of the members.
        which: (member, step) of each; their weights are in memory together, float32.

    Returns:
        Two float64 [model, model].
    """
    everything = _cosine(checkpoints, which)
    if not checkpoints.normalization:
        return everything, everything.copy()
    return everything, _cosine(checkpoints, which, set(checkpoints.normalization))


def displacement_cosines(
    checkpoints: Checkpoints, which: Sequence[tuple[int, int]], start: Collection[str]
) -> np.ndarray | None:
    """Cosine of the displacements w - w_0 of every two checkpoints from the start that their members share.

    Weights of fine-tuned networks are similar because of the common start; displacements show whether they moved alike.

    Args:
        checkpoints: of the members; step 0 is the start.
        which: (member, step) of each; their weights are in memory together, float32.
        start: names of the tensors that all members begin with; other trained tensors are left out.

    Returns:
        float64 [model, model], NaN where a checkpoint has not moved; None where no trained parameter is shared.
    """
    first = which[0][0]
    own = [name for name in checkpoints.state(first, 0).params if name not in start]
    origin = flattened(checkpoints, first, 0, own)
    if not origin.size:
        return None
    return cosine_similarity(np.stack([flattened(checkpoints, *one, own) - origin for one in which]))


def flattened(checkpoints: Checkpoints, member: int, step: int, without: Collection[str] = ()) -> np.ndarray:
    """Flattened parameters, float32 [parameter], in the network's order, without those named."""
    params = checkpoints.state(member, step).params
    parts = [tensor for name, tensor in params.items() if name not in without]
    return np.concatenate([np.zeros(0, np.float32), *(part.float().reshape(-1).numpy() for part in parts)])


def _cosine(checkpoints: Checkpoints, which: Sequence[tuple[int, int]], without: Collection[str] = ()) -> np.ndarray:
    first = flattened(checkpoints, *which[0], without)
    if not first.size:  # a network of normalisation layers alone
        return np.full((len(which), len(which)), np.nan)
    weights = np.empty((len(which), first.size), dtype=first.dtype)  # [model, parameter]
    for row, (member, step) in enumerate(which):
        weights[row] = first if row == 0 else flattened(checkpoints, member, step, without)
    return cosine_similarity(weights)
