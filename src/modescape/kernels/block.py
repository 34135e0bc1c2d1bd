"""Convolution, dropout, pooling and ReLU as one operation: what the paper's networks are made of.

Pooling sends the gradient of each window to one element, so at most a quarter of the gradient that reaches the
convolution is not 0; the C version takes its products over that quarter alone and never writes the convolution's
output. Elsewhere the operation is the convolution followed by `modescape.kernels.pooling.pool`. Blocks that follow one
another are one call: on small images autograd's bookkeeping between them takes as long as their arithmetic.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from modescape.kernels import native
from modescape.kernels.dropout import LEVELS, keep_scale
from modescape.kernels.implementation import implementation
from modescape.kernels.layout import channels_last, empty_images
from modescape.kernels.once import Once, differentiable_once
from modescape.kernels.pooling import pool, pooled_size

WIDE_VECTORS = 8  # floats: AVX and later; with 4 (SSE) torch's convolutions, which choose by processor, are faster
LARGEST_KERNELS = 600_000  # weights; beyond a core's second cache, convolutions that read them less often are faster


class Block(NamedTuple):
    """One block: relu(max over windows of dropout(convolution of x with stride 1))."""

    weight: Tensor  # [filter, channel, height, width]
    bias: Tensor | None  # [filter]
    padding: int  # zeros around the image, pixels
    call: int = 0  # number of the dropout call within the forward pass
    drop: int = 0  # dropped levels of 65536; 0 for no dropout
    size: int = 2  # height, width and stride of the windows, in pixels
    ceil: bool = False  # keep a last window that sticks out
    relu: bool = False  # whether negative maxima become 0


def blocks(x: Tensor, chain: Sequence[Block], key: Tensor | None) -> Tensor:
    """Blocks one after another, differentiable once.

    Args:
        x: [example, channel, height, width].
        chain: the blocks.
        key: dropout key, int64 []; None where nothing is dropped.

    Returns:
        [example, filter, height, width].
    """
    if implementation(x) == "native" and all(one.drop < LEVELS and pays(one.weight) for one in chain):
        settings = [one[2:] for one in chain]
        tensors = [tensor for one in chain for tensor in (one.weight, one.bias) if tensor is not None]
        graph = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *tensors))
        if not graph and all(unpack_dual(tensor).tangent is None for tensor in (x, *tensors)):
            return _evaluated(x, key, chain)
        return _Blocks.apply(x, key, settings, *(tensor for one in chain for tensor in one[:2]))  # type: ignore[return-value]
    if len(chain) > 1:
        for one in chain:
            x = blocks(x, [one], key)
        return x
    (one,) = chain
    convolved = functional.conv2d(x, one.weight, one.bias, padding=one.padding)
    return pool(convolved, key, one.call, one.drop, one.size, one.ceil, one.relu)


def pays(weight: Tensor) -> bool:
    """Whether the C version is the faster one: its vectors are wide enough and the kernels fit into the cache."""
    return native.lanes() >= WIDE_VECTORS and weight.numel() <= LARGEST_KERNELS


def _evaluated(x: Tensor, key: Tensor | None, chain: Sequence[Block]) -> Tensor:
    """Blocks of which no gradient will be asked for: where it would go is kept only as far as masks need it."""
    number = 0 if key is None else int(key)
    x = channels_last(x, False)
    for one in chain:
        x = _forward(x, one.weight.contiguous(), one.bias, number, *one[2:], gradient=False)[0]
    return x


class _Blocks(Once):
    @staticmethod
    def forward(ctx: Any, x: Tensor, key: Tensor | None, settings: list[tuple], *tensors: Tensor | None) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, *tensors)  # for `differentiable_once`
        number = 0 if key is None else int(key)
        ctx.kept = []  # of each block: its images, its weights, where the gradient goes, its shape
        x = channels_last(x, False)
        for one, weight, bias in zip(settings, tensors[::2], tensors[1::2], strict=True):
            assert weight is not None
            weight = weight.contiguous()
            out, where, shape = _forward(x, weight, bias, number, *one)
            ctx.kept.append((x, weight, where, shape, keep_scale(one[2]), bias is not None))
            x = out
        return x

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        library = native.library()
        assert library is not None
        gradients: list[Tensor | None] = []
        for number in range(len(ctx.kept) - 1, -1, -1):
            x, weight, where, shape, scale, has_bias = ctx.kept[number]
            grad = channels_last(grad, False)
            for_x = torch.empty_like(x) if number or ctx.needs_input_grad[0] else None
            for_weight, for_bias = torch.empty_like(weight), weight.new_empty(len(weight))
            pointers = (x.data_ptr(), weight.data_ptr(), grad.data_ptr(), where.data_ptr())
            results = (None if for_x is None else for_x.data_ptr(), for_weight.data_ptr(), for_bias.data_ptr())
            if library.block_backward(*pointers, *results, ctypes.byref(shape), scale):
                raise MemoryError("no memory for the gradient of a convolution")
            gradients = [for_weight, for_bias if has_bias else None, *gradients]
            grad = for_x  # type: ignore[assignment]
        return grad, None, None, *gradients


def _forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    key: int,
    padding: int,
    call: int,
    drop: int,
    size: int,
    ceil: bool,
    relu: bool,
    gradient: bool = True,
) -> tuple[Tensor, Tensor | None, native.BlockShape]:
    """Output, places of the gradient (None where nobody needs them) and shape of one block in C."""
    library = native.library()
    assert library is not None
    (examples, channels, height, width), (filters, _, kernel_height, kernel_width) = x.shape, weight.shape
    rows = pooled_size(height + 2 * padding - kernel_height + 1, size, ceil)
    columns = pooled_size(width + 2 * padding - kernel_width + 1, size, ceil)
    shape = native.BlockShape(
        *(examples, height, width, channels, filters, kernel_height, kernel_width, padding),
        *(rows, columns, size, relu),
    )
    out = empty_images((examples, filters, rows, columns), x)
    where = torch.empty_like(out, dtype=torch.uint8) if gradient or drop else None
    pointers = (x.data_ptr(), weight.data_ptr(), None if bias is None else bias.data_ptr(), out.data_ptr())
    places = None if where is None else where.data_ptr()
    if library.block_forward(*pointers, places, ctypes.byref(shape), key, call, drop, keep_scale(drop)):
        raise MemoryError("no memory for the rows of a convolution")
    return out, where, shape
