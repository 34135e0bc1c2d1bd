"""Dropout, pooling and ReLU in one pass over memory: the layers between two convolutions of the paper's networks.

The maximum commutes with ReLU and with dropout's scale, so the order of the three does not matter, neither to the
values nor to the gradient; this computes relu(max over the window of x * mask).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from modescape.kernels import native
from modescape.kernels.dropout import LEVELS, keep_mask, keep_scale
from modescape.kernels.implementation import implementation
from modescape.kernels.layout import channels_last, empty_images
from modescape.kernels.once import Once, differentiable_once
from modescape.kernels.under_vmap import under_vmap

NOWHERE = 255  # in ``where``: the gradient goes to no element of the window
LARGEST_WINDOW = 15  # positions in a window are stored in a byte


class _Pool(Once):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, x: Tensor, keys: Tensor | None, call: int, drop: int, size: int, ceil: bool, relu: bool
    ) -> Tensor:
        version = implementation(x) if drop < LEVELS else "torch"
        ctx.version, ctx.shape, ctx.size, ctx.scale = version, x.shape, size, keep_scale(drop)
        x = channels_last(x, x.dim() == 5)
        pooled, ctx.where = FORWARD[version](x, keys, call, drop, size, ceil, relu)
        return pooled

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        grad = channels_last(grad, grad.dim() == 5)
        return BACKWARD[ctx.version](grad, ctx.where, ctx.shape, ctx.size, ctx.scale), *[None] * 6


def pool(
    x: Tensor, keys: Tensor | None, call: int = 0, drop: int = 0, size: int = 2, ceil: bool = False, relu: bool = False
) -> Tensor:
    """relu(max over windows of x * mask), differentiable once.

    Args:
        x: [example, channel, height, width] or [member, example, channel, height, width].
        keys: dropout keys, int64, [] or [member]; None where nothing is dropped.
        call: number of the dropout call within the forward pass.
        drop: dropped levels of 65536; 0 for no dropout.
        size: height, width and stride of the windows, in pixels; at most `LARGEST_WINDOW`.
        ceil: keep an incomplete last window.
        relu: whether negative maxima become 0.

    Returns:
        [..., example, channel, height // size, width // size], rounded up with ``ceil``.
    """
    return _Pool.apply(x, keys, call, drop, size, ceil, relu)  # type: ignore[return-value]


pool_under_vmap = under_vmap(pool, tensors=2)
"""`pool` from inside a network that is vmapped over members: the same arguments, without the member axis."""


def pooled_size(pixels: int, size: int, ceil: bool) -> int:
    """Number of windows along an edge."""
    return -(-pixels // size) if ceil else pixels // size


def _forward_by_torch(
    x: Tensor, keys: Tensor | None, call: int, drop: int, size: int, ceil: bool, relu: bool
) -> tuple[Tensor, Tensor]:
    lead, dtype = x.dim() - 4, torch.promote_types(x.dtype, torch.float32)
    factor = None
    if drop:
        assert keys is not None
        factor = keep_mask(keys, call, x.shape[lead:], drop, dtype)
        x = (x.to(dtype) * factor).to(x.dtype)
    flat = x.flatten(0, lead)
    best, index = functional.max_pool2d(flat, size, size, ceil_mode=ceil, return_indices=True)
    row, column = index // x.shape[-1], index % x.shape[-1]
    where = row % size * size + column % size
    if factor is not None:
        kept = factor.flatten(0, lead).flatten(2).gather(2, index.flatten(2)).view(index.shape)
        where = where.where(kept != 0, NOWHERE)
    if relu:
        where = where.where(~(best <= 0), NOWHERE)
        best = torch.relu(best)
    front = x.shape[: lead + 1]
    where = where.to(torch.uint8).contiguous(memory_format=torch.channels_last)
    return channels_last(best.unflatten(0, front), lead == 1), where.unflatten(0, front)


def _backward_by_torch(grad: Tensor, where: Tensor, shape: torch.Size, size: int, scale: float) -> Tensor:
    out = empty_images(shape, grad).zero_()
    dtype = torch.promote_types(grad.dtype, torch.float32)
    scaled = (grad.to(dtype) * scale).to(grad.dtype)
    for place in range(size * size):
        to = out[..., place // size :: size, place % size :: size]
        height, width = min(to.shape[-2], grad.shape[-2]), min(to.shape[-1], grad.shape[-1])
        covered = (..., slice(height), slice(width))  # with ``ceil`` a window may lack this place, without it the rest
        to[covered] = scaled[covered].where(where[covered] == place, 0)
    return out


def _forward_by_native(
    x: Tensor, keys: Tensor | None, call: int, drop: int, size: int, ceil: bool, relu: bool
) -> tuple[Tensor, Tensor]:
    library, members = native.library(), x.dim() == 5
    assert library is not None
    *front, channels, height, width = x.shape
    rows, columns = pooled_size(height, size, ceil), pooled_size(width, size, ceil)
    out = empty_images((*front, channels, rows, columns), x)
    where = torch.empty_like(out, dtype=torch.uint8)
    sizes = (front[-1], height, width, channels, rows, columns, size, int(relu))
    each = (x, out, where) if members else (x[None], out[None], where[None])
    for one, to, place, key in zip(*each, _key_list(keys, front[0] if members else 1), strict=True):
        pointers = (one.data_ptr(), to.data_ptr(), place.data_ptr())
        if library.pool_forward(*pointers, *sizes, key, call, drop, keep_scale(drop)):
            raise MemoryError("no memory for one row of random words")
    return out, where


def _key_list(keys: Tensor | None, members: int) -> list[int]:
    return [0] * members if keys is None else keys.reshape(-1).tolist()


def _backward_by_native(grad: Tensor, where: Tensor, shape: torch.Size, size: int, scale: float) -> Tensor:
    library = native.library()
    assert library is not None
    *front, channels, height, width = shape
    out = empty_images(shape, grad)
    images = torch.Size(front).numel()  # stacked members lie one behind the other
    sizes = (images, height, width, channels, *grad.shape[-2:], size)
    library.pool_backward(grad.data_ptr(), where.data_ptr(), out.data_ptr(), *sizes, scale)
    return out


def _forward_by_triton(
    x: Tensor, keys: Tensor | None, call: int, drop: int, size: int, ceil: bool, relu: bool
) -> tuple[Tensor, Tensor]:
    from modescape.kernels.gpu import pointwise

    rows, columns = pooled_size(x.shape[-2], size, ceil), pooled_size(x.shape[-1], size, ceil)
    out = empty_images((*x.shape[:-2], rows, columns), x)
    where = torch.empty_like(out, dtype=torch.uint8)
    pointwise.pool_forward(x, out, where, keys, call, drop, keep_scale(drop), size, relu)
    return out, where


def _backward_by_triton(grad: Tensor, where: Tensor, shape: torch.Size, size: int, scale: float) -> Tensor:
    from modescape.kernels.gpu import pointwise

    return pointwise.pool_backward(grad, where, empty_images(shape, grad), size, scale)


FORWARD = {"torch": _forward_by_torch, "native": _forward_by_native, "triton": _forward_by_triton}
BACKWARD = {"torch": _backward_by_torch, "native": _backward_by_native, "triton": _backward_by_triton}
