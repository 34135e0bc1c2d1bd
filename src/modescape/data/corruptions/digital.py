"""Digital changes: brightness, contrast, saturation, elastic transform, pixels and JPEG."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import Tensor

from modescape import rng
from modescape.data.corruptions.operations import gaussian, moved, streams


def brightness(x: Tensor, keys: Tensor, amount: float) -> Tensor:
    """``amount`` is added to V of HSV: hue and saturation stay, so all channels grow by one factor."""
    value = x.amax(1, keepdim=True)
    brighter = (value + amount).clamp_(max=1)
    return torch.where(value > 0, x * (brighter / value.clamp_min(1e-300)), brighter)  # black has no hue: grey


def saturate(x: Tensor, keys: Tensor, factor: float, amount: float) -> Tensor:
    """S of HSV times ``factor`` plus ``amount``; grey pixels of a colour image have hue 0, red, as published.

    Grey images (one channel) stay as they are.
    """
    if x.shape[1] == 1:
        return x
    value, least = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    saturation = (value - least) / value.clamp_min(1e-300)
    wanted = (saturation * factor + amount).clamp_(0, 1)
    grey = saturation == 0
    red = torch.tensor([0.0, 1.0, 1.0], dtype=x.dtype).view(1, 3, 1, 1) * value  # V - channel, of a pure red
    below = torch.where(grey, red, (value - x) / saturation.clamp_min(1e-300))
    return value - below * wanted


def contrast(x: Tensor, keys: Tensor, factor: float) -> Tensor:
    """Scaled around the mean of each image and channel."""
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) * factor + mean


def elastic_transform(x: Tensor, keys: Tensor, displacement: float, smoothness: float, jitter: float) -> Tensor:
    """A random affine map, then random displacements smoothed by a Gaussian; all lengths in units of the height.

    The affine map takes three corners of a square in the middle, each moved by up to ``jitter``; it is read bilinearly
    with a mirrored border, and the displacements again so with a reflected one.
    """
    height, width = x.shape[-2:]
    corners, field = streams(keys, 2)
    rows = torch.arange(height, dtype=x.dtype)[:, None].expand(height, width)
    columns = torch.arange(width, dtype=x.dtype).expand(height, width)
    x = moved(x, *_affine(corners, height, width, jitter * height, rows, columns), border="mirror")
    if displacement == 0:
        return x
    drawn = rng.uniform(field, 2 * height * width).view(-1, 2, height, width) * 2 - 1
    down, across = (gaussian(drawn, smoothness * height, "reflect", reach=3) * (displacement * height)).unbind(1)
    return moved(x, rows + down, columns + across, border="reflect")


def _affine(
    keys: Tensor, height: int, width: int, jitter: float, rows: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor]:
    """Rows and columns that an affine map takes to (rows, columns), [example, height, width] each.

    With h = (height // 2, width // 2) the middle and s a third of the side, the points h + (s, s), h + (-s, s) and
    h - (s, s) of (row, column) go to themselves plus a jitter in each coordinate.
    """
    side = max(1, min(height, width) // 3)
    shift = (rng.uniform(keys, 6).view(-1, 3, 2) * 2 - 1) * jitter  # [example, corner, (row, column)]
    by_row = (shift[:, 0] - shift[:, 1]) / (2 * side)  # the linear part is the identity plus these two columns
    by_column = (shift[:, 1] - shift[:, 2]) / (2 * side)
    # the corners' half-way point between first and last is the middle
    centre = (shift[:, 0] + shift[:, 2]) / 2 + torch.tensor([height // 2, width // 2], dtype=shift.dtype)
    a, c = (1 + by_row[:, 0])[:, None, None], by_row[:, 1][:, None, None]
    b, d = by_column[:, 0][:, None, None], (1 + by_column[:, 1])[:, None, None]
    down, across = rows - centre[:, 0][:, None, None], columns - centre[:, 1][:, None, None]
    determinant = a * d - b * c
    return (
        (d * down - b * across) / determinant + height // 2,
        (a * across - c * down) / determinant + width // 2,
    )


def pixelate(x: Tensor, keys: Tensor, factor: float) -> Tensor:
    """Resized to int(factor height) and back by Pillow's box filter, rounding to whole levels after each pass."""
    height, width = x.shape[-2:]
    levels = (x * 255).round_()
    for small in (True, False):
        for dim, size in ((-1, width), (-2, height)):
            levels = _box(levels, dim, max(1, int(size * factor)) if small else size)
    return levels / 255


def _box(levels: Tensor, dim: int, size: int) -> Tensor:
    """One axis resized: each new pixel is the mean of the old ones whose centres lie under it, or the nearest one."""
    before = levels.shape[dim]
    ratio = before / size
    half = max(ratio, 1) / 2
    centre = (np.arange(size) + 0.5) * ratio
    first = np.maximum((centre - half + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + half + 0.5).astype(np.int64), before)
    taps = first[:, None] + np.arange((last - first).max())
    offset = (taps - centre[:, None] + 0.5) / (2 * half)
    covered = (taps < last[:, None]) & (offset > -0.5) & (offset <= 0.5)
    weights = torch.from_numpy(covered / covered.sum(1, keepdims=True))
    out = torch.zeros(())
    for tap, weight in zip(taps.T, weights.T, strict=True):
        part = levels.index_select(dim, torch.from_numpy(tap.clip(max=before - 1)))
        out = out + part * (weight[:, None] if dim == -2 else weight)
    return (out + (0.5 + 1e-6)).floor_()


def jpeg_compression(x: Tensor, keys: Tensor, quality: int) -> Tensor:
    """Through Pillow's JPEG at this quality, colours at half the resolution as by its default.

    Grey images go through it one below another, each filled up to whole blocks of 8 rows by its last one, as JPEG does
    itself: blocks know nothing of each other, and a picture of their own costs 0.1 ms an image. Colours do: their
    resolution is raised again across rows.
    """
    last = (x * 255).round_().to(torch.uint8).movedim(1, -1).contiguous().numpy()
    if last.shape[-1] == 3:
        out = np.stack([_through_jpeg(pixels, quality) for pixels in last])
    else:
        count, height, width, _ = last.shape
        rows = -height % JPEG_BLOCK + height
        filled = np.pad(last[..., 0], ((0, 0), (0, rows - height), (0, 0)), mode="edge")
        most = max(1, JPEG_ROWS // rows)
        pictures = [filled[first : first + most].reshape(-1, width) for first in range(0, count, most)]
        whole = np.concatenate([_through_jpeg(picture, quality) for picture in pictures])
        out = whole.reshape(count, rows, width, 1)[:, :height]
    return torch.from_numpy(out).movedim(-1, 1).to(x.dtype) / 255


JPEG_BLOCK = 8  # pixels
JPEG_ROWS = 65_000  # of a picture; JPEG has room for 65,535


def _through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """One picture, uint8 [height, width, 3] or [height, width]."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer, formats=("JPEG",)) as image:
        return np.asarray(image).reshape(pixels.shape)
