"""Batches as users have them: passes over a list, a DataLoader or a function that returns an iterator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modescape import batches as trees
from modescape.errors import InputError
from modescape.types import Inputs

TARGETS = ("labels", "label", "targets", "target")  # keys of the targets in a batch that is a dictionary

Batches = Iterable[Any] | Callable[[], Iterable[Any]]
"""What can be iterated over more than once: a list of batches, a DataLoader, or a function that returns an iterator."""


@dataclass(frozen=True)
class Batch:
    """Inputs of one call of the network, with their targets."""

    inputs: Inputs
    target: Any
    examples: int  # length of the leading axis


@dataclass(frozen=True)
class Source:
    """The data, on one device, iterated over as often as needed.

    Attributes:
        batches: as they were given; a list is moved to the device once, anything else is moved again in every pass.
        device: where networks run.
        dtype: of the network; floating-point inputs and targets follow it.
        unpack: batch -> (inputs, target); default: a pair, or a dictionary with one of the keys `TARGETS`.
    """

    batches: Batches
    device: torch.device
    dtype: torch.dtype
    unpack: Callable[[Any], tuple[Any, Any]] | None = None

    @classmethod
    def of(
        cls,
        batches: Batches,
        device: torch.device,
        dtype: torch.dtype,
        unpack: Callable[[Any], tuple[Any, Any]] | None = None,
    ) -> Source:
        """Make one from batches as a user has them; two tensors are one batch.

        Raises:
            InputError: if they can be iterated over only once, or are not batches.
        """
        if isinstance(batches, Iterator):
            raise InputError(
                f"batches are a {type(batches).__name__}, which can be gone through once; give a list of batches, a "
                "DataLoader, or a function that makes a generator"
            )
        if not isinstance(batches, Iterable) and not callable(batches):
            raise InputError(f"batches are {type(batches).__name__}, expected a list of (inputs, target), a DataLoader")
        source = cls(batches, device, dtype, unpack)
        if isinstance(batches, Sequence):
            whole = len(batches) == 2 and all(isinstance(part, Tensor | np.ndarray) for part in batches)
            return cls([source.taken(batch) for batch in ([batches] if whole else batches)], device, dtype, unpack)
        return source

    @property
    def resident(self) -> bool:
        """Whether every pass goes through the same tensors in the same order."""
        return isinstance(self.batches, list)

    def __iter__(self) -> Iterator[Batch]:
        begun = self.batches() if not isinstance(self.batches, Iterable) else self.batches
        empty = True
        for batch in begun:
            empty = False
            yield batch if isinstance(batch, Batch) else self.taken(batch)
        if empty:
            raise InputError(
                "there are no batches in a pass over the data; a function has to make a new generator at every call"
            )

    def taken(self, batch: Any) -> Batch:
        """One batch on the device.

        Raises:
            InputError: if its structure is unknown, or inputs and targets differ in length.
        """
        inputs, target = (self.unpack or _unpacked)(batch)
        if isinstance(inputs, list):
            inputs = tuple(inputs)
        inputs, target = trees.mapped(self._placed, inputs), self._target(target)
        if not isinstance(trees.leaves(inputs)[0], Tensor):
            raise InputError(f"inputs are {type(inputs).__name__}, expected tensors; say unpack=...")
        examples = trees.count(inputs)
        if isinstance(target, Tensor) and target.dim() and len(target) != examples:
            raise InputError(f"a batch has {examples} inputs and {len(target)} targets")
        return Batch(inputs, target, examples)

    def _placed(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor | np.ndarray):
            return leaf
        tensor = torch.as_tensor(leaf)
        return tensor.to(self.device, self.dtype if tensor.is_floating_point() else tensor.dtype)

    def _target(self, target: Any) -> Any:
        if isinstance(target, dict):
            return {name: self._target(part) for name, part in target.items()}
        return tuple(map(self._target, target)) if isinstance(target, tuple | list) else self._placed(target)


@dataclass(frozen=True)
class Pieces:
    """How batches are split and laid out in memory, which affects nothing but time.

    ResNet20 on 500 images, one thread: .94 s as one batch, .66 s in pieces of 125, .52 s with channels last as well.

    Attributes:
        examples: per piece; None: batches stay whole.
        channels_last: use torch's channels-last layout.
    """

    examples: int | None = None
    channels_last: bool = False

    def of(self, batch: Batch) -> Iterator[Batch]:
        """The pieces of a batch."""
        size, target = self.examples, batch.target
        if size is None or batch.examples <= size or not isinstance(target, Tensor) or not target.dim():
            yield self.laid(batch)
            return
        for start in range(0, batch.examples, size):
            own = slice(start, min(start + size, batch.examples))
            yield self.laid(Batch(trees.taken(batch.inputs, own), target[own], own.stop - own.start))

    def laid(self, batch: Batch) -> Batch:
        """A whole batch in the chosen layout."""
        if not self.channels_last:
            return batch
        return Batch(trees.mapped(_pixel_by_pixel, batch.inputs), batch.target, batch.examples)


WHOLE = Pieces()
"""Batches as they come."""


def _pixel_by_pixel(leaf: Tensor) -> Tensor:
    return leaf.contiguous(memory_format=torch.channels_last) if leaf.dim() == 4 else leaf


def _unpacked(batch: Any) -> tuple[Any, Any]:
    """Inputs and target of a pair, or of a dictionary whose target has one of the usual names."""
    if isinstance(batch, Mapping):
        name = next((name for name in TARGETS if name in batch), None)
        if name is None:
            raise InputError(f"a batch has the keys {', '.join(map(str, batch))}; expected 'labels', or say unpack=...")
        return {key: value for key, value in batch.items() if key != name}, batch[name]
    if isinstance(batch, tuple | list) and len(batch) == 2:
        return batch[0], batch[1]
    got = f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__
    raise InputError(f"a batch is {got}, expected a pair (inputs, target) or a dictionary; say unpack=...")
