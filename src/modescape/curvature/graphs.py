"""Graphs of batches that stay between passes over the data, within a number of bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

MEMORY = 1 << 30  # bytes of graphs that stay unless another number is asked for


@dataclass(eq=False)
class Graphs:
    """What was prepared of the first batches, as many as fit.

    Attributes:
        memory: bytes of tensors that their graphs may hold together.
        held: of batches by their numbers.
        used: bytes so far.
        full: the next one did not fit.
    """

    memory: int
    held: dict[int, Any] = field(default_factory=dict)
    used: int = 0
    full: bool = False

    def __post_init__(self) -> None:
        self.full = self.memory <= 0

    def prepared(self, number: int, make: Callable[[], Any]) -> Any:
        """What ``make`` gives of a batch, or what it gave in an earlier pass."""
        if number in self.held or self.full:
            return self.held[number] if number in self.held else make()
        found, size = weighed(make)
        self.full = self.used + size > self.memory
        if not self.full:
            self.held[number], self.used = found, self.used + size
        return found


def weighed(make: Callable[[], Any]) -> tuple[Any, int]:
    """What a function gives, and the bytes of the tensors that autograd saved meanwhile, each memory counted once."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        return make(), sum(sizes.values())
