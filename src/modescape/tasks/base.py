"""The interface of a task: what is stored of a prediction, and what training and evaluation need."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Field:
    """An array of a store of predictions."""

    name: str
    units: str
    long_name: str


@dataclass(frozen=True)
class Stored:
    """The arrays stored per model and example, in the order they are written; the last one is created last."""

    fields: tuple[Field, ...]  # float32 [model, example, axis] each; side by side they are a model's prediction
    axis: str  # name of their last dimension
    target: Field  # of the examples
    target_kind: str  # "int64" [example] or "float64" [example, axis]

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Shape of each array of a model whose prediction is [example, width]."""
        return shape[0], shape[1] // len(self.fields)


class Task(Protocol):
    """A frozen object. Outputs are a network's, [..., example, width]; targets [..., example(, output)]."""

    @property
    def kind(self) -> str:
        """Its name in `TASKS`."""
        ...

    @property
    def width(self) -> int:
        """Width of a network's output."""
        ...

    @property
    def predicted(self) -> int:
        """Width of a prediction, as returned by `predictive`."""
        ...

    @property
    def stored(self) -> Stored:
        """The stored fields of a prediction."""
        ...

    @property
    def column(self) -> str:
        """The history's column besides the loss: ``train_<column>`` and ``validation_<column>``."""
        ...

    def as_dict(self) -> dict[str, Any] | None:
        """Settings for the manifest; None if its other entries are enough."""
        ...

    def check(self, target: np.ndarray, name: str) -> None:
        """Check targets.

        Raises:
            InputError: naming the split (``name``) and the row.
        """
        ...

    def smoothed(self, share: float) -> Task:
        """The task with label smoothing: this share of a target is spread over all classes.

        Raises:
            InputError: if the task has no classes.
        """
        ...

    def seen(self, target: Tensor) -> Tensor:
        """Targets in the form that the loss takes, converted once for a whole split."""
        ...

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Loss of every example, [..., example], at least float32; ``target`` as `seen` gives it."""
        ...

    def mean_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss that is trained on: the mean over the examples, [...]."""
        ...

    def slope(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """`mean_loss` [] of one network's outputs [example, width], and its gradient with respect to them."""
        ...

    def tally(self, output: Tensor, target: Tensor) -> Tensor:
        """What is summed over an epoch for the history's column, [..., example, width] -> [...]."""
        ...

    def tally_kind(self) -> torch.dtype:
        """The dtype in which that sum is accurate enough."""
        ...

    def told(self, mean: Tensor) -> Tensor:
        """The history's column from the mean tally per example."""
        ...

    def predictive(self, output: Tensor) -> Tensor:
        """The stored values: all fields concatenated, [..., example, width]."""
        ...

    def probe(self, predictive: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss and the history's column, float64 [model] each, from `predictive` [model, example, width].

        Args:
            predictive: of the models.
            target: of the examples, as it is in the data.
        """
        ...

    def nothing(self, examples: int) -> np.ndarray:
        """Placeholder targets for examples without any."""
        ...

    @property
    def needs_validation(self) -> bool:
        """Whether `completed` uses validation examples."""
        ...

    def completed(self, predictive: np.ndarray, validation: np.ndarray, target: np.ndarray) -> np.ndarray:
        """A stored prediction, completed with what is estimated from the same network's validation predictions."""
        ...


def slope_of(mean_loss: Callable[[Tensor], Tensor], output: Tensor) -> tuple[Tensor, Tensor]:
    """A loss [] of outputs, and its gradient with respect to them, by autograd."""
    import torch

    leaf = output.detach().requires_grad_()
    loss = mean_loss(leaf)
    (slope,) = torch.autograd.grad(loss, [leaf])
    return loss.detach(), slope


@functools.lru_cache(maxsize=16)
def constant(values: tuple[float, ...], device: torch.device, kind: torch.dtype) -> Tensor:
    """Constants on a device, cached: a recorded step must not copy them there."""
    import torch

    return torch.tensor(values, dtype=kind, device=device)
