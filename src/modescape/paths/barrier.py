"""The height of the loss along a path above the straight line between the losses at its ends."""

from __future__ import annotations

import numpy as np

from modescape.arrays import Array, to_numpy
from modescape.errors import InputError


def barrier(t: Array, loss: Array) -> np.ndarray:
    """Height of the loss above the straight line between its values at the ends.

    max_t L(t) - [(1 - t) L(0) + t L(1)], in the loss's unit; 0 for a convex path.

    Args:
        t: positions, rising from 0 to 1, [t].
        loss: loss at each position, [..., t].

    Returns:
        float64 [...], never negative.

    Raises:
        InputError: (a ValueError) if the ends are missing or shapes differ.

    Source: Frankle et al. 2020, arXiv 1912.05671.

    >>> import numpy as np
    >>> float(barrier(np.array([0.0, 0.5, 1.0]), np.array([1.0, 3.0, 2.0])))
    1.5
    """
    (t, loss), _ = to_numpy(t, loss)
    if t.ndim != 1 or len(t) < 2 or t[0] != 0 or t[-1] != 1 or (np.diff(t) < 0).any():
        raise InputError(f"t has shape {list(t.shape)}; expected positions that rise from 0 to 1")
    if loss.ndim < 1 or loss.shape[-1] != len(t):
        raise InputError(f"loss has shape {list(loss.shape)}; expected one value for each of {len(t)} positions")
    loss = loss.astype(np.float64)
    return (loss - (loss[..., :1] * (1 - t) + loss[..., -1:] * t)).max(-1)
