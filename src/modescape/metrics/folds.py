"""Folds of a test set: what is chosen or fitted on the others is scored on each."""

from __future__ import annotations

import numpy as np

from modescape.errors import InputError


def folds(units: int, count: int, key: int, repeat: int = 0) -> np.ndarray:
    """Assign a random fold to each example, or group of examples; folds differ by at most one in size.

    Args:
        units: examples, or groups where examples have any (`modescape.metrics.grouping.count_units`).
        count: number of folds, 2 or more.
        key: of the stream (see `modescape.rng.key`).
        repeat: which of several partitions.

    Returns:
        int64 [unit], 0 to count - 1.

    Raises:
        InputError: (a ValueError) with fewer units than folds.

    >>> np.bincount(folds(7, 3, key=0)).tolist()
    [3, 2, 2]
    """
    import torch  # here, so that NumPy users of the other functions need not load it

    from modescape import rng

    if not 2 <= count <= units:
        raise InputError(
            f"there are {units} examples (or groups) for {count} parts; expected 2 parts or more, none empty"
        )
    order = rng.permutation(torch.tensor([rng.key(key, "folds", count, repeat)]), units)[0].numpy()
    part = np.empty(units, dtype=np.int64)
    part[order] = np.arange(units) % count
    return part


def sample_units(group: np.ndarray | None, examples: int, most: int, key: int) -> np.ndarray:
    """A sample of examples where all would be too many: without replacement, whole groups of them.

    Args:
        group: of each example (`modescape.arrays.group_codes`).
        examples: how many there are.
        most: largest number of examples; groups are drawn as long as they fit, but at least two.
        key: of the stream.

    Returns:
        int64, ascending indices of examples; all of them if there are no more than ``most``.

    >>> sample_units(np.array([0, 0, 1, 1, 2, 2]), 6, 4, key=0).size
    4
    """
    import torch

    from modescape import rng

    if examples <= most:
        return np.arange(examples)
    units = examples if group is None else int(group.max()) + 1
    order = rng.permutation(torch.tensor([rng.key(key, "sample of examples")]), units)[0].numpy()
    if group is None:
        return np.sort(order[:most])
    sizes = np.bincount(group, minlength=units)[order]
    taken = order[: max(2, int((np.cumsum(sizes) <= most).sum()))]
    return np.flatnonzero(np.isin(group, taken))
