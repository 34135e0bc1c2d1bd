"""Random directions around a solution, weights dropped at random, and the principal directions of accepted draws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from modescape import rng
from modescape.principal import Principal, principal_directions
from modescape.subspace.gaussian import Along
from modescape.subspace.sampler import Accept, everything, require_epochs

MOST_DROPPED = 0.99  # largest share of the weights that is dropped


@dataclass(frozen=True, kw_only=True)
class Random:
    """Weights at a random distance from the solution along a random direction."""

    radius: float = 10.0  # largest distance, L2 over all weights (official code: 10 for ensembles, 70 for the plane)
    tries: int = 6  # draws until one is accepted (official code: one and five more), else the last is used
    symmetric: ClassVar[bool] = True

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`; theta = theta_0 + t v / |v|, v ~ N(0, 1), t ~ U(0, radius).

        Source: Fort et al. 2019, section 4; official code.
        """
        require_epochs(trajectory, 1, "a random direction")
        solution = trajectory[-1].double()
        attempts = rng.words(keys, self.tries)  # the key of each try, [sample, try]
        chosen = torch.empty(len(keys), len(solution), dtype=trajectory.dtype, device=trajectory.device)
        left = torch.arange(len(keys), device=keys.device)
        for attempt in range(self.tries):
            own = attempts[left, attempt]
            direction = rng.normal(own, len(solution))
            distance = self.radius * rng.uniform(rng.words(own, 1)[:, 0], 1)
            chosen[left] = (solution + distance * direction / direction.norm(dim=1, keepdim=True)).to(trajectory.dtype)
            left = left[~accept(chosen[left])]
            if not len(left):
                break
        return chosen

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The solution."""
        return trajectory[-1].double()

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """See `modescape.subspace.Sampler`; radius / sqrt(3), as t is uniform."""
        return self.radius / 3**0.5


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """The solution with a random share of all its weights and biases set to 0 and the others scaled up."""

    rate: float = 0.1  # largest share dropped; each sample's is drawn from U(0, rate); below 1
    symmetric: ClassVar[bool] = False

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`; theta = theta_0 [u < 1 - p] / (1 - p), u ~ U(0, 1), p ~ U(0, rate).

        The mask is on weights, not on activations, as in the official code ("drop connect").

        Source: Fort et al. 2019, section 4; official code.
        """
        require_epochs(trajectory, 1, "dropout of weights")
        solution = trajectory[-1].double()
        drawn = rng.uniform(keys, len(solution) + 1)
        dropped = self.rate * drawn[:, :1]
        return (solution * (drawn[:, 1:] < 1 - dropped) / (1 - dropped)).to(trajectory.dtype)

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The solution: remaining weights are scaled up, so that the mean stays."""
        return trajectory[-1].double()

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """See `modescape.subspace.Sampler`; |theta_0| times the root of the mean of p / (1 - p) over p ~ U(0, rate)."""
        return float(trajectory[-1].double().norm()) * _dropout_step(self.rate)

    @classmethod
    def of_step(cls, step: float) -> Dropout:
        """The dropout whose step is ``step`` times the length of the solution's weights; the rate is at most .99.

        The mean of p / (1 - p) is (-ln(1 - rate) - rate) / rate, which grows with the rate; bisection finds it.
        """
        low, high = 0.0, MOST_DROPPED
        if step >= _dropout_step(high):
            return cls(rate=high)
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if _dropout_step(middle) < step else (low, middle)
        return cls(rate=low)


def _dropout_step(rate: float) -> float:
    """`Dropout.step` over the solution's length; by a series where the difference would cancel."""
    if rate < 1e-3:
        return (rate / 2 + rate**2 / 3 + rate**3 / 4) ** 0.5
    return ((-math.log1p(-rate) - rate) / rate) ** 0.5


@dataclass(frozen=True, kw_only=True)
class PcaRandom:
    """A Gaussian along the principal directions of accepted random samples."""

    radius: float = 10.0  # of the random samples, see `Random`
    draws: int = 30  # random samples from which the directions are computed (official code)
    rank: int = 4  # directions (paper: "rank-4 approximation"; official code: 5)
    scale: float = 1.0  # times z
    scaled: bool = False  # by the square roots of the eigenvalues; the official code's directions are unit vectors
    seed: int = 0  # key of the random samples' streams: one set of directions per solution
    symmetric: ClassVar[bool] = True

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`. Source: Fort et al. 2019, section 4 ("PCA-Random"); official code."""
        return self.along(trajectory, accept).sample(trajectory, keys)

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The mean of the random samples, float64 [parameter]."""
        return self.along(trajectory, accept).centre(trajectory)

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """See `Along.step`."""
        return self.along(trajectory, accept).step(trajectory)

    def along(self, trajectory: Tensor, accept: Accept = everything) -> Along:
        """The same method with its directions computed, which takes `draws` random samples."""
        return Along(principal=self.principal(trajectory, accept), scale=self.scale, scaled=self.scaled)

    def principal(self, trajectory: Tensor, accept: Accept = everything) -> Principal:
        """The principal directions of the random samples."""
        own = rng.words(torch.tensor(self.seed, device=trajectory.device), self.draws)
        return principal_directions(Random(radius=self.radius).sample(trajectory, own, accept), self.rank)
