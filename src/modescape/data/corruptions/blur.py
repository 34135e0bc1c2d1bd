"""Blurs: gaussian, defocus, glass, motion and zoom."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from modescape import rng
from modescape.data.corruptions.operations import (
    NO_WEIGHT,
    gaussian,
    padded,
    scale,
    smear,
    streams,
    truncated,
    zoomed,
)

LARGE_DISK = 8  # pixels: beyond this radius the antialias blur reaches two pixels instead of one


def gaussian_blur(x: Tensor, keys: Tensor, deviation: float) -> Tensor:
    """Gaussian blur of this standard deviation in pixels."""
    return gaussian(x, deviation * scale(x))


def defocus_blur(x: Tensor, keys: Tensor, radius: float, antialias: float) -> Tensor:
    """The mean over a disk whose edge is softened by a Gaussian; the border is mirrored."""
    kernel = disk(radius * scale(x), antialias * scale(x))
    reach, (height, width) = len(kernel) // 2, x.shape[-2:]
    wide, out = padded(x, reach, "mirror"), torch.zeros_like(x)
    for row, column in np.argwhere(kernel > NO_WEIGHT).tolist():
        out.add_(wide[..., row : row + height, column : column + width], alpha=float(kernel[row, column]))
    return out


def disk(radius: float, antialias: float) -> np.ndarray:
    """Weights of a disk of whole pixels, blurred by a short Gaussian; they sum to 1."""
    soft = 1 if radius <= LARGE_DISK else 2
    reach = math.floor(radius) + soft
    line = np.arange(-reach, reach + 1)
    kernel = (line**2 + line[:, None] ** 2 <= radius**2).astype(np.float64)
    apart = line - line[:, None]
    soften = np.where(abs(apart) <= soft, np.exp(-0.5 * (apart / antialias) ** 2), 0)
    kernel = soften @ kernel @ soften
    return kernel / kernel.sum()


def glass_blur(x: Tensor, keys: Tensor, deviation: float, shift: int, rounds: int) -> Tensor:
    """Every pixel inside becomes one near it, between two light Gaussian blurs.

    In each round pixel p becomes what p + d was before, each part of d uniform over -shift .. shift - 1. The published
    code means to swap the two, but writes through views of one array, so that the second keeps its value; with its
    shift of 1 it then does exactly this.
    """
    height, width = x.shape[-2:]
    deviation, shift = deviation * scale(x), max(1, round(shift * scale(x)))
    flat = truncated(gaussian(x, deviation)).flatten(2)
    rows, columns = torch.arange(height), torch.arange(width)
    free = (rows > shift) & (rows <= height - shift), (columns > shift) & (columns <= width - shift)
    for own in streams(keys, rounds):
        down, across = (rng.integers(own, 2 * height * width, 2 * shift) - shift).view(-1, 2, height, width).unbind(1)
        inner = free[0][:, None] & free[1]
        index = (rows[:, None] + down * inner) * width + columns + across * inner
        flat = flat.gather(2, index.flatten(1)[:, None].expand_as(flat))
    return gaussian(flat.view_as(x) / 255, deviation)


def motion_blur(x: Tensor, keys: Tensor, radius: float, deviation: float) -> Tensor:
    """Half a Gaussian along a line at an angle uniform over -45 .. 45 degrees."""
    angle = rng.uniform(keys, 1)[:, 0] * 90 - 45
    return smear(x, radius * scale(x), deviation * scale(x), angle)


def zoom_blur(x: Tensor, keys: Tensor, end: float) -> Tensor:
    """The mean of the image and of its zooms by 1, 1.01, ... up to ``end``.

    The zooms are those of ``numpy.arange(1, end, 0.01)``, as in the published code, whose rounding takes the end in at
    severities 1 and 2.
    """
    factors = np.arange(1, end, 0.01).tolist()
    total = x.clone()
    for factor in factors:
        total += zoomed(x, factor)
    return total / (len(factors) + 1)
