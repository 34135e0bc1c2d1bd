"""Images: uint8, augmented and scaled on the device."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from modescape import recipe
from modescape.batches import InputShape
from modescape.data.prepare import Preparation
from modescape.types import Inputs


@dataclass(frozen=True)
class Images:
    """uint8 [example, channel, height, width]."""

    name: str = "image"
    word: str = "images"

    def shape(self, inputs: Inputs) -> InputShape:
        """Channels, height, width."""
        assert isinstance(inputs, Tensor)
        return InputShape.image(inputs.shape[1:])

    def prepare(self, data: recipe.Data, train: Inputs) -> Preparation:
        """Scaling and augmentation."""
        assert isinstance(train, Tensor)
        return Preparation.of(data, train)


IMAGES = Images()
