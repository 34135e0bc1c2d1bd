"""How images lie in memory: member, example, height, width, channel, the order that convolutions like best."""

from __future__ import annotations

import torch
from torch import Tensor


def channels_last(x: Tensor, members: bool) -> Tensor:
    """The same values, images laid with channels last; a copy only where they are not.

    Args:
        x: [example, channel, height, width], with ``members`` [member, example, channel, height, width]; anything of
            another number of dimensions is laid row by row.
        members: whether there is a leading member axis.
    """
    if x.dim() - members != 4:
        return x.contiguous()
    return x.movedim(-3, -1).contiguous().movedim(-1, -3)


def empty_images(shape: torch.Size | tuple[int, ...], like: Tensor) -> Tensor:
    """An uninitialised [..., channel, height, width] with channels last, of the dtype and device of ``like``."""
    *front, channels, height, width = shape
    return torch.empty(*front, height, width, channels, dtype=like.dtype, device=like.device).movedim(-1, -3)
