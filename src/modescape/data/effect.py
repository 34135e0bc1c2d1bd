"""How much each corruption changes given examples: some have no effect on small or grey images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from modescape.data.corruptions import SEVERITIES
from modescape.data.inputs.base import Change
from modescape.plain import ranges

LEAST_SHARE = 1e-3  # share of values that must change by more than ROUNDED for a corruption to have an effect
ROUNDED = 1  # levels that a value may lose by rounding alone, as corrupted images are truncated
VALUES = 1 << 18  # on which the effect is measured: 85 colour images of 32 pixels, 1.8 s for all corruptions
LEAST_IMAGES = 16  # of any size: a single picture may happen to be grey or blurred


@dataclass(frozen=True)
class Effect:
    """How much corruptions change some examples, [corruption, severity] from severity 1 on."""

    corruptions: tuple[str, ...]
    change: np.ndarray  # mean absolute change, in ``unit``
    share: np.ndarray  # of the values that change; of images by more than one level
    images: int  # examples that this was measured on
    unit: str = "levels of 255"

    @property
    def there(self) -> np.ndarray:
        """Whether a corruption has an effect: at least `LEAST_SHARE` of the values change."""
        return self.share >= LEAST_SHARE

    @property
    def lasting(self) -> list[str]:
        """The corruptions that have an effect at every severity."""
        return [name for name, there in zip(self.corruptions, self.there, strict=True) if there.all()]

    def lacking(self) -> str:
        """The others, with the severities at which they have no effect: "saturate (1-5), zoom_blur (1)"."""
        return ", ".join(
            f"{name} ({ranges([severity for severity, one in zip(SEVERITIES, there, strict=True) if not one])})"
            for name, there in zip(self.corruptions, self.there, strict=True)
            if not there.all()
        )


def change_of_images(clean: Tensor, corrupted: Tensor) -> Change:
    """How much images are changed, in levels; rounding alone is not counted."""
    moved = (corrupted.short() - clean.cpu().short()).abs()
    return Change(float(moved.double().mean()), float((moved > ROUNDED).double().mean()))


def effect_of(
    change: Callable[[str, int, Tensor], Change], corruptions: Sequence[str], order: Tensor, values: int, unit: str
) -> Effect:
    """Measure the effect of corruptions, all on the same examples.

    Args:
        change: (corruption, severity, increasing numbers of examples) -> how much it changes them.
        corruptions: names.
        order: indices of examples, int64; as many of them, from the first on, as hold `VALUES` values are used, but at
            least `LEAST_IMAGES`.
        values: of an example.
        unit: of the mean change.
    """
    index = order[: max(LEAST_IMAGES, VALUES // max(1, values))].sort().values
    found = np.array([[change(name, severity, index) for severity in SEVERITIES] for name in corruptions])
    mean, share = found.reshape(len(corruptions), len(SEVERITIES), 2).transpose(2, 0, 1)
    return Effect(tuple(corruptions), mean, share, len(index), unit)
