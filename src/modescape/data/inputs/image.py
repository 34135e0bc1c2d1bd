"""Images: uint8, augmented and scaled on the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modescape import recipe
from modescape.batches import InputShape
from modescape.data.inputs.base import Unlike
from modescape.data.prepare import Preparation
from modescape.errors import InputError
from modescape.types import Inputs


@dataclass(frozen=True)
class Images:
    """uint8 [example, channel, height, width]."""

    name: str = "image"
    word: str = "images"
    noun: str = "picture"
    facts: tuple[str, ...] = ()
    shifts: None = None
    unlike: Mapping[str, Unlike] = field(default_factory=dict[str, Unlike], compare=False)

    def tensors(self, arrays: Any) -> Tensor:
        """Channels lie last in memory."""
        last = np.ascontiguousarray(arrays.transpose(0, 2, 3, 1))
        return torch.from_numpy(last).movedim(-1, 1)

    def fit(self, train: Inputs) -> tuple[Images, tuple[str, ...]]:
        """Refuse images that are all equal, from which a network could only learn the most common label."""
        assert isinstance(train, Tensor)
        if len(train) > 1 and all(torch.equal(other, train[0]) for other in train):
            raise InputError(
                f"all {len(train):,} training pictures are the same once decoded; look at two of them. If they are "
                "drawings on a transparent background, give the background another colour: "
                "--set data.background=black"
            )
        return self, ()

    def shape(self, inputs: Inputs) -> InputShape:
        """Channels, height, width."""
        assert isinstance(inputs, Tensor)
        return InputShape.image(inputs.shape[1:])

    def prepare(self, data: recipe.Data, train: Inputs) -> Preparation:
        """Scaling and augmentation."""
        assert isinstance(train, Tensor)
        return Preparation.of(data, train)


IMAGES = Images()
