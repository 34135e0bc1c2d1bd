"""Batch normalisation of stacked members on the GPU, with the ReLU that follows it.

Every member and channel has its own mean and variance over examples and pixels ("rows"). Sums are taken part by part
and merged in order (Chan, Golub and LeVeque 1979): no atomic additions, so the same bits every time, and no
cancellation. Images lie member, row, channel.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

PART = 1024  # rows that one program sums up
BLOCK = 2048  # elements of a tile


@triton.jit
def _moments(
    x,
    mean,
    square,
    rows,
    CHANNELS: tl.constexpr,
    PARTS: tl.constexpr,
    PART: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Mean and sum of squared deviations of one part: mean, square [member, part, channel]."""
    part = tl.program_id(0)
    member = tl.program_id(2).to(tl.int64)
    channel = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    x += member * rows * CHANNELS
    average = tl.zeros((COLUMNS,), tl.float32)
    total = tl.zeros((COLUMNS,), tl.float32)
    seen = 0.0
    for start in range(0, PART, ROWS):
        row = part * PART + start + tl.arange(0, ROWS)
        inside = (row < rows)[:, None] & (channel < CHANNELS)[None, :]
        value = tl.load(x + row[:, None] * CHANNELS + channel[None, :], mask=inside, other=0.0).to(tl.float32)
        count = tl.sum((row < rows).to(tl.float32), 0)
        own = tl.sum(value, 0) / tl.maximum(count, 1.0)
        off = tl.where(inside, value - own[None, :], 0.0)
        both = tl.maximum(seen + count, 1.0)
        delta = own - average
        average += delta * (count / both)
        total += tl.sum(off * off, 0) + delta * delta * (seen * count / both)
        seen += count
    to = (member * PARTS + part) * CHANNELS + channel
    tl.store(mean + to, average, mask=channel < CHANNELS)
    tl.store(square + to, total, mask=channel < CHANNELS)


