"""Examples as a user's function gives them: a tensor, or a flat tuple or dictionary of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modescape import recipe, rng
from modescape.batches import FLOAT, InputShape, Leaf, leaves, mapped, taken
from modescape.data.inputs.base import Change, Corruption, Shifts, Unlike, nothing_selected
from modescape.types import Inputs


@dataclass(frozen=True)
class Trees:
    """Leaves [example, ...] of floating, whole or boolean numbers, given to networks as they are."""

    name: str = "tree"
    word: str = "examples"
    noun: str = "example"
    facts: tuple[str, ...] = ()
    spread: tuple[Tensor, ...] = field(default=(), repr=False, compare=False)
    """Standard deviations of the training examples, float64 [...] of each floating leaf, place by place."""

    def tensors(self, arrays: Any) -> Inputs:
        """As they lie there."""
        return mapped(lambda one: torch.from_numpy(np.ascontiguousarray(one)), arrays)

    def fit(self, train: Inputs) -> tuple[Trees, tuple[str, ...]]:
        """How far floating leaves spread; the function prepares its examples, so that they are given as they are."""
        spread = tuple(leaf.double().std(0, correction=0) for leaf in leaves(train) if leaf.is_floating_point())
        return replace(self, spread=spread), ()

    def shape(self, inputs: Inputs) -> InputShape:
        """Of every leaf; factories may ask for all of them as ``input_shapes``, in this order."""
        found: Any = mapped(_leaf, inputs)  # pyright: ignore[reportArgumentType] - leaves of another kind
        leaves = [found] if isinstance(found, Leaf) else list(found.values() if isinstance(found, dict) else found)
        return InputShape(found, {"input_shapes": [list(leaf.shape) for leaf in leaves]}, self.name, self.word)

    @property
    def shifts(self) -> Shifts:
        """Noise on floating leaves."""
        return TREE_SHIFTS

    @property
    def unlike(self) -> Mapping[str, Unlike]:
        """Leaves shuffled by themselves."""
        return TREES_UNLIKE

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


NOISE = (0.1, 0.2, 0.4, 0.8, 1.6)  # standard deviations of a place's training examples
SAME = 1e-6  # of one, below which a number did not change


def _noise(kind: Trees, inputs: Inputs, severity: int, keys: Tensor) -> Inputs:
    spread, streams = iter(kind.spread), iter(rng.words(keys, max(1, len(kind.spread))).unbind(-1))

    def noisy(leaf: Tensor) -> Tensor:
        if not leaf.is_floating_point():
            return leaf
        drawn = rng.normal(next(streams), leaf[0].numel()).view(leaf.shape).to(leaf.device)
        return leaf + (NOISE[severity - 1] * next(spread).to(leaf.device) * drawn).to(leaf.dtype)

    return mapped(noisy, inputs)


def _measure(kind: Trees, clean: Inputs, changed: Inputs) -> Change:
    """Mean absolute change of numbers of floating leaves, and the share of all numbers that change."""
    spread, apart, moved = iter(kind.spread), [], []
    for before, after in zip(leaves(clean), leaves(changed), strict=True):
        if before.is_floating_point():
            own = next(spread).to(before.device)
            apart.append(((after - before).double() / torch.where(own > 0, own, 1.0)).abs().flatten())
            moved.append(apart[-1] > SAME)
        else:
            moved.append((after != before).flatten())
    mean = float(torch.cat(apart).mean()) if apart else 0.0
    return Change(mean, float(torch.cat(moved).double().mean()))


def _permuted(kind: Trees, inputs: Inputs, seed: int) -> Inputs:
    """Each place of each leaf in an order of examples of its own."""
    numbers = iter(range(len(leaves(inputs))))

    def shuffled(leaf: Tensor) -> Tensor:
        flat, number = leaf.flatten(1) if leaf.dim() > 1 else leaf[:, None], next(numbers)
        keys = rng.words(torch.tensor(rng.key(seed, "permuted leaf", number)), flat.shape[1])
        return flat.gather(0, rng.permutation(keys, len(flat)).T.to(flat.device)).view(leaf.shape)

    return mapped(shuffled, inputs)


TREE_SHIFTS = Shifts(
    corruptions={
        "noise": Corruption(
            f"Gaussian noise of {', '.join(f'{one:g}' for one in NOISE)} training standard deviations added to all "
            "floating-point numbers",
            _noise,
        )
    },
    measure=_measure,
    unit="training standard deviations",
    select=nothing_selected,
)
TREES_UNLIKE = {"permuted": Unlike("the test examples with each number shuffled by itself", _permuted)}


def _leaf(leaf: Tensor) -> Leaf:
    return Leaf(tuple(leaf.shape[1:]), FLOAT if leaf.is_floating_point() else str(leaf.dtype).removeprefix("torch."))
