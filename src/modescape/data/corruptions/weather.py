"""Weather: snow, frost and fog."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from modescape import rng
from modescape.data.corruptions.operations import gaussian, luma, scale, smear, streams, texture, truncated, zoomed

# The authors' photographs as they use them: crops of 32 pixels of five pictures at a fifth of their size, each as
# likely as the others. 5,000 crops in levels: brightness of a crop 94 to 223 (quartiles 125, 158, 200), standard
# deviation inside one 23.5, luma's correlation with that 1, 2, 4 and 8 pixels away .34, .23, .16, .10.
FROST_BRIGHTNESS = (0.36, 0.905)  # luma of an image's frost, uniform
FROST_CONTRAST = 0.092  # standard deviation of luma inside an image
FROST_GRAIN = 0.53  # of the variance inside: independent pixels; the rest is a plasma fractal
FROST_GRAIN_SIZE = 0.14  # pixels: standard deviation of the blur of the grain, felt in larger images
FROST_DECAY = 1.1  # of the fractal
FROST_COLOURS = ((1.186, -0.181), (0.927, 0.0655), (0.887, 0.1375))  # channel = slope luma + offset: blue where dark


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
    """A texture with the brightness, contrast, grain and colours of the published photographs of frost.

    luma = b + c (sqrt(g) n + sqrt(1 - g) p), b uniform for an image, n white noise and p a plasma fractal, each with
    mean 0 and variance 1 over the image; the channels are linear in it, clipped to the unit range.

    Args:
        x: images, of which the shape counts alone.
        keys: streams.

    Returns:
        float64 of the shape of ``x``; of grey images the luma.
    """
    level, cloud, grain = streams(keys, 3)
    height, width = x.shape[-2:]
    noise = rng.normal(grain, height * width).view(-1, 1, height, width)
    noise = _standardized(gaussian(noise, FROST_GRAIN_SIZE * scale(x)))
    clouds = _standardized(texture(x, cloud, FROST_DECAY))
    low, high = FROST_BRIGHTNESS
    brightness = low + (high - low) * rng.uniform(level, 1).view(-1, 1, 1, 1)
    inside = math.sqrt(FROST_GRAIN) * noise + math.sqrt(1 - FROST_GRAIN) * clouds
    slope, offset = torch.tensor(FROST_COLOURS, dtype=x.dtype).T.reshape(2, 1, 3, 1, 1)
    coloured = (slope * (brightness + FROST_CONTRAST * inside) + offset).clamp_(0, 1)
    return coloured if x.shape[1] == 3 else luma(coloured)


def _standardized(field: Tensor) -> Tensor:
    """Mean 0 and variance 1 over each image; 0 where all is equal, as in a single pixel."""
    field = field - field.mean((-2, -1), keepdim=True)
    return field / field.square().mean((-2, -1), keepdim=True).sqrt().clamp_min(1e-9)


def fog(x: Tensor, keys: Tensor, weight: float, decay: float) -> Tensor:
    """A plasma fractal is added, and the sum scaled so that the image's brightest value could stay where it was."""
    brightest = x.amax((1, 2, 3), keepdim=True)
    return (x + weight * texture(x, keys, decay)) * (brightest / (brightest + weight))