@triton.jit
def _merge(
    mean,
    square,
    out_mean,
    out_scale,
    running_mean,
    running_variance,
    rows,
    epsilon,
    momentum,
    CHANNELS: tl.constexpr,
    PARTS: tl.constexpr,
    PART: tl.constexpr,
    TRACKS: tl.constexpr,
    TOGETHER: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Mean and 1 / sqrt(variance + epsilon) [member, channel] from the parts; the running statistics move along."""
    member = tl.program_id(1).to(tl.int64)
    channel = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    known = channel < CHANNELS
    average = tl.zeros((COLUMNS,), tl.float32)
    total = tl.zeros((COLUMNS,), tl.float32)
    seen = 0.0
    for start in range(0, PARTS, TOGETHER):
        part = start + tl.arange(0, TOGETHER)
        at = (member * PARTS + part[:, None]) * CHANNELS + channel[None, :]
        inside = (part < PARTS)[:, None] & known[None, :]
        means = tl.load(mean + at, mask=inside, other=0.0)
        counts = tl.maximum(tl.minimum(rows - part * PART, PART), 0).to(tl.float32)
        count = tl.sum(counts, 0)
        own = tl.sum(means * counts[:, None], 0) / count
        off = tl.where(inside, means - own[None, :], 0.0)
        squares = tl.load(square + at, mask=inside, other=0.0) + off * off * counts[:, None]
        both = seen + count
        delta = own - average
        average += delta * (count / both)
        total += tl.sum(squares, 0) + delta * delta * (seen * count / both)
        seen = both
    to = member * CHANNELS + channel
    tl.store(out_mean + to, average, mask=known)
    tl.store(out_scale + to, 1.0 / tl.sqrt(total / rows + epsilon), mask=known)
    if TRACKS:
        before = tl.load(running_mean + to, mask=known, other=0.0)
        tl.store(running_mean + to, before + momentum * (average - before), mask=known)
        before = tl.load(running_variance + to, mask=known, other=0.0)
        unbiased = total / tl.maximum(rows - 1, 1)
        tl.store(running_variance + to, before + momentum * (unbiased - before), mask=known)


@triton.jit
def _normalize(
    x,
    out,
    mean,
    scale,
    weight,
    bias,
    rows,
    CHANNELS: tl.constexpr,
    RELU: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Compute out = (x - mean) scale weight + bias, clipped below 0 with RELU."""
    member = tl.program_id(2).to(tl.int64)
    channel = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    known = channel < CHANNELS
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    own = member * CHANNELS + channel
    average = tl.load(mean + own, mask=known, other=0.0)
    factor = tl.load(scale + own, mask=known, other=0.0) * tl.load(weight + own, mask=known, other=0.0)
    shift = tl.load(bias + own, mask=known, other=0.0)
    at = member * rows * CHANNELS + row[:, None] * CHANNELS + channel[None, :]
    inside = (row < rows)[:, None] & known[None, :]
    value = tl.load(x + at, mask=inside, other=0.0)
    result = (value.to(tl.float32) - average[None, :]) * factor[None, :] + shift[None, :]
    if RELU:
        result = tl.where(result <= 0.0, 0.0, result)  # a NaN stays
    tl.store(out + at, result.to(value.dtype), mask=inside)


@triton.jit
def _slopes(
    x,
    gradient,
    mean,
    scale,
    weight,
    bias,
    out,
    rows,
    CHANNELS: tl.constexpr,
    PARTS: tl.constexpr,
    PART: tl.constexpr,
    RELU: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Sums over one part of the gradient and of the gradient times the normalised x: out [member, part, 2, channel]."""
    part = tl.program_id(0)
    member = tl.program_id(2).to(tl.int64)
    channel = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    known = channel < CHANNELS
    own = member * CHANNELS + channel
    average = tl.load(mean + own, mask=known, other=0.0)
    factor = tl.load(scale + own, mask=known, other=0.0)
    slope = tl.load(weight + own, mask=known, other=0.0)
    shift = tl.load(bias + own, mask=known, other=0.0)
    plain = tl.zeros((COLUMNS,), tl.float32)
    times = tl.zeros((COLUMNS,), tl.float32)
    for start in range(0, PART, ROWS):
        row = part * PART + start + tl.arange(0, ROWS)
        inside = (row < rows)[:, None] & known[None, :]
        at = member * rows * CHANNELS + row[:, None] * CHANNELS + channel[None, :]
        value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
        given = tl.load(gradient + at, mask=inside, other=0.0).to(tl.float32)
        normal = (value - average[None, :]) * factor[None, :]
        if RELU:
            # the forward pass's own expression, so that both see the same sign
            result = (value - average[None, :]) * (factor * slope)[None, :] + shift[None, :]
            given = tl.where(result <= 0.0, 0.0, given)
        plain += tl.sum(given, 0)
        times += tl.sum(given * normal, 0)
    to = (member * PARTS + part) * 2 * CHANNELS + channel
    tl.store(out + to, plain, mask=known)
    tl.store(out + to + CHANNELS, times, mask=known)


@triton.jit
def _backward(
    x,
    gradient,
    mean,
    scale,
    weight,
    bias,
    sums,
    out,
    rows,
    CHANNELS: tl.constexpr,
    RELU: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Compute out = weight scale (gradient - its mean - normal mean(gradient normal)); sums [member, 2, channel]."""
    member = tl.program_id(2).to(tl.int64)
    channel = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    known = channel < CHANNELS
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    own = member * CHANNELS + channel
    average = tl.load(mean + own, mask=known, other=0.0)
    factor = tl.load(scale + own, mask=known, other=0.0)
    slope = tl.load(weight + own, mask=known, other=0.0)
    shift = tl.load(bias + own, mask=known, other=0.0)
    plain = tl.load(sums + 2 * member * CHANNELS + channel, mask=known, other=0.0) / rows
    times = tl.load(sums + (2 * member + 1) * CHANNELS + channel, mask=known, other=0.0) / rows
    at = member * rows * CHANNELS + row[:, None] * CHANNELS + channel[None, :]
    inside = (row < rows)[:, None] & known[None, :]
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    loaded = tl.load(gradient + at, mask=inside, other=0.0)
    given = loaded.to(tl.float32)
    normal = (value - average[None, :]) * factor[None, :]
    if RELU:
        result = (value - average[None, :]) * (factor * slope)[None, :] + shift[None, :]
        given = tl.where(result <= 0.0, 0.0, given)
    result = (factor * slope)[None, :] * (given - plain[None, :] - normal * times[None, :])
    tl.store(out + at, result.to(loaded.dtype), mask=inside)


def _tile(channels: int) -> tuple[int, int]:
    """Rows and columns of a tile."""
    columns = min(64, triton.next_power_of_2(channels))
    return BLOCK // columns, columns


def statistics(
    x: Tensor, running_mean: Tensor | None, running_variance: Tensor | None, momentum: float, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Mean and 1 / sqrt(variance + epsilon), float32 [member, channel]; running statistics are updated in place.

    Args:
        x: [member, row, channel] without gaps.
        running_mean: [member, channel] or None.
        running_variance: [member, channel] or None.
        momentum: weight of this batch in the running statistics.
        epsilon: added to the variance.
    """
    members, rows, channels = x.shape
    tile_rows, columns = _tile(channels)
    parts = triton.cdiv(rows, PART)
    mean, square = (torch.empty(members, parts, channels, dtype=torch.float32, device=x.device) for _ in range(2))
    across = triton.cdiv(channels, columns)
    tile = {"ROWS": tile_rows, "COLUMNS": columns}
    _moments[(parts, across, members)](x, mean, square, rows, CHANNELS=channels, PARTS=parts, PART=PART, **tile)
    out_mean, out_scale = (torch.empty(members, channels, dtype=torch.float32, device=x.device) for _ in range(2))
    tracks = running_mean is not None
    running = (running_mean, running_variance) if tracks else (out_mean, out_scale)
    _merge[(across, members)](
        *(mean, square, out_mean, out_scale, *running, rows, epsilon, momentum),
        CHANNELS=channels,
        PARTS=parts,
        PART=PART,
        TRACKS=tracks,
        TOGETHER=min(128, triton.next_power_of_2(parts)),
        COLUMNS=columns,
    )
    return out_mean, out_scale


def normalize(x: Tensor, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor, relu: bool) -> Tensor:
    """Normalised x [member, row, channel]; the others [member, channel]."""
    members, rows, channels = x.shape
    tile_rows, columns = _tile(channels)
    out = torch.empty_like(x)
    grid = (triton.cdiv(rows, tile_rows), triton.cdiv(channels, columns), members)
    _normalize[grid](
        *(x, out, mean, scale, weight, bias, rows), CHANNELS=channels, RELU=relu, ROWS=tile_rows, COLUMNS=columns
    )
    return out


def backward(
    x: Tensor, gradient: Tensor, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor, relu: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x [member, row, channel], weight and bias [member, channel]."""
    members, rows, channels = x.shape
    tile_rows, columns = _tile(channels)
    parts, across = triton.cdiv(rows, PART), triton.cdiv(channels, columns)
    tile = {"CHANNELS": channels, "RELU": relu, "ROWS": tile_rows, "COLUMNS": columns}
    partial = torch.empty(members, parts, 2, channels, dtype=torch.float32, device=x.device)
    shared = (x, gradient, mean, scale, weight, bias)
    _slopes[(parts, across, members)](*shared, partial, rows, PARTS=parts, PART=PART, **tile)
    sums, out = partial.sum(1), torch.empty_like(gradient)
    _backward[(triton.cdiv(rows, tile_rows), across, members)](*shared, sums, out, rows, **tile)
    return out, sums[:, 1], sums[:, 0]
