"""Examples as a user's function gives them: a tensor, or a flat tuple or dictionary of tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modescape import recipe
from modescape.batches import FLOAT, InputShape, Leaf, mapped, taken
from modescape.types import Inputs


@dataclass(frozen=True)
class Trees:
    """Leaves [example, ...] of floating, whole or boolean numbers, given to networks as they are."""

    name: str = "tree"
    word: str = "examples"
    noun: str = "example"
    facts: tuple[str, ...] = ()

    def tensors(self, arrays: Any) -> Inputs:
        """As they lie there."""
        return mapped(lambda one: torch.from_numpy(np.ascontiguousarray(one)), arrays)

    def fit(self, train: Inputs) -> tuple[Trees, tuple[str, ...]]:
        """Nothing is learnt: the function prepares its examples."""
        return self, ()

    def shape(self, inputs: Inputs) -> InputShape:
        """Of every leaf; factories may ask for all of them as ``input_shapes``, in this order."""
        found: Any = mapped(_leaf, inputs)  # pyright: ignore[reportArgumentType] - leaves of another kind
        leaves = [found] if isinstance(found, Leaf) else list(found.values() if isinstance(found, dict) else found)
        return InputShape(found, {"input_shapes": [list(leaf.shape) for leaf in leaves]}, self.name, self.word)

    def prepare(self, data: recipe.Data, train: Inputs) -> Plain:
        """The network's floating type, nothing else."""
        return Plain()


@dataclass(frozen=True)
class Plain:
    """Floating-point leaves in the network's type, all others as they are."""

    def __call__(self, inputs: Inputs, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Inputs:
        """See `modescape.data.inputs.base.Prepare`."""
        return mapped(lambda leaf: leaf.to(dtype) if leaf.is_floating_point() else leaf, inputs)

    def pick(
        self, inputs: Inputs, index: Tensor, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32
    ) -> Inputs:
        """See `modescape.data.inputs.base.Prepare`."""
        return self(taken(inputs, index), dtype=dtype)


def _leaf(leaf: Tensor) -> Leaf:
    return Leaf(tuple(leaf.shape[1:]), FLOAT if leaf.is_floating_point() else str(leaf.dtype).removeprefix("torch."))
