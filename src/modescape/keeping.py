"""Which checkpoints a member keeps; apart from the recipe's schema, so that ``status`` need not import it."""

from __future__ import annotations

from typing import Any

MOST_EPOCHS = 100_000


def kept_epochs(
    member: int, epochs: int, trajectories: int, keep_last: int, keep_every: int | None = None
) -> list[int]:
    """Epochs whose checkpoints member ``member`` keeps: 0 (initialisation) to ``epochs`` (solution).

    Args:
        member: number of the member.
        epochs: epochs of training.
        trajectories: members 0, 1, ... that keep every epoch.
        keep_last: last epochs that every member keeps, besides epoch 0.
        keep_every: every member also keeps multiples of this number; None: it does not.
    """
    if member < trajectories:
        return list(range(epochs + 1))
    last = max(1, epochs - keep_last + 1)
    between = range(keep_every, last, keep_every) if keep_every else ()
    return [0, *between, *range(last, epochs + 1)]


def kept_count(member: int, epochs: int, trajectories: int, keep_last: int, keep_every: int | None = None) -> int:
    """The length of `kept_epochs`, without making it."""
    if member < trajectories:
        return 1 + epochs
    last = min(epochs, keep_last)
    return 1 + last + ((epochs - last) // keep_every if keep_every else 0)


def is_kept(
    member: int, epoch: int, epochs: int, trajectories: int, keep_last: int, keep_every: int | None = None
) -> bool:
    """Whether an epoch is one of `kept_epochs`, without making them."""
    if not 0 <= epoch <= epochs:
        return False
    multiple = keep_every is not None and epoch % keep_every == 0
    return member < trajectories or epoch == 0 or epoch > epochs - keep_last or multiple


def is_imported(values: Any) -> bool:
    """Whether this is the section of a recipe that lists the epochs of imported checkpoints."""
    epochs = values.get("epochs") if isinstance(values, dict) else None
    listed: list[Any] = epochs if isinstance(epochs, list) else []
    return values is None or (bool(listed) and all(type(one) is int and 0 <= one <= MOST_EPOCHS for one in listed))
