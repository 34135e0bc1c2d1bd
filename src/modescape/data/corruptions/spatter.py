"""Spatter: drops of water with a lit rim, or mud."""

from __future__ import annotations

import torch
from torch import Tensor

from modescape import rng
from modescape.data.corruptions.operations import colour, gaussian, padded, scale, truncated

WATER = (175 / 255, 238 / 255, 238 / 255)  # pale turquoise
MUD = (63 / 255, 42 / 255, 20 / 255)  # brown
FARTHEST = 20  # pixels: a larger distance from a drop's rim counts as this, at every size of image
LOW, HIGH = 50, 150  # Canny's thresholds, in levels of the summed Sobel gradients
SLOPE = 13_573 / 32_768  # tan(22.5 degrees), rounded as OpenCV does
MOVES = {  # rows and columns of a step: its length, to 16 bits behind the point (Borgefors 1986)
    (row, column): {1: 1.0, 2: 91_750 / 65_536, 5: 143_976 / 65_536}[row**2 + column**2]
    for row in range(-2, 3)
    for column in range(-2, 3)
    if row**2 + column**2 in (1, 2, 5)
}
EMBOSS = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))


def spatter(
    x: Tensor, keys: Tensor, mean: float, deviation: float, blur: float, threshold: float, weight: float, mud: bool
) -> Tensor:
    """A blurred layer of normal numbers is liquid where it exceeds a threshold.

    Args:
        x: images.
        keys: streams.
        mean: of the layer.
        deviation: of the layer, before the blur.
        blur: standard deviation in pixels.
        threshold: of the layer.
        weight: water: of its colour; mud: standard deviation in pixels of the blur of the drops.
        mud: whether it is mud.
    """
    height, width = x.shape[-2:]
    layer = mean + deviation * rng.normal(keys, height * width).view(-1, height, width)
    layer = gaussian(layer, blur * scale(x))
    if mud:
        cover = gaussian((layer > threshold).to(x.dtype), weight * scale(x))[:, None]
        cover = torch.where(cover < 0.8, 0.0, cover)
        return x * (1 - cover) + colour(x, MUD) * cover
    levels = truncated(torch.where(layer < threshold, 0.0, layer))  # OpenCV would wrap above 1, 4 deviations away
    light = levels * relief(distance(edges(levels)))
    light = light / light.amax((1, 2), keepdim=True).clamp_min(1e-300)  # no drop: no light
    return x + weight * light[:, None] * colour(x, WATER)


def edges(levels: Tensor) -> Tensor:
    """Canny's edges as OpenCV finds them with Sobel kernels of 3x3 and the sum of absolute gradients.

    Args:
        levels: whole numbers 0..255, [example, height, width].

    Returns:
        bool, the same shape.
    """
    down, across = _sobel(levels)
    size = down.abs() + across.abs()
    steep, flat = down.abs() > across.abs() * (SLOPE + 2), down.abs() < across.abs() * SLOPE
    around = torch.nn.functional.pad(size, (1, 1, 1, 1))
    height, width = levels.shape[1:]

    def beside(row: int, column: int) -> Tensor:
        return around[:, 1 + row : 1 + row + height, 1 + column : 1 + column + width]

    opposed = (across < 0) != (down < 0)
    first = torch.where(opposed, beside(-1, 1), beside(-1, -1))
    second = torch.where(opposed, beside(1, -1), beside(1, 1))
    ridge = (size > first) & (size > second)
    ridge = torch.where(steep, (size > beside(-1, 0)) & (size >= beside(1, 0)), ridge)
    ridge = torch.where(flat, (size > beside(0, -1)) & (size >= beside(0, 1)), ridge)
    weak = ridge & (size > LOW)
    found = ridge & (size > HIGH)
    while True:  # weak ones that touch what is found are found, and so on
        grown = weak & (torch.nn.functional.max_pool2d(found.float()[:, None], 3, 1, 1)[:, 0] > 0)
        if torch.equal(grown, found):
            return found
        found = grown


def _sobel(levels: Tensor) -> tuple[Tensor, Tensor]:
    """Differences downwards and across, weighted 1, 2, 1 beside their direction."""
    wide = padded(levels, 1, "nearest")
    rows = wide[:, 2:] - wide[:, :-2]
    columns = wide[:, :, 2:] - wide[:, :, :-2]
    down = rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]
    across = columns[:, :-2] + 2 * columns[:, 1:-1] + columns[:, 2:]
    return down, across


def distance(edge: Tensor) -> Tensor:
    """Length of the shortest path to the nearest edge in `MOVES`, at most `FARTHEST`: OpenCV's distance of mask 5.

    Args:
        edge: bool [example, height, width].

    Returns:
        float64, the same shape; `FARTHEST` everywhere where there is no edge.
    """
    height, width = edge.shape[1:]
    found = torch.where(edge, 0.0, float(FARTHEST)).double()
    while True:  # until no path gets shorter
        wide = torch.nn.functional.pad(found, (2, 2, 2, 2), value=float(FARTHEST))
        shorter = found.clone()
        for (row, column), cost in MOVES.items():
            beside = wide[:, 2 + row : 2 + row + height, 2 + column : 2 + column + width]
            torch.minimum(shorter, beside + cost, out=shorter)
        if torch.equal(shorter, found):
            return found
        found = shorter


def relief(distances: Tensor) -> Tensor:
    """Levels of light for distances: blurred, equalised, embossed and blurred again, in 8 bits as OpenCV does."""
    levels = (_mean_of_nine(distances) + 1e-6).floor_()
    levels = _equalised(levels)
    wide, (height, width) = padded(levels, 1, "mirror"), levels.shape[1:]
    embossed = torch.zeros_like(levels)
    for row, weights in enumerate(EMBOSS):
        for column, weight in enumerate(weights):
            embossed.add_(wide[:, row : row + height, column : column + width], alpha=weight)
    return _mean_of_nine(embossed.clamp_(0, 255)).round_()


def _mean_of_nine(x: Tensor) -> Tensor:
    wide = padded(x, 1, "mirror")
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    return (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9


def _equalised(levels: Tensor) -> Tensor:
    """Histogram equalisation: the least level becomes 0, the largest 255; an image of one level keeps it."""
    steps = torch.arange(FARTHEST + 1, dtype=levels.dtype)
    at_most = torch.stack([(levels <= step).sum((1, 2)) for step in steps], 1).double()  # [example, level]
    lowest = levels.amin((1, 2)).long()[:, None]
    least, total = at_most.gather(1, lowest), levels[0].numel()
    table = ((at_most - least) * (255 / (total - least).clamp_min(1))).round_()
    table = torch.where(least == total, steps, table)
    return table.gather(1, levels.long().flatten(1)).view_as(levels)
