"""Gaussians fitted to the last checkpoints of a run, and their mean."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from modescape import rng
from modescape.subspace.principal import principal_directions
from modescape.subspace.sampler import Accept, everything, require_epochs


@dataclass(frozen=True, kw_only=True)
class WeightAverage:
    """The mean of the last checkpoints, once for every key (stochastic weight averaging without its own schedule)."""

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`. Source: Fort et al. 2019, section 4; Izmailov et al. 2018."""
        require_epochs(trajectory, 1, "a weight average")
        return trajectory.double().mean(0).expand(len(keys), -1).to(trajectory.dtype)


@dataclass(frozen=True, kw_only=True)
class Diagonal:
    """A Gaussian with the mean and the standard deviation of every weight over the last checkpoints."""

    scale: float = 1.0  # times the standard deviation (official code: 1 for ensembles, 10 U(0, 1) for the plane)
    spread: bool = False  # the scale is drawn from U(0, scale) for every sample, as in the plane of figure 6

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`; theta = mean + scale sd z, z ~ N(0, 1), sd over n.

        Source: Fort et al. 2019, section 4; official code.
        """
        require_epochs(trajectory, 2, "a diagonal Gaussian")
        rows = trajectory.double()
        deviation = rows.std(0, correction=0)
        noise = rng.normal(keys, rows.shape[1])
        return (rows.mean(0) + _scales(keys, self.scale, self.spread) * deviation * noise).to(trajectory.dtype)


@dataclass(frozen=True, kw_only=True)
class LowRank:
    """A Gaussian along the first principal directions of the last checkpoints.

    As published the directions are unit vectors, so that a sample lies about ``scale sqrt(rank)`` from the mean
    whatever the run did; ``scaled`` multiplies each by its standard deviation, which makes it a Gaussian of the data.
    """

    rank: int = 4  # directions (paper's figure 6: 4; official code: 5)
    scale: float = 1.0  # times z (official code: 1 for ensembles, 6 for the plane)
    scaled: bool = False  # by the square roots of the eigenvalues

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`; theta = mean + scale sum_i z_i v_i, z ~ N(0, 1).

        Source: Fort et al. 2019, section 4; official code.
        """
        require_epochs(trajectory, 2, "a low-rank Gaussian")
        mean, directions, deviation = principal_directions(trajectory, self.rank)
        noise = self.scale * rng.normal(keys, len(directions))
        if self.scaled:
            noise = noise * deviation
        return (mean + noise @ directions).to(trajectory.dtype)


@dataclass(frozen=True, kw_only=True)
class Swag:
    """SWAG: a Gaussian whose covariance is half diagonal, half of low rank."""

    scale: float = 0.5  # of the covariance; 0.5 is the formula of the paper, the official code's default is 1
    columns: int = 20  # most deviations kept, the latest

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`.

        theta = mean + sqrt(scale) (sd z1 + D z2 / sqrt(K - 1)), sd^2 = mean of squares - square of the mean, D the last
        K deviations from the *running* mean. At scale 0.5 that is mean + sd z1 / sqrt(2) + D z2 / sqrt(2 (K - 1)).

        Source: Maddox et al. 2019, arXiv 1902.02476, equation 1 and algorithm 1.
        """
        require_epochs(trajectory, 3, "SWAG")
        rows = trajectory.double()
        mean = rows.mean(0)
        variance = (rows.square().mean(0) - mean.square()).clamp(min=0)
        counts = rows.new_tensor(range(1, len(rows) + 1))[:, None]
        deviations = (rows - rows.cumsum(0) / counts)[-self.columns :]
        count = len(deviations)
        noise = rng.normal(keys, rows.shape[1] + count)
        diagonal, low = noise[:, : rows.shape[1]], noise[:, rows.shape[1] :]
        shift = diagonal * variance.sqrt() + low @ deviations / (count - 1) ** 0.5
        return (mean + self.scale**0.5 * shift).to(trajectory.dtype)


def _scales(keys: Tensor, scale: float, spread: bool) -> Tensor | float:
    """The scale of each sample, [sample, 1]."""
    if not spread:
        return scale
    return scale * rng.uniform(rng.words(keys, 1)[:, 0], 1)
