"""Noise that falls on every value of its own: gaussian, shot, impulse and speckle."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from modescape import rng
from modescape.data.corruptions.operations import streams


def gaussian_noise(x: Tensor, keys: Tensor, deviation: float) -> Tensor:
    """X + N(0, deviation)."""
    return x + deviation * _normal(x, keys)


def speckle_noise(x: Tensor, keys: Tensor, deviation: float) -> Tensor:
    """X + x N(0, deviation)."""
    return x + x * deviation * _normal(x, keys)


def shot_noise(x: Tensor, keys: Tensor, photons: float) -> Tensor:
    """Poisson(x photons) / photons, by inversion: exact, one uniform number a value."""
    level = (x * 255).round_()
    cumulative, start = _poisson(float(photons))
    found = torch.searchsorted(cumulative, rng.uniform(keys, x[0].numel()).view_as(x).add_(level), right=True)
    return (found - start[level.long()]) / photons


def impulse_noise(x: Tensor, keys: Tensor, amount: float) -> Tensor:
    """A share ``amount`` of the values, each for itself, becomes 0 or 1 with equal chances."""
    hit, white = (rng.uniform(own, x[0].numel()).view_as(x) for own in streams(keys, 2))
    return torch.where(hit < amount, (white < 0.5).to(x.dtype), x)


def _normal(x: Tensor, keys: Tensor) -> Tensor:
    return rng.normal(keys, x[0].numel()).view_as(x)


@functools.lru_cache(maxsize=8)
def _poisson(photons: float) -> tuple[Tensor, Tensor]:
    """The distributions of all 256 levels in one increasing row: level + P(count <= n), n = 0, 1, ...

    Returns:
        that row, float64; and where each level's part of it begins, int64 [256]. The count of a value with level l and
        a uniform number u is the number of entries of its part that are at most l + u.
    """
    from scipy.special import pdtr

    counts = torch.arange(int(photons + 12 * photons**0.5 + 20))
    rate = torch.arange(256) / 255 * photons
    below = torch.from_numpy(pdtr(counts.double().numpy(), rate.double().numpy()[:, None]))  # [level, count]
    kept = below < 1 - 1e-12  # the last count takes what is left: the row's own precision is 3e-14
    row = (below + torch.arange(256)[:, None])[kept]
    lengths = kept.sum(1)
    return row, lengths.cumsum(0) - lengths
