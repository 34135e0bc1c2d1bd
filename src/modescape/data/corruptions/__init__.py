"""The 19 corruptions of CIFAR-10-C (Hendrycks and Dietterich 2019, arXiv 1903.12261), seeded example by example.

The severities' constants are those published for images of 32 pixels; lengths are scaled to other sizes. What differs
from the published generator is said in docs/corruptions.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modescape.data.corruptions import blur, digital, noise, operations, spatter, weather
from modescape.data.corruptions.photographs import Photographs
from modescape.errors import InputError

SEVERITIES = (1, 2, 3, 4, 5)

BLOCK = 1 << 18  # values at a time: every intermediate takes 2 MB, whatever the number of images


@dataclass(frozen=True)
class Corruption:
    """A function ``(x, keys, *constants) -> x`` on the unit range, and its constants at each severity."""

    function: Callable[..., Tensor]
    constants: tuple[tuple[float, ...], ...]  # [severity]
    extra: bool = False  # one of the four extra corruptions of the benchmark


CORRUPTIONS: dict[str, Corruption] = {
    "gaussian_noise": Corruption(noise.gaussian_noise, ((0.04,), (0.06,), (0.08,), (0.09,), (0.10,))),
    "shot_noise": Corruption(noise.shot_noise, ((500,), (250,), (100,), (75,), (50,))),
    "impulse_noise": Corruption(noise.impulse_noise, ((0.01,), (0.02,), (0.03,), (0.05,), (0.07,))),
    "defocus_blur": Corruption(blur.defocus_blur, ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))),
    "glass_blur": Corruption(blur.glass_blur, ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2))),
    "motion_blur": Corruption(blur.motion_blur, ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))),
    "zoom_blur": Corruption(blur.zoom_blur, ((1.06,), (1.11,), (1.16,), (1.21,), (1.26,))),
    "snow": Corruption(
        weather.snow,
        (
            (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
    ),
    "frost": Corruption(weather.frost, ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))),
    "fog": Corruption(weather.fog, ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))),
    "brightness": Corruption(digital.brightness, ((0.05,), (0.1,), (0.15,), (0.2,), (0.3,))),
    "contrast": Corruption(digital.contrast, ((0.75,), (0.5,), (0.4,), (0.3,), (0.15,))),
    "elastic_transform": Corruption(
        digital.elastic_transform,
        ((0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)),
    ),
    "pixelate": Corruption(digital.pixelate, ((0.95,), (0.9,), (0.85,), (0.75,), (0.65,))),
    "jpeg_compression": Corruption(digital.jpeg_compression, ((80,), (65,), (58,), (50,), (40,))),
    "speckle_noise": Corruption(noise.speckle_noise, ((0.06,), (0.1,), (0.12,), (0.16,), (0.2,)), extra=True),
    "gaussian_blur": Corruption(blur.gaussian_blur, ((0.4,), (0.6,), (0.7,), (0.8,), (1,)), extra=True),
    "spatter": Corruption(
        spatter.spatter,
        (
            (0.62, 0.1, 0.7, 0.7, 0.5, False),
            (0.65, 0.1, 0.8, 0.7, 0.5, False),
            (0.65, 0.3, 1, 0.69, 0.5, False),
            (0.65, 0.1, 0.7, 0.69, 0.6, True),
            (0.65, 0.1, 0.5, 0.68, 0.6, True),
        ),
        extra=True,
    ),
    "saturate": Corruption(digital.saturate, ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)), extra=True),
}
"""The official names, in the official order."""

NOT_MONOTONE = frozenset({"elastic_transform", "saturate", "glass_blur", "spatter", "frost"})
"""Those whose distance from the clean image does not grow with severity, by their published constants."""


def corruption(name: str) -> Corruption:
    """The corruption of this name.

    Raises:
        InputError: if there is none, with the nearest known name.
    """
    if name not in CORRUPTIONS:
        close = difflib.get_close_matches(name, CORRUPTIONS, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"choose from {', '.join(CORRUPTIONS)}"
        raise InputError(f"there is no corruption {name!r}; {hint}")
    return CORRUPTIONS[name]


def corrupt(images: Tensor, name: str, severity: int, keys: Tensor, photographs: Photographs | None = None) -> Tensor:
    """Corrupt images, each by its own stream: the result of an example depends only on its pixels and its key.

    The arithmetic is float64 on the CPU; results are clipped to 0..255 and truncated to integer levels, as published
    (pixelate and jpeg_compression round to the nearest level by themselves).

    Args:
        images: uint8 [example, channel, height, width], 1 or 3 channels, any size.
        name: one of `CORRUPTIONS`.
        severity: 1 to 5.
        keys: int64 [example], such as words of a named stream of `modescape.rng`.
        photographs: of frost, for ``frost``; None: a generated texture.

    Returns:
        uint8 of the same shape, layout in memory and device.

    Raises:
        InputError: if there is no such corruption or severity.
        ValueError: if images or keys have another type or shape.

    Source: Hendrycks and Dietterich 2019, arXiv 1903.12261, the constants of their generator for CIFAR-10-C.
    """
    chosen = corruption(name)
    if severity not in SEVERITIES:
        raise InputError(f"there is no severity {severity!r} of {name}; choose from 1, 2, 3, 4, 5")
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(
            f"images are {images.dtype} {list(images.shape)}, expected uint8 [example, channel, height, width] with 1 "
            "or 3 channels"
        )
    if keys.dtype != torch.int64 or keys.shape != images.shape[:1]:
        raise ValueError(f"keys are {keys.dtype} {list(keys.shape)}, expected int64 [{len(images)}]: one per image")
    out = torch.empty_like(images)
    if not images.numel():
        return out
    function = chosen.function if photographs is None or name != "frost" else photographs.frost
    count = max(1, BLOCK // images[0].numel())
    for target, block, own in zip(out.split(count), images.split(count), keys.split(count), strict=True):
        x = block.to("cpu", torch.float64, memory_format=torch.contiguous_format) / 255
        target.copy_(operations.truncated(function(x, own.cpu(), *chosen.constants[severity - 1])))
    return out
