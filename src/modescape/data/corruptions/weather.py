"""Weather: snow, frost and fog."""

from __future__ import annotations

import torch
from torch import Tensor

from modescape import rng
from modescape.data.corruptions.operations import colour, luma, scale, smear, streams, texture, truncated, zoomed

FROST_DECAY = 1.6  # of the plasma whose contour lines are the crystals
FROST_SHARPNESS = 9  # power that thins the lines
FROST_COLOUR = (0.80, 0.92, 1.0)  # of a crystal at its brightest


def snow(
    x: Tensor,
    keys: Tensor,
    mean: float,
    deviation: float,
    zoom: float,
    threshold: float,
    radius: float,
    smearing: float,
    blend: float,
) -> Tensor:
    """Smeared flakes, and the same turned by 180 degrees, over an image that is drawn towards white.

    Args:
        x: images.
        keys: streams.
        mean: of the layer's normal numbers.
        deviation: of the layer's normal numbers.
        zoom: of the layer, at least 1 once scaled to the image.
        threshold: of the layer, below which there is no snow.
        radius: of the smear, pixels.
        smearing: standard deviation of the smear, pixels.
        blend: weight of the image against its whitened self.
    """
    height, width = x.shape[-2:]
    flakes, direction = streams(keys, 2)
    layer = mean + deviation * rng.normal(flakes, height * width).view(-1, 1, height, width)
    layer = zoomed(layer, max(1.0, zoom * scale(x)))
    layer = truncated(torch.where(layer < threshold, 0.0, layer)) / 255
    angle = rng.uniform(direction, 1)[:, 0] * 90 - 135
    layer = smear(layer, radius * scale(x), smearing * scale(x), angle)
    white = blend * x + (1 - blend) * torch.maximum(x, luma(x) * 1.5 + 0.5)
    return white + layer + layer.flip(-2, -1)


def frost(x: Tensor, keys: Tensor, image: float, ice: float) -> Tensor:
    """The image and a picture of frost, weighted. The pictures are ours: see `crystals`."""
    return image * x + ice * crystals(x, keys)


def crystals(x: Tensor, keys: Tensor) -> Tensor:
    """Bluish lines on a dark ground in place of the published photographs of frost, which cannot be had here.

    The contour line at one half of a plasma fractal p, thinned: (1 - |2p - 1|)^sharpness, times a colour.
    """
    line = (texture(x, keys, FROST_DECAY) * 2 - 1).abs_().neg_().add_(1)
    return line**FROST_SHARPNESS * colour(x, FROST_COLOUR)


def fog(x: Tensor, keys: Tensor, weight: float, decay: float) -> Tensor:
    """A plasma fractal is added, and the sum scaled so that the image's brightest value could stay where it was."""
    brightest = x.amax((1, 2, 3), keepdim=True)
    return (x + weight * texture(x, keys, decay)) * (brightest / (brightest + weight))
