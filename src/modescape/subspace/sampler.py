"""What every method offers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from modescape.errors import InputError

Accept: TypeAlias = "Callable[[Tensor], Tensor]"
"""Weights [sample, parameter] -> whether each is good enough to be used, bool [sample]."""


def everything(weights: Tensor) -> Tensor:
    """Accept every sample."""
    return torch.ones(len(weights), dtype=torch.bool, device=weights.device)


class Sampler(Protocol):
    """A distribution of weights around one solution."""

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """Draw weights.

        Args:
            trajectory: flattened weights of the last checkpoints of one run, oldest first; the last row is the
                solution, [epoch, parameter].
            keys: one a sample, int64 [sample]; a sample depends on its own key alone.
            accept: which draws are good enough; methods without a rejection step do not ask.

        Returns:
            [sample, parameter], in the trajectory's dtype.

        Raises:
            InputError: if the trajectory is too short for the method.
        """
        ...


def require_epochs(trajectory: Tensor, least: int, what: str) -> None:
    """Refuse what is no trajectory, or one that is too short.

    Raises:
        InputError: saying what is there and what is needed.
    """
    if trajectory.dim() != 2 or not trajectory.numel():
        raise InputError(f"trajectory has shape {list(trajectory.shape)}; expected [epoch, parameter]")
    if len(trajectory) < least:
        raise InputError(f"{what} needs {least} checkpoints of one run or more; {len(trajectory)} are kept")
