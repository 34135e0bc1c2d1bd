"""What each corruption does to images of one kind: on small or grey ones, nothing comes of some."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from modescape.data.corruptions import SEVERITIES
from modescape.plain import ranges

LEAST_SHARE = 1e-3  # of the values have to change by more than ROUNDED, or a corruption has no effect
ROUNDED = 1  # level that a value loses by rounding alone, as corrupted images are cut off to whole levels
VALUES = 1 << 18  # that the effect is measured on: 85 colour images of 32 pixels, 1.8 s for all corruptions
LEAST_IMAGES = 16  # whatever their size: one picture alone may be grey or blurred already


@dataclass(frozen=True)
class Effect:
    """How much corruptions change some images, [corruption, severity] from severity 1 on."""

    corruptions: tuple[str, ...]
    change: np.ndarray  # mean absolute change, levels of 255
    share: np.ndarray  # of the values that change by more than one level
    images: int  # that this was measured on

    @property
    def there(self) -> np.ndarray:
        """Whether a corruption has an effect: at least `LEAST_SHARE` of the values change by more than a level."""
        return self.share >= LEAST_SHARE

    @property
    def lasting(self) -> list[str]:
        """The corruptions that have an effect at every severity."""
        return [name for name, there in zip(self.corruptions, self.there, strict=True) if there.all()]

    def lacking(self) -> str:
        """The others, with the severities at which nothing comes of them: "saturate (1-5), zoom_blur (1)"."""
        return ", ".join(
            f"{name} ({ranges([severity for severity, one in zip(SEVERITIES, there, strict=True) if not one])})"
            for name, there in zip(self.corruptions, self.there, strict=True)
            if not there.all()
        )


def effect_of(
    corrupted: Callable[[str, int, Tensor], Tensor], clean: Tensor, corruptions: Sequence[str], order: Tensor
) -> Effect:
    """Measure the effect of corruptions, all on the same images.

    Args:
        corrupted: (corruption, severity, increasing numbers of images) -> these images under it.
        clean: all images, uint8 [example, channel, height, width].
        corruptions: names.
        order: of the images, int64; as many of them, from the first on, as hold `VALUES` values are looked at, and
            `LEAST_IMAGES` at least.
    """
    index = order[: max(LEAST_IMAGES, VALUES // max(1, clean[0].numel()))].sort().values
    images = clean[index].cpu().short()
    change, share = np.zeros((2, len(corruptions), len(SEVERITIES)))
    for row, name in enumerate(corruptions):
        for column, severity in enumerate(SEVERITIES):
            moved = (corrupted(name, severity, index).short() - images).abs()
            change[row, column] = moved.double().mean()
            share[row, column] = (moved > ROUNDED).double().mean()
    return Effect(tuple(corruptions), change, share, len(index))
