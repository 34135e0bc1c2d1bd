"""Convolution of stacked members on the GPU: matrix products whose left side is read straight from the images.

A convolution is a product of patches [example and pixel, tap and channel] and weights [tap and channel, filter]. The
patches are never written ("implicit GEMM"): each program computes where its part of them lies. Members are the third
axis of the grid, so a member's sums are taken in the same order whoever stands beside it. Images lie member, example,
height, width, channel; sums are float32 (float64 for float64).
"""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from modescape.kernels.geometry import Geometry

ROWS_OF_A_PART = 2048  # examples and pixels that one program sums up in the gradient of weights


@triton.jit
def _place(
    position,
    tap,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    DILATION: tl.constexpr,
    SIZE: tl.constexpr,
    BACK: tl.constexpr,
):
    """Where a tap of the kernel at an output's position reads along one edge, and whether that is inside.

    BACK: the other way round, for the gradient of images: which output used this input with this tap.
    """
    if BACK:
        shifted = position + PADDING - tap * DILATION
        return shifted // STRIDE, (shifted >= 0) & (shifted % STRIDE == 0) & (shifted // STRIDE < SIZE)
    at = position * STRIDE - PADDING + tap * DILATION
    return at, (at >= 0) & (at < SIZE)


@triton.jit
def _convolve(
    x,
    weight,
    bias,
    out,
    x_member,
    rows,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    OUT_HEIGHT: tl.constexpr,
    OUT_WIDTH: tl.constexpr,
    FILTERS: tl.constexpr,
    KERNEL_HEIGHT: tl.constexpr,
    KERNEL_WIDTH: tl.constexpr,
    STRIDE_H: tl.constexpr,
    STRIDE_W: tl.constexpr,
    PADDING_H: tl.constexpr,
    PADDING_W: tl.constexpr,
    DILATION_H: tl.constexpr,
    DILATION_W: tl.constexpr,
    BACK: tl.constexpr,
    HAS_BIAS: tl.constexpr,
    PRECISION: tl.constexpr,
    SUM: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
    BLOCK_FILTERS: tl.constexpr,
    BLOCK_INNER: tl.constexpr,
):
    """Compute out [member, row, filter] = patches of x times weight [member, tap and channel, filter]."""
    INNER: tl.constexpr = KERNEL_HEIGHT * KERNEL_WIDTH * CHANNELS
    member = tl.program_id(2).to(tl.int64)
    x += member * x_member
    weight += member * (INNER * FILTERS)
    out += member * rows * FILTERS
    row = tl.program_id(0) * BLOCK_ROWS + tl.arange(0, BLOCK_ROWS)
    filter = tl.program_id(1) * BLOCK_FILTERS + tl.arange(0, BLOCK_FILTERS)
    w = row % OUT_WIDTH
    h = row // OUT_WIDTH % OUT_HEIGHT
    image = row // (OUT_WIDTH * OUT_HEIGHT) * HEIGHT
    total = tl.zeros((BLOCK_ROWS, BLOCK_FILTERS), SUM)
    for start in range(0, INNER, BLOCK_INNER):
        inner = start + tl.arange(0, BLOCK_INNER)
        if CHANNELS % BLOCK_INNER == 0:  # one tap at a time
            tap = start // CHANNELS
            at_h, in_h = _place(h, tap // KERNEL_WIDTH, STRIDE_H, PADDING_H, DILATION_H, HEIGHT, BACK)
            at_w, in_w = _place(w, tap % KERNEL_WIDTH, STRIDE_W, PADDING_W, DILATION_W, WIDTH, BACK)
            pixel = ((image + at_h) * WIDTH + at_w) * CHANNELS
            from_x = pixel[:, None] + (start % CHANNELS + tl.arange(0, BLOCK_INNER))[None, :]
            inside = (in_h & in_w & (row < rows))[:, None]
        else:
            tap = (inner // CHANNELS)[None, :]
            at_h, in_h = _place(h[:, None], tap // KERNEL_WIDTH, STRIDE_H, PADDING_H, DILATION_H, HEIGHT, BACK)
            at_w, in_w = _place(w[:, None], tap % KERNEL_WIDTH, STRIDE_W, PADDING_W, DILATION_W, WIDTH, BACK)
            from_x = ((image[:, None] + at_h) * WIDTH + at_w) * CHANNELS + (inner % CHANNELS)[None, :]
            inside = in_h & in_w & (row < rows)[:, None] & (inner < INNER)[None, :]
        patch = tl.load(x + from_x, mask=inside, other=0.0)
        known = (inner < INNER)[:, None] & (filter < FILTERS)[None, :]
        kernel = tl.load(weight + inner[:, None] * FILTERS + filter[None, :], mask=known, other=0.0)
        total = tl.dot(patch, kernel, total, input_precision=PRECISION, out_dtype=SUM)
    if HAS_BIAS:
        shift = tl.load(bias + member * FILTERS + filter, mask=filter < FILTERS, other=0.0)
        total += shift.to(SUM)[None, :]
    inside = (row < rows)[:, None] & (filter < FILTERS)[None, :]
    # 64 bits: a large group has more than 2^31 elements
    tl.store(out + row.to(tl.int64)[:, None] * FILTERS + filter[None, :], total.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _weigh(
    x,
    gradient,
    out,
    x_member,
    rows,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    OUT_HEIGHT: tl.constexpr,
    OUT_WIDTH: tl.constexpr,
    FILTERS: tl.constexpr,
    KERNEL_HEIGHT: tl.constexpr,
    KERNEL_WIDTH: tl.constexpr,
    STRIDE_H: tl.constexpr,
    STRIDE_W: tl.constexpr,
    PADDING_H: tl.constexpr,
    PADDING_W: tl.constexpr,
    DILATION_H: tl.constexpr,
    DILATION_W: tl.constexpr,
    PARTS: tl.constexpr,
    PART: tl.constexpr,
    LINES: tl.constexpr,
    PRECISION: tl.constexpr,
    SUM: tl.constexpr,
    BLOCK_INNER: tl.constexpr,
    BLOCK_FILTERS: tl.constexpr,
    BLOCK_ROWS: tl.constexpr,
):
    """Compute out [member, part, line, filter] = patches of x, transposed, times the gradient, over a part of the rows.

    LINES is the number of taps and channels, and one more whose patch is 1, whose line is the bias's gradient.
    """
    INNER: tl.constexpr = KERNEL_HEIGHT * KERNEL_WIDTH * CHANNELS
    member = (tl.program_id(2) // PARTS).to(tl.int64)
    part = tl.program_id(2) % PARTS
    x += member * x_member
    gradient += member * rows * FILTERS
    out += (member * PARTS + part) * (LINES * FILTERS)
    inner = tl.program_id(0) * BLOCK_INNER + tl.arange(0, BLOCK_INNER)
    filter = tl.program_id(1) * BLOCK_FILTERS + tl.arange(0, BLOCK_FILTERS)
    tap = inner // CHANNELS
    channel = inner % CHANNELS
    total = tl.zeros((BLOCK_INNER, BLOCK_FILTERS), SUM)
    for start in range(0, PART, BLOCK_ROWS):
        row = part * PART + start + tl.arange(0, BLOCK_ROWS)
        w = row % OUT_WIDTH
        h = row // OUT_WIDTH % OUT_HEIGHT
        image = row // (OUT_WIDTH * OUT_HEIGHT) * HEIGHT
        at_h, in_h = _place(h[:, None], (tap // KERNEL_WIDTH)[None, :], STRIDE_H, PADDING_H, DILATION_H, HEIGHT, False)
        at_w, in_w = _place(w[:, None], (tap % KERNEL_WIDTH)[None, :], STRIDE_W, PADDING_W, DILATION_W, WIDTH, False)
        from_x = ((image[:, None] + at_h) * WIDTH + at_w) * CHANNELS + channel[None, :]
        inside = in_h & in_w & (row < rows)[:, None] & (inner < INNER)[None, :]
        patch = tl.load(x + from_x, mask=inside, other=0.0)
        patch = tl.where((inner == INNER)[None, :], 1.0, patch).to(patch.dtype)
        known = (row < rows)[:, None] & (filter < FILTERS)[None, :]
        slope = tl.load(gradient + row.to(tl.int64)[:, None] * FILTERS + filter[None, :], mask=known, other=0.0)
        total = tl.dot(tl.trans(patch), slope, total, input_precision=PRECISION, out_dtype=SUM)
    inside = (inner < LINES)[:, None] & (filter < FILTERS)[None, :]
    tl.store(out + inner[:, None] * FILTERS + filter[None, :], total, mask=inside)


def forward(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, precision: str) -> Tensor:
    """Convolution of stacked members; x [member, example, channel, height, width] with channels last, or expanded."""
    members, filters = weight.shape[:2]
    examples = x.shape[1]
    height, width = geometry.output_size(x.shape[-2:], weight.shape[-2:])
    packed = weight.permute(0, 3, 4, 2, 1).contiguous()  # [member, tap, channel, filter]
    out = torch.empty(members, examples, height, width, filters, dtype=x.dtype, device=x.device)
    _run_convolve(x, packed, bias, out, geometry, weight.shape[-2:], precision, back=False)
    return out.movedim(-1, 2)


def input_gradient(grad: Tensor, weight: Tensor, shape: torch.Size, geometry: Geometry, precision: str) -> Tensor:
    """Gradient of the images [member, example, channel, height, width] with channels last."""
    members, examples, channels, height, width = shape
    packed = weight.permute(0, 3, 4, 1, 2).contiguous()  # [member, tap, filter, channel]
    out = torch.empty(members, examples, height, width, channels, dtype=grad.dtype, device=grad.device)
    _run_convolve(grad, packed, None, out, geometry, weight.shape[-2:], precision, back=True)
    return out.movedim(-1, 2)


def weight_gradient(
    x: Tensor, grad: Tensor, kernel: tuple[int, int], geometry: Geometry, precision: str
) -> tuple[Tensor, Tensor]:
    """Gradients of weights [member, filter, channel, height, width] and biases [member, filter], in the sums' dtype."""
    members, examples, filters, out_height, out_width = grad.shape
    channels, height, width = x.shape[2:]
    rows = examples * out_height * out_width
    inner = kernel[0] * kernel[1] * channels
    lines, parts = inner + 1, triton.cdiv(rows, ROWS_OF_A_PART)
    total = torch.float64 if x.dtype == torch.float64 else torch.float32
    out = torch.empty(members, parts, lines, filters, dtype=total, device=x.device)
    block_inner, block_filters = _block(lines, 64), _block(filters, 64)
    grid = (triton.cdiv(lines, block_inner), triton.cdiv(filters, block_filters), members * parts)
    _weigh[grid](
        *(x, grad, out, _member_stride(x), rows),
        HEIGHT=height,
        WIDTH=width,
        CHANNELS=channels,
        OUT_HEIGHT=out_height,
        OUT_WIDTH=out_width,
        FILTERS=filters,
        PARTS=parts,
        PART=min(ROWS_OF_A_PART, triton.next_power_of_2(rows)),
        LINES=lines,
        PRECISION=precision,
        SUM=_triton_type(total),
        BLOCK_INNER=block_inner,
        BLOCK_FILTERS=block_filters,
        BLOCK_ROWS=min(64 if x.dtype.itemsize == 2 else 32, triton.next_power_of_2(max(rows, 16))),
        num_warps=4,
        num_stages=3,
        **_constants(geometry, kernel),
    )
    summed = out.sum(1)  # in a fixed order: no atomic additions
    weight = summed[:, :inner].view(members, *kernel, channels, filters).permute(0, 4, 3, 1, 2)
    return weight.contiguous(), summed[:, inner]


def _run_convolve(
    x: Tensor,
    packed: Tensor,
    bias: Tensor | None,
    out: Tensor,
    geometry: Geometry,
    kernel: tuple[int, ...],
    precision: str,
    back: bool,
) -> None:
    members, examples, out_height, out_width, filters = out.shape
    channels, height, width = x.shape[2:]
    rows = examples * out_height * out_width
    inner = kernel[0] * kernel[1] * channels
    block_rows, block_filters = 128, _block(filters, 128 if x.dtype.itemsize <= 4 else 32)
    grid = (triton.cdiv(rows, block_rows), triton.cdiv(filters, block_filters), members)
    _convolve[grid](
        *(x, packed, packed if bias is None else bias, out, _member_stride(x), rows),
        HEIGHT=height,
        WIDTH=width,
        CHANNELS=channels,
        OUT_HEIGHT=out_height,
        OUT_WIDTH=out_width,
        FILTERS=filters,
        BACK=back,
        HAS_BIAS=bias is not None,
        PRECISION=precision,
        SUM=_triton_type(torch.float64 if x.dtype == torch.float64 else torch.float32),
        BLOCK_ROWS=block_rows,
        BLOCK_FILTERS=block_filters,
        BLOCK_INNER=_block(inner, 64 if x.dtype.itemsize == 2 else 32),
        num_warps=8 if block_filters > 64 else 4,
        num_stages=3,
        **_constants(geometry, kernel),
    )


def _constants(geometry: Geometry, kernel: tuple[int, ...]) -> dict[str, Any]:
    return {
        "KERNEL_HEIGHT": kernel[0],
        "KERNEL_WIDTH": kernel[1],
        "STRIDE_H": geometry.stride[0],
        "STRIDE_W": geometry.stride[1],
        "PADDING_H": geometry.padding[0],
        "PADDING_W": geometry.padding[1],
        "DILATION_H": geometry.dilation[0],
        "DILATION_W": geometry.dilation[1],
    }


def _block(size: int, most: int) -> int:
    """Length of a block along an axis: a power of 2, at least 16 (what a matrix unit takes) and at most ``most``."""
    return max(16, min(most, triton.next_power_of_2(size)))


def _member_stride(x: Tensor) -> int:
    """Elements from member to member; 0 where all share one batch."""
    return x.stride(0) if x.shape[0] > 1 else 0


def _triton_type(dtype: torch.dtype) -> Any:
    return tl.float64 if dtype == torch.float64 else tl.float32
