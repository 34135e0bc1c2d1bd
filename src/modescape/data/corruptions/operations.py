"""What several corruptions share: blurs, zooms and moves of images, random fields, colours.

Images are float64 [example, channel, height, width] in the unit range. Everything is a sum over a few taps or a gather,
never a convolution of a library, so that an example's result does not depend on its neighbours in the batch.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from modescape import rng

NATIVE = 32  # pixels: height of the images for which the constants were published
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601, as Pillow and OpenCV)
ROUNDING = 1e-6  # levels: a value this little below an integer is that integer, and lost its last bits in arithmetic
NO_WEIGHT = 1e-7  # taps below it are left out: a pixel moves by less than 1e-4 levels

Border = Literal["nearest", "reflect", "mirror"]
"""Beyond the border: a a | a b c (nearest), b a | a b c (reflect), c b | a b c (mirror)."""


def scale(x: Tensor) -> float:
    """What a length of the published constants, in pixels, is multiplied by."""
    return x.shape[-2] / NATIVE


def streams(keys: Tensor, count: int) -> tuple[Tensor, ...]:
    """``count`` independent streams of each example's, int64 [example] each."""
    return rng.words(keys, count).unbind(-1)


def truncated(x: Tensor) -> Tensor:
    """Unit range to levels 0..255 by clipping and cutting off the fraction; still floating point."""
    return (x * 255 + ROUNDING).clamp_(0, 255).floor_()


def luma(x: Tensor) -> Tensor:
    """Brightness [example, 1, height, width]; of grey images themselves."""
    if x.shape[1] == 1:
        return x
    red, green, blue = x.split(1, dim=1)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def colour(x: Tensor, rgb: tuple[float, float, float]) -> Tensor:
    """A colour for images like x, [1, channel, 1, 1]; for grey ones its luma."""
    values = rgb if x.shape[1] == 3 else (sum(part * share for part, share in zip(rgb, LUMA, strict=True)),)
    return torch.tensor(values, dtype=x.dtype).view(1, -1, 1, 1)


def inside(positions: Tensor, size: int, border: Border) -> Tensor:
    """Integer positions along an axis, those beyond it replaced by the pixel that stands for them."""
    if border == "nearest" or size == 1:
        return positions.clamp(0, size - 1)
    if border == "reflect":
        positions = positions.remainder(2 * size)
        return torch.minimum(positions, 2 * size - 1 - positions)
    positions = positions.remainder(2 * (size - 1))
    return torch.minimum(positions, 2 * (size - 1) - positions)


def padded(x: Tensor, width: int, border: Border) -> Tensor:
    """``width`` more pixels on all four sides."""
    for dim in (-2, -1):
        size = x.shape[dim]
        x = x.index_select(dim, inside(torch.arange(-width, size + width), size, border))
    return x


