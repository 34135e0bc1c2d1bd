"""The order in which members see their examples."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from modescape import rng

Kind = Literal["permutation", "replacement"]


def steps_per_epoch(num_examples: int, batch_size: int, kind: Kind) -> int:
    """Batches of an epoch: with a permutation the last may be smaller; with replacement only whole ones, at least 1.

    With replacement a ``batch_size`` above ``num_examples`` is still drawn: one batch in which examples repeat.
    """
    if kind == "permutation":
        return -(-num_examples // batch_size)
    return max(1, num_examples // batch_size)


def batches(num_examples: int, batch_size: int, kind: Kind, keys: Tensor) -> list[Tensor]:
    """Indices of one epoch's batches.

    Args:
        num_examples: of the training split.
        batch_size: examples per member and step.
        kind: "permutation" (each example once) or "replacement" (independent draws).
        keys: the members' order keys of this epoch, int64 [member].

    Returns:
        int64 [member, batch] for every step.
    """
    if kind == "permutation":
        return list(rng.permutation(keys, num_examples).split(batch_size, dim=1))
    steps = steps_per_epoch(num_examples, batch_size, kind)
    return list(rng.integers(keys, steps * batch_size, num_examples).split(batch_size, dim=1))
