"""How images lie in memory: member, example, height, width, channel, the fastest order for convolutions."""

from __future__ import annotations

import torch
from torch import Tensor


def channels_last(x: Tensor, members: bool) -> Tensor:
    """The same values, with channels last in memory; a copy only if needed.

    Args:
        x: [example, channel, height, width], with ``members`` [member, example, channel, height, width]; a tensor with
            another number of dimensions is made contiguous.
        members: whether there is a leading member axis.
    """
    if x.dim() == 4 and not members:
        return x.contiguous(memory_format=torch.channels_last)
    if x.dim() != 5 or not members:
        return x.contiguous()
    return x.movedim(2, -1).contiguous().movedim(-1, 2)


def empty_images(shape: torch.Size | tuple[int, ...], like: Tensor) -> Tensor:
    """An uninitialised [..., channel, height, width] with channels last, of the dtype and device of ``like``."""
    if len(shape) == 4:
        return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
    *front, channels, height, width = shape
    return torch.empty(*front, height, width, channels, dtype=like.dtype, device=like.device).movedim(-1, -3)
