"""Dropout whose mask is a hash of (key, call, element): the same alone, stacked, on every device.

Each element uses 16 bits of a random word: it is dropped with probability round(65536 p) / 65536, the rest is scaled
by the exact inverse. The mask is never stored: the gradient is masked by computing it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modescape import rng
from modescape.kernels import native
from modescape.kernels.implementation import Implementation, implementation
from modescape.kernels.layout import channels_last
from modescape.kernels.once import Once
from modescape.kernels.under_vmap import under_vmap

LEVELS = 1 << 16


def keep_scale(drop: int) -> float:
    """The factor of a kept element when ``drop`` of 65536 levels are dropped."""
    return LEVELS / (LEVELS - drop) if drop < LEVELS else 0.0


def keep_mask(keys: Tensor, call: int, shape: torch.Size, drop: int, dtype: torch.dtype) -> Tensor:
    """Scaled keep masks: 0 with probability drop / 65536, else 65536 / (65536 - drop).

    Args:
        keys: int64 keys of the step, shape [] or [member].
        call: number of the dropout call within the forward pass.
        shape: shape of one member's activations; images [example, channel, height, width] are filled in the order
            example, height, width, channel, the memory layout of convolutions.
        drop: dropped levels of 65536.
        dtype: floating type of the mask.

    Returns:
        shape [*keys.shape, *shape].
    """
    count = shape.numel()
    call_keys = rng.words(keys, call + 1)[..., call]
    levels = rng.words(call_keys, -(-count // 4)).view(torch.int16)[..., :count]
    mask = torch.empty(levels.shape, dtype=dtype, device=keys.device)
    torch.ge(levels, drop - LEVELS // 2, out=mask)
    mask.mul_(keep_scale(drop))
    if len(shape) != 4:
        return mask.view(*keys.shape, *shape)
    return mask.view(*keys.shape, shape[0], *shape[2:], shape[1]).movedim(-1, keys.dim() + 1)


class _Dropout(Once):
    @staticmethod
    def forward(ctx: Any, x: Tensor, keys: Tensor, call: int, drop: int, whole_channels: bool) -> Tensor:  # type: ignore[override]
        ctx.keys, ctx.settings, ctx.version = keys, (call, drop, whole_channels), _version(x, drop, whole_channels)
        return MASKED[ctx.version](x, keys, call, drop, whole_channels)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():  # somebody wants derivatives of the gradient
            return dropout(grad, ctx.keys, *ctx.settings), None, None, None, None
        return MASKED[ctx.version](grad, ctx.keys, *ctx.settings), None, None, None, None


def dropout(x: Tensor, keys: Tensor, call: int, drop: int, whole_channels: bool = False) -> Tensor:
    """Multiply activations by their mask, differentiable any number of times.

    Args:
        x: activations, [...], or [member, ...] where ``keys`` is [member].
        keys: int64, shape [] or [member].
        call: number of the dropout call within the forward pass.
        drop: dropped levels of 65536.
        whole_channels: one draw for each (example, channel) instead of each element.
    """
    return _Dropout.apply(x, keys, call, drop, whole_channels)  # type: ignore[return-value]


dropout_under_vmap = under_vmap(dropout, tensors=2)
"""`dropout` from inside a network that is vmapped over members: the same arguments, without the member axis."""


def _version(x: Tensor, drop: int, whole_channels: bool) -> Implementation:
    """The implementation for a tensor."""
    return "torch" if whole_channels or drop >= LEVELS else implementation(x)


def _masked_by_torch(x: Tensor, keys: Tensor, call: int, drop: int, whole_channels: bool) -> Tensor:
    shape = x.shape[keys.dim() :]
    if whole_channels:
        shape = torch.Size([*shape[:2], *[1] * (len(shape) - 2)])
    dtype = torch.promote_types(x.dtype, torch.float32)  # 16 bits would round the scale
    return (x.to(dtype) * keep_mask(keys, call, shape, drop, dtype)).to(x.dtype)


def _masked_by_native(x: Tensor, keys: Tensor, call: int, drop: int, whole_channels: bool) -> Tensor:
    members = keys.dim() == 1
    x = channels_last(x, members)
    out, library = torch.empty_like(x), native.library()
    assert library is not None
    for one, to, key in zip(x, out, keys.tolist(), strict=True) if members else [(x, out, keys.item())]:
        library.dropout(one.data_ptr(), to.data_ptr(), one.numel(), key, call, drop, keep_scale(drop))
    return out


def _masked_by_triton(x: Tensor, keys: Tensor, call: int, drop: int, whole_channels: bool) -> Tensor:
    from modescape.kernels.gpu import pointwise

    return pointwise.dropout(channels_last(x, keys.dim() == 1), keys, call, drop, keep_scale(drop))


MASKED: dict[Implementation, Callable[..., Tensor]] = {
    "torch": _masked_by_torch,
    "native": _masked_by_native,
    "triton": _masked_by_triton,
}
