"""The inputs of networks: a tensor, or a flat tuple or dictionary of tensors, all with one leading axis.

The tensors of a batch are its leaves. Floating-point leaves follow the network's type, all others stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from modescape.errors import InputError
from modescape.types import Inputs

FLOAT = "float"  # type of a leaf that follows the network's


def leaves(inputs: Inputs) -> list[Tensor]:
    """The tensors, in their order.

    >>> len(leaves({"number": torch.zeros(2, 3), "code": torch.zeros(2)}))
    2
    """
    if isinstance(inputs, dict):
        return list(inputs.values())
    return list(inputs) if isinstance(inputs, tuple) else [inputs]


def mapped(function: Callable[[Tensor], Tensor], inputs: Inputs) -> Inputs:
    """Apply a function to each leaf of the tree; leaves may be NumPy arrays as well."""
    if isinstance(inputs, dict):
        return {name: function(leaf) for name, leaf in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(function(leaf) for leaf in inputs)
    return function(inputs)


def count(inputs: Inputs) -> int:
    """Examples: the length of the leading axis."""
    return len(leaves(inputs)[0])


def device_of(inputs: Inputs) -> torch.device:
    """Where the tensors are."""
    return leaves(inputs)[0].device


def moved(inputs: Inputs, device: torch.device | str) -> Inputs:
    """The same on a device."""
    return mapped(lambda leaf: leaf.to(device), inputs)


def taken(inputs: Inputs, index: Any) -> Inputs:
    """Index the leading axes of each leaf with an integer, a slice, or an integer tensor."""
    return mapped(lambda leaf: leaf[index], inputs)


def copied(inputs: Inputs) -> Inputs:
    """Copies with the memory layout of the tensors."""
    return mapped(lambda leaf: leaf.clone(), inputs)


def joined(parts: Sequence[Inputs]) -> Inputs:
    """Concatenate trees of one structure along the leading axis; a single one is returned without a copy."""
    return _combined(torch.cat, parts) if len(parts) > 1 else parts[0]


def stacked(parts: Sequence[Inputs]) -> Inputs:
    """Stack trees of one structure and size along a new leading axis."""
    return _combined(torch.stack, parts)


def _combined(function: Callable[[list[Tensor]], Tensor], parts: Sequence[Inputs]) -> Inputs:
    first = parts[0]
    columns: Iterator[Tensor] = map(function, map(list, zip(*map(leaves, parts), strict=True)))
    if isinstance(first, Tensor):
        return next(columns)
    return dict(zip(first, columns, strict=True)) if isinstance(first, dict) else tuple(columns)


def called(module: nn.Module, inputs: Inputs) -> Any:
    """The network's output for a tensor (one argument), a tuple (positional) or a dictionary (keyword arguments)."""
    arguments, named = arguments_of(inputs)
    return module(*arguments, **named)


def arguments_of(inputs: Inputs) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """The positional and keyword arguments of a network.

    >>> arguments_of((torch.ones(1), torch.ones(2)))
    ((tensor([1.]), tensor([1., 1.])), {})
    """
    if isinstance(inputs, Tensor):
        return (inputs,), {}
    return ((), inputs) if isinstance(inputs, dict) else (inputs, {})


@dataclass(frozen=True)
class Leaf:
    """One tensor of an example: its shape and type."""

    shape: tuple[int, ...]  # without the leading axis
    dtype: str = FLOAT  # that of the network; else torch's name: "int64", "bool"

    def blank(self, examples: int, dtype: torch.dtype, device: torch.device | str = "cpu") -> Tensor:
        """Zeros; True for booleans, which as a mask leaves nothing out."""
        own = dtype if self.dtype == FLOAT else getattr(torch, self.dtype)
        fill = torch.ones if own == torch.bool else torch.zeros
        return fill((examples, *self.shape), dtype=own, device=device)


Leaves: TypeAlias = "Leaf | tuple[Leaf, ...] | dict[str, Leaf]"


@dataclass(frozen=True)
class InputShape:
    """Shapes and types of a network's inputs, and the arguments that a factory may ask for.

    >>> InputShape.image((3, 32, 32)).offered
    {'image_shape': (3, 32, 32)}
    """

    leaves: Leaves
    offered: Mapping[str, Any] = field(default_factory=dict)  # parameter of a factory -> value
    kind: str = "image"  # of inputs
    word: str = "images"  # for several examples

    @classmethod
    def image(cls, shape: Sequence[int]) -> InputShape:
        """For images (channels, height, width)."""
        sizes = tuple(shape)
        return cls(Leaf(sizes), {"image_shape": sizes})

    @classmethod
    def of(cls, shape: InputShape | Sequence[int]) -> InputShape:
        """The shape itself; integers are those of images."""
        return shape if isinstance(shape, InputShape) else cls.image(shape)

    def blank(self, examples: int, dtype: torch.dtype, device: torch.device | str = "cpu") -> Inputs:
        """A batch of examples without content."""
        found = self.leaves
        if isinstance(found, Leaf):
            return found.blank(examples, dtype, device)
        if isinstance(found, dict):
            return {name: leaf.blank(examples, dtype, device) for name, leaf in found.items()}
        return tuple(leaf.blank(examples, dtype, device) for leaf in found)

    def __str__(self) -> str:
        """The shape of an example, for messages."""
        found = self.leaves
        if isinstance(found, Leaf):
            return str(list(found.shape))
        if isinstance(found, dict):
            return ", ".join(f"{name} {list(leaf.shape)}" for name, leaf in found.items())
        return " and ".join(str(list(leaf.shape)) for leaf in found)

    def as_manifest(self) -> dict[str, Any]:
        """Entries of a study's manifest: ``image_shape`` for images, ``inputs`` for everything else."""
        if self.kind == "image":
            return {"image_shape": list(self.offered["image_shape"])}
        found = self.leaves
        listed: Any = [found] if isinstance(found, Leaf) else found
        named = listed.items() if isinstance(listed, dict) else enumerate(listed)
        return {
            "inputs": {
                "kind": self.kind,
                "word": self.word,
                "form": "tensor" if isinstance(found, Leaf) else "named" if isinstance(found, dict) else "row",
                "tensors": {str(name): {"shape": list(leaf.shape), "dtype": leaf.dtype} for name, leaf in named},
                "offered": dict(self.offered),
            }
        }

    @classmethod
    def of_manifest(cls, manifest: Mapping[str, Any]) -> InputShape:
        """The inverse of `as_manifest`.

        Raises:
            InputError: if it holds neither entry, or an invalid one.
        """
        if "inputs" not in manifest:
            return cls.image(manifest["image_shape"])
        try:
            held = manifest["inputs"]
            tensors = {name: Leaf(tuple(one["shape"]), one["dtype"]) for name, one in held["tensors"].items()}
            row = tuple(tensors.values())
            form: Leaves = {"tensor": row[0], "named": tensors, "row": row}[held["form"]]
            return cls(form, dict(held["offered"]), held["kind"], held["word"])
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise InputError(f"the manifest's inputs are wrong: {type(error).__name__} {error}") from error
