"""Convolution, dropout, pooling and ReLU as one operation: what the paper's networks are made of.

Pooling sends the gradient of each window to one element, so at most a quarter of the gradient that reaches the
convolution is non-zero; the C version multiplies only by that quarter and never stores the convolution's output.
Elsewhere the operation is the convolution followed by `modescape.kernels.pooling.pool`. Consecutive blocks are one
call: on small images autograd's overhead between them takes as long as their arithmetic.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from modescape.kernels import native
from modescape.kernels.dropout import LEVELS, keep_scale
from modescape.kernels.implementation import implementation
from modescape.kernels.layout import channels_last
from modescape.kernels.once import Once, differentiable_once
from modescape.kernels.pooling import pool, pooled_size

WIDE_VECTORS = 8  # floats: AVX and later; with 4 (SSE) torch's convolutions, which choose by processor, are faster
LARGEST_KERNELS = 600_000  # weights; beyond a core's L2 cache, convolutions that read them less often are faster


class Block(NamedTuple):
    """One block: relu(max over windows of dropout(convolution of x with stride 1))."""

    weight: Tensor  # [filter, channel, height, width]
    bias: Tensor | None  # [filter]
    padding: int  # zeros around the image, pixels
    call: int = 0  # number of the dropout call within the forward pass
    drop: int = 0  # dropped levels of 65536; 0 for no dropout
    size: int = 2  # height, width and stride of the windows, in pixels
    ceil: bool = False  # keep an incomplete last window
    relu: bool = False  # whether negative maxima become 0


Settings: TypeAlias = "tuple[int, int, int, int, bool, bool]"
"""Fields of `Block` from ``padding`` on."""

Kept: TypeAlias = "tuple[Tensor, Tensor, Tensor | None, Any, float, bool]"
"""What `backward` needs: images, weights, where the gradient goes, sizes, the scale of kept elements, a bias."""


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
        settings: list[Settings] = [one[2:] for one in chain]
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
    """Whether the C version is faster: its vectors are wide enough and the kernels fit in the cache."""
    return native.lanes() >= WIDE_VECTORS and weight.numel() <= LARGEST_KERNELS


def _evaluated(x: Tensor, key: Tensor | None, chain: Sequence[Block]) -> Tensor:
    """Blocks without gradients: where they would go is kept only as far as masks need it."""
    number = 0 if key is None else int(key)
    x = channels_last(x, False)
    for one in chain:
        x = forward(x, one.weight.contiguous(), one.bias, number, one[2:], gradient=False)[0]
    return x


class _Blocks(Once):
    @staticmethod
    def forward(ctx: Any, x: Tensor, key: Tensor | None, settings: list[Settings], *tensors: Tensor | None) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, *tensors)  # for `differentiable_once`
        number = 0 if key is None else int(key)
        ctx.kept = []
        x = channels_last(x, False)
        for one, weight, bias in zip(settings, tensors[::2], tensors[1::2], strict=True):
            assert weight is not None
            x, kept = forward(x, weight.contiguous(), bias, number, one)
            ctx.kept.append(kept)
        return x

    @staticmethod
    @differentiable_once
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        gradients: list[Tensor | None] = []
        slope: Tensor | None = grad
        for number in range(len(ctx.kept) - 1, -1, -1):
            assert slope is not None
            slope, *own = backward(ctx.kept[number], slope, bool(number) or ctx.needs_input_grad[0])
            gradients = [*own, *gradients]
        return slope, None, None, *gradients


def forward(
    x: Tensor, weight: Tensor, bias: Tensor | None, key: int, settings: Settings, gradient: bool = True
) -> tuple[Tensor, Kept]:
    """One block in C, without autograd.

    Args:
        x: [example, channel, height, width], float32, channels last in memory.
        weight: [filter, channel, height, width], contiguous.
        bias: [filter].
        key: of dropout.
        settings: the fields of `Block` from ``padding`` on.
        gradient: whether `backward` will be called.

    Returns:
        [example, filter, height, width], and what `backward` takes.
    """
    padding, call, drop, size, ceil, relu = settings
    library = native.library()
    assert library is not None
    shape, out_shape = _shapes(x.shape, weight.shape, padding, size, ceil, relu)
    out = torch.empty(out_shape, dtype=torch.float32, memory_format=torch.channels_last)
    where = torch.empty_like(out, dtype=torch.uint8) if gradient or drop else None
    pointers = (x.data_ptr(), weight.data_ptr(), None if bias is None else bias.data_ptr(), out.data_ptr())
    scale = keep_scale(drop)
    places = None if where is None else where.data_ptr()
    if library.block_forward(*pointers, places, shape, key, call, drop, scale):
        raise MemoryError("no memory for the rows of a convolution")
    return out, (x, weight, where, shape, scale, bias is not None)


def backward(kept: Kept, grad: Tensor, for_input: bool) -> tuple[Tensor | None, Tensor, Tensor | None]:
    """Gradients of one block's input (None unless it is asked for), weight and bias."""
    library = native.library()
    assert library is not None
    x, weight, where, shape, scale, has_bias = kept
    assert where is not None
    grad = channels_last(grad, False)
    for_x = torch.empty_like(x) if for_input else None
    for_weight, for_bias = torch.empty_like(weight), weight.new_empty(len(weight))
    pointers = (x.data_ptr(), weight.data_ptr(), grad.data_ptr(), where.data_ptr())
    results = (None if for_x is None else for_x.data_ptr(), for_weight.data_ptr(), for_bias.data_ptr())
    if library.block_backward(*pointers, *results, shape, scale):
        raise MemoryError("no memory for the gradient of a convolution")
    return for_x, for_weight, for_bias if has_bias else None


@functools.lru_cache(maxsize=512)
def _shapes(
    x: torch.Size, weight: torch.Size, padding: int, size: int, ceil: bool, relu: bool
) -> tuple[Any, tuple[int, ...]]:
    """A block's sizes, as C takes them (a reference to what it only reads), and those of its output."""
    (examples, channels, height, width), (filters, _, kernel_height, kernel_width) = x, weight
    rows = pooled_size(height + 2 * padding - kernel_height + 1, size, ceil)
    columns = pooled_size(width + 2 * padding - kernel_width + 1, size, ceil)
    shape = native.BlockShape(
        *(examples, height, width, channels, filters, kernel_height, kernel_width, padding),
        *(rows, columns, size, relu),
    )
    return ctypes.byref(shape), (examples, filters, rows, columns)
