"""What every kind of inputs says of its examples."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from modescape import recipe
from modescape.batches import InputShape
from modescape.types import Inputs


class Prepare(Protocol):
    """From the examples of a split to what a network is called with, on their device."""

    def __call__(self, inputs: Inputs, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Inputs:
        """Prepare examples.

        Args:
            inputs: leaves [..., example, ...]; with keys [member, example, ...].
            keys: augmentation keys of this step, int64 [member]; None: no augmentation.
            dtype: of the leaves that are floating-point.
        """
        ...

    def pick(
        self, inputs: Inputs, index: Tensor, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32
    ) -> Inputs:
        """The examples of a batch, prepared: ``self(inputs[index], keys)``.

        Args:
            inputs: of a split, leaves [example, ...].
            index: which of them, int64 [member, example].
            keys: augmentation keys of this step, int64 [member]; None: no augmentation.
            dtype: of the leaves that are floating-point.

        Returns:
            leaves [member, example, ...].
        """
        ...


class InputKind(Protocol):
    """A kind of inputs: a frozen object that splits carry."""

    @property
    def name(self) -> str:
        """As ``data.inputs`` names it."""
        ...

    @property
    def word(self) -> str:
        """For several examples: "images"."""
        ...

    @property
    def noun(self) -> str:
        """For one example where it is read: "picture"."""
        ...

    @property
    def facts(self) -> Any:
        """What the arrays mean, as plain values of JSON: names of columns, say. Part of the data's fingerprint."""
        ...

    def tensors(self, arrays: Any) -> Inputs:
        """Arrays of a source, [example, ...], as tensors that lie in memory as networks take them."""
        ...

    def fit(self, train: Inputs) -> tuple[InputKind, tuple[str, ...]]:
        """The kind with what is learnt from the examples that are trained on, and sentences about it.

        Raises:
            InputError: if nothing could be learnt from these examples.
        """
        ...

    def shape(self, inputs: Inputs) -> InputShape:
        """What a network is called with for one of these examples."""
        ...

    def prepare(self, data: recipe.Data, train: Inputs) -> Prepare:
        """The preparation a recipe asks for, with the statistics of the examples that are trained on."""
        ...
