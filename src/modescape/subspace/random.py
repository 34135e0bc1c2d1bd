"""Random directions around a solution, weights dropped at random, and the principal directions of accepted draws."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from modescape import rng
from modescape.subspace.principal import principal_directions
from modescape.subspace.sampler import Accept, everything, require_epochs


@dataclass(frozen=True, kw_only=True)
class Random:
    """Weights at a random distance from the solution along a random direction."""

    radius: float = 10.0  # largest distance, L2 of all weights (official code: 10 for ensembles, 70 for the plane)
    tries: int = 6  # draws of a sample until one is accepted (official code: one and five more); the last is used

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`; theta = theta_0 + t v / |v|, v ~ N(0, 1), t ~ U(0, radius).

        Source: Fort et al. 2019, section 4; official code.
        """
        return self.draw(trajectory, keys, accept)[0]

    def draw(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> tuple[Tensor, Tensor]:
        """Samples [sample, parameter], and whether the first try of each was accepted, bool [sample]."""
        require_epochs(trajectory, 1, "a random direction")
        solution = trajectory[-1].double()
        attempts = rng.words(keys, self.tries)  # the key of each try, [sample, try]
        chosen = torch.empty(len(keys), len(solution), dtype=trajectory.dtype, device=trajectory.device)
        left = torch.arange(len(keys), device=keys.device)
        first = torch.ones(len(keys), dtype=torch.bool, device=keys.device)
        for attempt in range(self.tries):
            own = attempts[left, attempt]
            direction = rng.normal(own, len(solution))
            distance = self.radius * rng.uniform(rng.words(own, 1)[:, 0], 1)
            chosen[left] = (solution + distance * direction / direction.norm(dim=1, keepdim=True)).to(trajectory.dtype)
            refused = ~accept(chosen[left])
            left = left[refused]
            if attempt == 0:
                first[left] = False
            if not len(left):
                break
        return chosen, first


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """The solution with a random share of all its weights and biases set to 0 and the rest scaled up."""

    rate: float = 0.1  # largest share dropped; each sample's is drawn from U(0, rate)

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


@dataclass(frozen=True, kw_only=True)
class PcaRandom:
    """A Gaussian along the principal directions of accepted random samples."""

    radius: float = 10.0  # of the random samples, see `Random`
    draws: int = 30  # random samples that the directions are found from (official code)
    rank: int = 4  # directions (paper: "rank-4 approximation"; official code: 5)
    scale: float = 1.0  # times z
    scaled: bool = False  # by the square roots of the eigenvalues; the official code's directions are unit vectors
    seed: int = 0  # key of the random samples' streams: one set of directions a solution

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`. Source: Fort et al. 2019, section 4 ("PCA-Random"); official code."""
        own = rng.words(torch.tensor(self.seed, device=keys.device), self.draws)
        samples = Random(radius=self.radius).sample(trajectory, own, accept)
        mean, directions, deviation = principal_directions(samples, self.rank)
        noise = self.scale * rng.normal(keys, len(directions))
        if self.scaled:
            noise = noise * deviation
        return (mean + noise @ directions).to(trajectory.dtype)
