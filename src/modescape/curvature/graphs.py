"""Autograd graphs of batches that are kept between passes over the data, within a memory limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

MEMORY = 1 << 30  # bytes of graphs that are kept by default


@dataclass(eq=False)
class Graphs:
    """What was prepared for the first batches, as many as fit.

    Attributes:
        memory: limit on the bytes of all tensors in the graphs.
        held: number of the batch -> what was prepared.
        used: bytes held so far.
        full: whether a batch did not fit.
    """

    memory: int
    held: dict[int, Any] = field(default_factory=dict)
    used: int = 0
    full: bool = False

    def __post_init__(self) -> None:
        self.full = self.memory <= 0

    def prepared(self, number: int, make: Callable[[], Any]) -> Any:
        """The result of ``make`` for a batch, from an earlier pass if it was kept."""
        if number in self.held or self.full:
            return self.held[number] if number in self.held else make()
        found, size = weighed(make)
        self.full = self.used + size > self.memory
        if not self.full:
            self.held[number], self.used = found, self.used + size
        return found


def weighed(make: Callable[[], Any]) -> tuple[Any, int]:
    """A function's result, and the bytes of the tensors that autograd saved meanwhile, each storage counted once."""
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        return make(), sum(sizes.values())
