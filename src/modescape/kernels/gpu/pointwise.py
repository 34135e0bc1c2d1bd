"""Dropout and pooling on the GPU: the definitions of `kernels.dropout` and `kernels.pooling`, bit for bit.

Images lie member, example, height, width, channel. Four elements share a random word: where the channels allow it a
thread takes all four and hashes once.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from modescape.kernels.gpu.hashing import call_key, kept, word

BLOCK = 1024  # elements of a program
NOWHERE = tl.constexpr(255)


# ``call`` 1 would become a constant, and every new value of a multiple of 16 a new kernel
@triton.jit(do_not_specialize=["call", "drop"])
def _dropout(x, out, keys, count, call, drop, scale, BLOCK: tl.constexpr):
    member = tl.program_id(1).to(tl.int64)
    x += member * count
    out += member * count
    words = tl.program_id(0) * (BLOCK // 4) + tl.arange(0, BLOCK // 4)
    element = words[:, None] * 4 + tl.arange(0, 4)[None, :]
    drawn = word(call_key(keys, member, call), words.to(tl.uint64))
    factor = tl.where(kept(drawn[:, None], element, drop), scale, 0.0)
    inside = element < count
    value = tl.load(x + element, mask=inside, other=0.0)
    tl.store(out + element, (value.to(tl.float32) * factor).to(value.dtype), mask=inside)


def dropout(x: Tensor, keys: Tensor, call: int, drop: int, scale: float) -> Tensor:
    """Masked x of stacked members (keys [member]) or of one (keys []); x lies without gaps in memory."""
    out = torch.empty_like(x)
    members = keys.numel()
    count = x.numel() // members
    grid = (triton.cdiv(count, BLOCK), members)
    _dropout[grid](x, out, keys, count, call, drop, scale, BLOCK=BLOCK)
    return out


@triton.jit(do_not_specialize=["call", "drop"])
def _pool_forward(
    x,
    out,
    where,
    keys,
    examples,
    call,
    drop,
    scale,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    SIZE: tl.constexpr,
    RELU: tl.constexpr,
    DROPS: tl.constexpr,
    TOGETHER: tl.constexpr,
    BLOCK: tl.constexpr,
):
    member = tl.program_id(1).to(tl.int64)
    count = examples * (ROWS * COLUMNS * CHANNELS)
    x += member * examples * (HEIGHT * WIDTH * CHANNELS)
    out += member * count
    where += member * count
    first = (tl.program_id(0) * (BLOCK // TOGETHER) + tl.arange(0, BLOCK // TOGETHER)) * TOGETHER
    output = first[:, None] + tl.arange(0, TOGETHER)[None, :]
    inside = output < count
    window = first // CHANNELS
    column = window % COLUMNS * SIZE
    row = window // COLUMNS % ROWS * SIZE
    example = window // (COLUMNS * ROWS)
    corner = ((example * HEIGHT + row) * WIDTH + column) * CHANNELS + first % CHANNELS
    best = tl.full((BLOCK // TOGETHER, TOGETHER), float("-inf"), tl.float32)
    place = tl.full((BLOCK // TOGETHER, TOGETHER), NOWHERE, tl.int32)
    if DROPS:
        key = call_key(keys, member, call)
    for r in tl.static_range(SIZE):
        for s in tl.static_range(SIZE):
            there = (row + r < HEIGHT) & (column + s < WIDTH)
            start = corner + (r * WIDTH + s) * CHANNELS
            element = start[:, None] + tl.arange(0, TOGETHER)[None, :]
            loaded = tl.load(x + element, mask=inside & there[:, None], other=0.0)
            value = loaded.to(tl.float32)
            here = tl.full((BLOCK // TOGETHER, TOGETHER), r * SIZE + s, tl.int32)
            if DROPS:
                drawn = word(key, (start // 4).to(tl.uint64))
                keep = kept(drawn[:, None], element, drop)
                value = (value * tl.where(keep, scale, 0.0)).to(loaded.dtype).to(tl.float32)
                here = tl.where(keep, here, NOWHERE)
            # as torch: the first of equals, and a NaN is the largest; the corner is always there and always taken
            larger = ((value > best) | (value != value) | (r + s == 0)) & there[:, None]
            best = tl.where(larger, value, best)
            place = tl.where(larger, here, place)
    if RELU:
        off = best <= 0.0
        best = tl.where(off, 0.0, best)
        place = tl.where(off, NOWHERE, place)
    tl.store(out + output, best.to(out.dtype.element_ty), mask=inside)
    tl.store(where + output, place.to(tl.uint8), mask=inside)


def pool_forward(
    x: Tensor,
    out: Tensor,
    where: Tensor,
    keys: Tensor | None,
    call: int,
    drop: int,
    scale: float,
    size: int,
    relu: bool,
) -> None:
    """Fill ``out`` and ``where`` [..., channel, rows, columns] from x [..., channel, height, width], channels last."""
    members = x.shape[0] if x.dim() == 5 else 1
    examples, channels, height, width = x.shape[-4:]
    rows, columns = out.shape[-2:]
    grid = (triton.cdiv(examples * rows * columns * channels, BLOCK), members)
    _pool_forward[grid](
        *(x, out, where, where if keys is None else keys, examples, call, drop, scale),
        HEIGHT=height,
        WIDTH=width,
        CHANNELS=channels,
        ROWS=rows,
        COLUMNS=columns,
        SIZE=size,
        RELU=relu,
        DROPS=drop > 0,
        TOGETHER=1 if channels % 4 else 4,
        BLOCK=BLOCK,
    )


@triton.jit
def _pool_backward(
    gradient,
    where,
    out,
    scale,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    blocks: tl.constexpr = (HEIGHT * WIDTH * CHANNELS + BLOCK - 1) // BLOCK
    image = (tl.program_id(0) // blocks).to(tl.int64)
    gradient += image * (ROWS * COLUMNS * CHANNELS)
    where += image * (ROWS * COLUMNS * CHANNELS)
    out += image * (HEIGHT * WIDTH * CHANNELS)
    element = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = element < HEIGHT * WIDTH * CHANNELS
    w = element // CHANNELS % WIDTH
    h = element // (CHANNELS * WIDTH)
    window = (h // SIZE * COLUMNS + w // SIZE) * CHANNELS + element % CHANNELS
    covered = inside & (h // SIZE < ROWS) & (w // SIZE < COLUMNS)
    place = tl.load(where + window, mask=covered, other=NOWHERE).to(tl.int32)
    slope = tl.load(gradient + window, mask=covered, other=0.0)
    value = (slope.to(tl.float32) * scale).to(slope.dtype)
    tl.store(out + element, tl.where(place == h % SIZE * SIZE + w % SIZE, value, 0.0), mask=inside)


def pool_backward(gradient: Tensor, where: Tensor, out: Tensor, size: int, scale: float) -> Tensor:
    """Fill ``out`` [..., channel, height, width] from the gradient [..., channel, rows, columns], channels last."""
    channels, height, width = out.shape[-3:]
    rows, columns = gradient.shape[-2:]
    count = channels * height * width
    _pool_backward[(out.numel() // count * triton.cdiv(count, BLOCK),)](
        *(gradient, where, out, scale),
        HEIGHT=height,
        WIDTH=width,
        CHANNELS=channels,
        ROWS=rows,
        COLUMNS=columns,
        SIZE=size,
        BLOCK=BLOCK,
    )
    return out
