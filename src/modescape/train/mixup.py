"""Mixup: each image of a batch is mixed with another one, and so are their labels (arXiv 1710.09412)."""

from __future__ import annotations

import torch
from torch import Tensor

from modescape import rng
from modescape.train.step import Mixed


def shares(keys: Tensor, concentration: float) -> Tensor:
    """The share of the first image in a step, from Beta(a, a): float64, with the shape and device of ``keys``.

    Args:
        keys: of the steps, int64.
        concentration: a.
    """
    from scipy.special import betaincinv

    drawn = rng.uniform(_own(keys, 0), 1)[..., 0].cpu().numpy()
    return torch.as_tensor(betaincinv(concentration, concentration, drawn)).to(keys.device)


def pairing(keys: Tensor, examples: int) -> Tensor:
    """Index of the image that each image of a batch is mixed with: a random order, int64 [member, example]."""
    return rng.permutation(_own(keys, 1), examples)


def mixed_in(images: Tensor, label: Tensor, keys: Tensor, share: Tensor) -> tuple[Tensor, Mixed]:
    """A batch of mixed images: share x first + (1 - share) x other.

    Args:
        images: prepared, [member, example, channel, height, width], channels last in memory, which is kept.
        label: [member, example].
        keys: of this step, int64 [member].
        share: of the first images, [member].
    """
    other = pairing(keys, images.shape[1])
    own = share.to(images.dtype)[:, None, None, None, None]
    last = images.movedim(2, -1)
    members = torch.arange(len(last), device=last.device)[:, None]
    return (own * last + (1 - own) * last[members, other]).movedim(-1, 2), Mixed(label[members, other], share)


def _own(keys: Tensor, number: int) -> Tensor:
    """The key of one of a step's draws: 0 for its share, 1 for its pairs."""
    return rng.words(keys, 2)[..., number]