def gaussian(x: Tensor, deviation: float, border: Border = "nearest", reach: float = 4.0) -> Tensor:
    """Gaussian blur over height and width, cut at ``reach`` standard deviations; as scipy.ndimage.gaussian_filter.

    Args:
        x: [..., height, width].
        deviation: in pixels, above 0.
        border: beyond the border.
        reach: in standard deviations.
    """
    radius = int(reach * deviation + 0.5)
    if radius == 0:
        return x
    weights = [math.exp(-0.5 * (tap / deviation) ** 2) for tap in range(radius + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    for dim in (-2, -1):
        size = x.shape[dim]
        wide = x.index_select(dim, inside(torch.arange(-radius, size + radius), size, border))
        x = wide.narrow(dim, radius, size) * (weights[0] / total)
        for tap, weight in enumerate(weights[1:], start=1):
            pair = wide.narrow(dim, radius - tap, size) + wide.narrow(dim, radius + tap, size)
            x.add_(pair, alpha=weight / total)
    return x


def smear(x: Tensor, radius: float, deviation: float, angle: Tensor) -> Tensor:
    """Motion blur as ImageMagick's MotionBlurImage does it: half a Gaussian along a line, to whole levels.

    Pixel p becomes sum_k w_k x(p + round(k (cos a, sin a))), k = 0 .. 2 ceil(radius), w_k in proportion to
    exp(-k^2 / 2 sd^2); beyond the border stands the nearest pixel. Values are rounded to 16 bits, of which 8 are kept,
    as ImageMagick 6 does when it writes 8-bit files.

    Args:
        x: [example, channel, height, width].
        radius: pixels; only the number of taps follows from it.
        deviation: pixels.
        angle: degrees, [example].
    """
    height, width = x.shape[-2:]
    weights = [math.exp(-0.5 * (tap / deviation) ** 2) for tap in range(2 * math.ceil(radius) + 1)]
    total = sum(weights)
    across, down = torch.deg2rad(angle).cos()[:, None], torch.deg2rad(angle).sin()[:, None]
    flat, out = x.flatten(2), torch.zeros_like(x).flatten(2)
    for tap, weight in enumerate(weights):
        if weight < NO_WEIGHT * total:
            break
        rows = inside(torch.arange(height) + (tap * down - 0.5).ceil().long(), height, "nearest")
        columns = inside(torch.arange(width) + (tap * across - 0.5).ceil().long(), width, "nearest")
        index = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)
        out.add_(flat.gather(2, index[:, None].expand_as(flat)), alpha=weight / total)
    return (out * 255 + 0.5 / 257).floor_().div_(255).view_as(x)


def zoomed(x: Tensor, factor: float) -> Tensor:
    """The middle of an image enlarged to its size, linearly; as scipy.ndimage.zoom of a crop, cut to the size."""
    for dim in (-2, -1):
        size = x.shape[dim]
        crop = math.ceil(size / factor)
        length = round(crop * factor)
        if length == crop:  # the image itself
            continue
        steps = torch.arange(size, dtype=torch.float64) + (length - size) // 2
        positions = (steps * (crop - 1) / (length - 1)).clamp_(max=crop - 1) + (size - crop) // 2
        low = positions.floor()
        share = (positions - low).unsqueeze(-1) if dim == -2 else positions - low
        first = x.index_select(dim, low.long())
        x = first.lerp(x.index_select(dim, (low.long() + 1).clamp_(max=size - 1)), share.expand_as(first))
    return x


def moved(x: Tensor, rows: Tensor, columns: Tensor, border: Border) -> Tensor:
    """Pixels read at other places, between pixels bilinearly.

    Args:
        x: [example, channel, height, width].
        rows: where to read, in pixels, [example, height, width].
        columns: the same.
        border: beyond the border.
    """
    height, width = x.shape[-2:]
    flat = x.flatten(2)
    top, left = rows.floor(), columns.floor()

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = inside(row.long(), height, border) * width + inside(column.long(), width, border)
        return flat.gather(2, index.flatten(1)[:, None].expand_as(flat)).view_as(x)

    across = (columns - left)[:, None].expand_as(x)
    upper = at(top, left).lerp_(at(top, left + 1), across)
    lower = at(top + 1, left).lerp_(at(top + 1, left + 1), across)
    return upper.lerp_(lower, (rows - top)[:, None].expand_as(x))


def plasma(keys: Tensor, size: int, decay: float) -> Tensor:
    """Plasma fractals by the diamond-square method on a torus, each scaled to 0..1.

    Args:
        keys: one stream an example, int64 [example].
        size: pixels of a side; a power of two.
        decay: what the amplitude's root is divided by from each scale to the next finer; larger is smoother.

    Returns:
        float64 [example, size, size].
    """
    drawn = rng.uniform(keys, size * size).view(-1, size, size).mul_(2).sub_(1)
    field = torch.zeros_like(drawn)
    step, root = size, 100.0
    while step > 1:
        half = step // 2
        corner, middle = field[:, ::step, ::step], field[:, half::step, half::step]
        above = corner + corner.roll(-1, 1)
        middle.copy_((above + above.roll(-1, 2)) / 4 + root**2 * drawn[:, half::step, half::step])
        beside = middle + middle.roll(1, 1) + corner + corner.roll(-1, 2)
        field[:, ::step, half::step] = beside / 4 + root**2 * drawn[:, ::step, half::step]
        beside = middle + middle.roll(1, 2) + corner + corner.roll(-1, 1)
        field[:, half::step, ::step] = beside / 4 + root**2 * drawn[:, half::step, ::step]
        step, root = half, root / decay
    field -= field.amin((1, 2), keepdim=True)
    return field / field.amax((1, 2), keepdim=True).clamp_min(1e-300)  # one pixel alone is 0


def texture(x: Tensor, keys: Tensor, decay: float) -> Tensor:
    """A plasma fractal for each image, [example, 1, height, width]: of the next power of two, cut to the size."""
    height, width = x.shape[-2:]
    size = 1 << (max(height, width) - 1).bit_length()
    return plasma(keys, size, decay)[:, None, :height, :width]
