"""Which checkpoints a member keeps: the one rule, without a recipe's schema, so that ``status`` stays light."""

from __future__ import annotations


def kept_epochs(member: int, epochs: int, trajectories: int, keep_last: int) -> list[int]:
    """Epochs whose checkpoints member ``member`` keeps: 0 (initialisation) to ``epochs`` (solution).

    Args:
        member: number of the member.
        epochs: epochs of training.
        trajectories: members 0, 1, ... that keep every epoch.
        keep_last: last epochs that every member keeps, beside epoch 0.
    """
    if member < trajectories:
        return list(range(epochs + 1))
    return [0, *range(max(1, epochs - keep_last + 1), epochs + 1)]


def kept_count(member: int, epochs: int, trajectories: int, keep_last: int) -> int:
    """The length of `kept_epochs`, without making it."""
    return 1 + (epochs if member < trajectories else min(epochs, keep_last))


def is_kept(member: int, epoch: int, epochs: int, trajectories: int, keep_last: int) -> bool:
    """Whether an epoch is one of `kept_epochs`, without making them."""
    return 0 <= epoch <= epochs and (member < trajectories or epoch == 0 or epoch > epochs - keep_last)
