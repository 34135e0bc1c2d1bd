"""Convolution, dropout, pooling and ReLU as one operation: what the paper's networks are made of.

Pooling sends the gradient of each window to one element, so at most a quarter of the gradient that reaches the
convolution is not 0; the C version takes its products over that quarter alone and never writes the convolution's
output. Elsewhere the operation is the convolution followed by `modescape.kernels.pooling.pool`.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.autograd import Function

from modescape.kernels import native
from modescape.kernels.dropout import LEVELS, keep_scale
from modescape.kernels.implementation import implementation
from modescape.kernels.layout import channels_last, empty_images
from modescape.kernels.pooling import pool, pooled_size

WIDE_VECTORS = 8  # floats: AVX and later; with 4 (SSE) torch's convolutions, which choose by processor, are faster
LARGEST_KERNELS = 600_000  # weights; beyond a core's second cache, convolutions that read them less often are faster


def block(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: int,
    keys: Tensor | None,
    call: int = 0,
    drop: int = 0,
    size: int = 2,
    ceil: bool = False,
    relu: bool = False,
) -> Tensor:
    """relu(max over windows of dropout(convolution of x with stride 1)), differentiable.

    Args:
        x: [example, channel, height, width].
        weight: [filter, channel, height, width].
        bias: [filter] or None.
        padding: zeros around the image, pixels.
        keys: dropout key, int64 []; None where nothing is dropped.
        call: number of the dropout call within the forward pass.
        drop: dropped levels of 65536; 0 for no dropout.
        size: height, width and stride of the windows, in pixels.
        ceil: keep a last window that sticks out.
        relu: whether negative maxima become 0.

    Returns:
        [example, filter, height, width].
    """
    if implementation(x) != "native" or drop >= LEVELS or not pays(weight):
        return pool(functional.conv2d(x, weight, bias, padding=padding), keys, call, drop, size, ceil, relu)
    return _Block.apply(x, weight, bias, padding, keys, call, drop, size, ceil, relu)  # type: ignore[return-value]


def pays(weight: Tensor) -> bool:
    """Whether the C version is the faster one: its vectors are wide enough and the kernels fit into the cache."""
    return native.lanes() >= WIDE_VECTORS and weight.numel() <= LARGEST_KERNELS


class _Block(Function):
    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        padding: int,
        keys: Tensor | None,
        call: int,
        drop: int,
        size: int,
        ceil: bool,
        relu: bool,
    ) -> Tensor:
        library = native.library()
        assert library is not None
        x, weight = channels_last(x, False), weight.contiguous()
        (examples, channels, height, width), (filters, _, kernel_height, kernel_width) = x.shape, weight.shape
        rows = pooled_size(height + 2 * padding - kernel_height + 1, size, ceil)
        columns = pooled_size(width + 2 * padding - kernel_width + 1, size, ceil)
        shape = native.BlockShape(
            *(examples, height, width, channels, filters, kernel_height, kernel_width, padding),
            *(rows, columns, size, relu),
        )
        out = empty_images((examples, filters, rows, columns), x)
        where = torch.empty_like(out, dtype=torch.uint8)
        pointers = (x.data_ptr(), weight.data_ptr(), None if bias is None else bias.data_ptr(), out.data_ptr())
        key = 0 if keys is None else int(keys)
        if library.block_forward(*pointers, where.data_ptr(), ctypes.byref(shape), key, call, drop, keep_scale(drop)):
            raise MemoryError("no memory for the rows of a convolution")
        ctx.save_for_backward(x, weight, where)
        ctx.shape, ctx.scale, ctx.has_bias = shape, keep_scale(drop), bias is not None
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        library, (x, weight, where) = native.library(), ctx.saved_tensors
        assert library is not None
        grad = channels_last(grad, False)
        for_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        for_weight, for_bias = torch.empty_like(weight), weight.new_empty(len(weight))
        pointers = (x.data_ptr(), weight.data_ptr(), grad.data_ptr(), where.data_ptr())
        results = (None if for_x is None else for_x.data_ptr(), for_weight.data_ptr(), for_bias.data_ptr())
        if library.block_backward(*pointers, *results, ctypes.byref(ctx.shape), ctx.scale):
            raise MemoryError("no memory for the gradient of a convolution")
        return for_x, for_weight, for_bias if ctx.has_bias else None, *[None] * 7
