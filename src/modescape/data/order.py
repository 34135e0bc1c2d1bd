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


def epoch_order(num_examples: int, batch_size: int, kind: Kind, keys: Tensor) -> Tensor:
    """Indices of the examples of one epoch, batch after batch.

    Args:
        num_examples: of the training split.
        batch_size: examples per member and step.
        kind: "permutation" (each example once) or "replacement" (independent draws).
        keys: the members' order keys of this epoch, int64 [member].

    Returns:
        int64 [member, example]; each ``batch_size`` of them are a batch, of which the last may be smaller.
    """
    if kind == "permutation":
        return rng.permutation(keys, num_examples)
    return rng.integers(keys, steps_per_epoch(num_examples, batch_size, kind) * batch_size, num_examples)
