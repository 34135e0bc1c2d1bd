"""Gaussians fitted to the last checkpoints of a run, and their mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from modescape import rng
from modescape.principal import Principal, principal_directions
from modescape.subspace.sampler import Accept, everything, require_epochs


@dataclass(frozen=True, kw_only=True)
class WeightAverage:
    """The mean of the last checkpoints, the same for every key (stochastic weight averaging without its schedule)."""

    symmetric: ClassVar[bool] = True

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`. Source: Fort et al. 2019, section 4; Izmailov et al. 2018."""
        return self.centre(trajectory).expand(len(keys), -1).to(trajectory.dtype)

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The mean of the checkpoints, float64 [parameter]."""
        require_epochs(trajectory, 1, "a weight average")
        return trajectory.double().mean(0)

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """0: every sample is the centre."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class Diagonal:
    """A Gaussian with the mean and the standard deviation of every weight over the last checkpoints."""

    scale: float = 1.0  # times the standard deviation (official code: 1 for ensembles, 10 U(0, 1) for the plane)
    spread: bool = False  # the scale is drawn from U(0, scale) for every sample, as in the plane of figure 6
    symmetric: ClassVar[bool] = True

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`; theta = mean + scale sd z, z ~ N(0, 1), sd with denominator n.

        Source: Fort et al. 2019, section 4; official code.
        """
        require_epochs(trajectory, 2, "a diagonal Gaussian")
        rows = trajectory.double()
        deviation = rows.std(0, correction=0)
        noise = rng.normal(keys, rows.shape[1])
        return (rows.mean(0) + _scales(keys, self.scale, self.spread) * deviation * noise).to(trajectory.dtype)

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The mean of the checkpoints."""
        return WeightAverage().centre(trajectory)

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """See `modescape.subspace.Sampler`; scale sqrt(sum of variances), over sqrt(3) where the scale is drawn."""
        total = trajectory.double().var(0, correction=0).sum()
        return self.scale * float(total / (3 if self.spread else 1)) ** 0.5


@dataclass(frozen=True, kw_only=True)
class Along:
    """A Gaussian along given directions; the trajectory only gives the dtype of the samples."""

    principal: Principal = field(repr=False)
    scale: float = 1.0  # times z
    scaled: bool = False  # by the standard deviation along each direction
    symmetric: ClassVar[bool] = True

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`; theta = mean + scale sum_i z_i v_i, z ~ N(0, 1)."""
        mean, directions, deviation = self.principal
        noise = self.scale * rng.normal(keys, len(directions))
        if self.scaled:
            noise = noise * deviation
        return (mean + noise @ directions).to(trajectory.dtype)

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The mean that the directions start from."""
        return self.principal.mean

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """See `modescape.subspace.Sampler`; scale sqrt(sum of the variances along the directions)."""
        variance = self.principal.deviation.square().sum() if self.scaled else len(self.principal.directions)
        return self.scale * float(variance) ** 0.5


@dataclass(frozen=True, kw_only=True)
class LowRank:
    """A Gaussian along the first principal directions of the last checkpoints.

    As published, the directions are unit vectors, so that a sample lies about ``scale sqrt(rank)`` from the mean
    whatever the run; ``scaled`` multiplies each by its standard deviation, which gives a Gaussian fitted to the
    checkpoints.
    """

    rank: int = 4  # directions (paper's figure 6: 4; official code: 5)
    scale: float = 1.0  # times z (official code: 1 for ensembles, 6 for the plane)
    scaled: bool = False  # by the square roots of the eigenvalues
    symmetric: ClassVar[bool] = True

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`; theta = mean + scale sum_i z_i v_i, z ~ N(0, 1).

        Source: Fort et al. 2019, section 4; official code.
        """
        return self._along(trajectory).sample(trajectory, keys)

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The mean of the checkpoints."""
        return WeightAverage().centre(trajectory)

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """See `Along.step`."""
        return self._along(trajectory).step(trajectory)

    def _along(self, trajectory: Tensor) -> Along:
        require_epochs(trajectory, 2, "a low-rank Gaussian")
        return Along(principal=principal_directions(trajectory, self.rank), scale=self.scale, scaled=self.scaled)


@dataclass(frozen=True, kw_only=True)
class Swag:
    """SWAG: a Gaussian whose covariance is half diagonal, half of low rank."""

    scale: float = 0.5  # multiplies the covariance; 0.5 is the paper's formula, 1 the official code's default
    columns: int = 20  # most deviations that are kept, the latest ones
    symmetric: ClassVar[bool] = True

    def sample(self, trajectory: Tensor, keys: Tensor, accept: Accept = everything) -> Tensor:
        """See `modescape.subspace.Sampler`.

        theta = mean + sqrt(scale) (sd z1 + D z2 / sqrt(K - 1)), sd^2 = mean of squares - square of the mean, D the last
        K deviations from the *running* mean. At scale 0.5 that is mean + sd z1 / sqrt(2) + D z2 / sqrt(2 (K - 1)).

        Source: Maddox et al. 2019, arXiv 1902.02476, equation 1 and algorithm 1.
        """
        mean, variance, columns = self._moments(trajectory)
        noise = rng.normal(keys, len(mean) + len(columns))
        diagonal, low = noise[:, : len(mean)], noise[:, len(mean) :]
        shift = diagonal * variance.sqrt() + low @ columns
        return (mean + self.scale**0.5 * shift).to(trajectory.dtype)

    def centre(self, trajectory: Tensor, accept: Accept = everything) -> Tensor:
        """The mean of the checkpoints."""
        return WeightAverage().centre(trajectory)

    def step(self, trajectory: Tensor, accept: Accept = everything) -> float:
        """See `modescape.subspace.Sampler`; sqrt(scale (sum of sd^2 + |D|^2 / (K - 1)))."""
        _, variance, columns = self._moments(trajectory)
        return (self.scale * float(variance.sum() + columns.square().sum())) ** 0.5

    def _moments(self, trajectory: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and variance of every weight [parameter], and D / sqrt(K - 1) [column, parameter]; float64."""
        require_epochs(trajectory, 3, "SWAG")
        rows = trajectory.double()
        mean = rows.mean(0)
        variance = (rows.square().mean(0) - mean.square()).clamp(min=0)
        counts = rows.new_tensor(range(1, len(rows) + 1))[:, None]
        deviations = (rows - rows.cumsum(0) / counts)[-self.columns :]
        return mean, variance, deviations / (len(deviations) - 1) ** 0.5


def _scales(keys: Tensor, scale: float, spread: bool) -> Tensor | float:
    """The scale of each sample, [sample, 1]."""
    if not spread:
        return scale
    return scale * rng.uniform(rng.words(keys, 1)[:, 0], 1)
