"""The interface of every sampler."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, TypeAlias

import torch
from torch import Tensor

from modescape.errors import InputError

Accept: TypeAlias = "Callable[[Tensor], Tensor]"
"""Weights [sample, parameter] -> which ones are accepted, bool [sample]."""


def everything(weights: Tensor) -> Tensor:
    """Accept every sample."""
    return torch.ones(len(weights), dtype=torch.bool, device=weights.device)


class Sampler(Protocol):
    """A distribution of weights around one solution."""

    symmetric: ClassVar[bool]  # a sample and its reflection through the centre are equally probable

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """Draw weights.

        Args:
            trajectory: flattened weights of the last checkpoints of one run, oldest first; the last row is the
                solution, [epoch, parameter].
            keys: one per sample, int64 [sample]; a sample depends on its own key alone.
            accept: which draws are accepted; ignored by methods without a rejection step.

        Returns:
            [sample, parameter], in the trajectory's dtype.

        Raises:
            InputError: if the trajectory is too short for the method.
        """
        ...

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The mean of the distribution before any draw is refused, float64 [parameter]."""
        ...

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """Root-mean-square distance of a sample from the centre, before any draw is refused, in units of the weights.

        The mean squared distance from the solution is the square of this plus the squared distance of the centre from
        it.
        """
        ...


def mirrored_pairs(
    sampler: Sampler, trajectory: Tensor, keys: Tensor, accept: Accept = everything
) -> tuple[Tensor, Tensor]:
    """Samples of a symmetric method and their reflections through its centre (antithetic sampling).

    Whatever is odd about the centre, above all the mean of the draws, cancels between the two. A pair is accepted or
    rejected as a whole.

    Args:
        sampler: a method with `Sampler.symmetric`.
        trajectory: as `Sampler.sample`.
        keys: one per pair, int64 [pair].
        accept: as `Sampler.sample`.

    Returns:
        Two tensors [pair, parameter], in the trajectory's dtype.
    """
    twice = 2 * sampler.centre(trajectory, accept)

    def mirrored(weights: Tensor) -> Tensor:
        return (twice - weights.double()).to(weights.dtype)

    def both(weights: Tensor) -> Tensor:
        found = accept(weights)
        if found.any():
            found[found.clone()] = accept(mirrored(weights[found]))
        return found

    drawn = sampler.sample(trajectory, keys, both)
    return drawn, mirrored(drawn)


def require_epochs(trajectory: Tensor, least: int, what: str) -> None:
    """Check that a trajectory is a matrix with at least ``least`` checkpoints.

    Raises:
        InputError: saying how many there are and how many are needed.
    """
    if trajectory.dim() != 2 or not trajectory.numel():
        raise InputError(f"trajectory has shape {list(trajectory.shape)}; expected [epoch, parameter]")
    if len(trajectory) < least:
        raise InputError(f"{what} needs {least} checkpoints of one run or more; {len(trajectory)} are kept")
