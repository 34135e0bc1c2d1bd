"""Parts of a test set that are set apart: what is chosen or fitted on the others is scored on each."""

from __future__ import annotations

import numpy as np

from modescape.errors import InputError


def folds(units: int, count: int, key: int, repeat: int = 0) -> np.ndarray:
    """A random part for each example, or each group of examples: parts differ by one in size at most.

    Args:
        units: examples, or groups where examples have any (`modescape.metrics.grouping.count_units`).
        count: parts, 2 or more.
        key: of the stream (see `modescape.rng.key`).
        repeat: which of several partitions.

    Returns:
        int64 [unit], 0 to count - 1.

    Raises:
        InputError: (a ValueError) with fewer units than parts: one would be empty.

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
    """Examples that are looked at where all would be too many: drawn without repeats, whole groups of them.

    Args:
        group: of each example (`modescape.arrays.group_codes`).
        examples: how many there are.
        most: that are looked at. The groups that are drawn first are taken as long as they fit, two at least.
        key: of the stream.

    Returns:
        int64, places of examples in rising order; all of them where there are no more than `most`.

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
