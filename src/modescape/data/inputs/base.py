"""The interface of every kind of inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from modescape import recipe
from modescape.batches import InputShape
from modescape.errors import InputError
from modescape.types import Inputs


class Change(NamedTuple):
    """How much a corruption changes examples."""

    mean: float  # of a value, in the unit of `Shifts`
    share: float  # of the values that change


@dataclass(frozen=True)
class Corruption:
    """One way to corrupt examples, at severities 1 to 5."""

    words: str  # what is done to an example, with its strengths
    change: Callable[[Any, Inputs, int, Tensor], Inputs]  # (kind, examples, severity, keys [example]) -> the same ones


class Selection(NamedTuple):
    """Unchanged examples that are evaluated separately: a covariate shift, not a corruption."""

    words: str  # which examples these are, severity by severity
    chosen: Tensor  # bool [severity, example]


@dataclass(frozen=True)
class Shifts:
    """How examples of a kind are shifted."""

    corruptions: Mapping[str, Corruption]
    measure: Callable[[Any, Inputs, Inputs], Change]  # (kind, examples, the same ones after a corruption)
    unit: str  # of `Change.mean`
    select: Callable[[Any, Inputs, str | None], Mapping[str, Selection]]  # (kind, examples, a column that is named)


@dataclass(frozen=True)
class Unlike:
    """Out-of-distribution data made from examples of a kind."""

    words: str  # what it is
    make: Callable[[Any, Inputs, int], Inputs]  # (kind, examples, seed) -> as many


def nothing_selected(kind: InputKind, inputs: Inputs, column: str | None) -> Mapping[str, Selection]:
    """For examples without columns.

    Raises:
        InputError: if one is named.
    """
    if column is not None:
        raise InputError(f"data.shift_column is for tables, and the examples are {kind.word}; leave it out")
    return {}


class Prepare(Protocol):
    """From the examples of a split to a network's inputs, on their device."""

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
        """Its name in ``data.inputs``."""
        ...

    @property
    def word(self) -> str:
        """Plural noun for examples: "images"."""
        ...

    @property
    def noun(self) -> str:
        """Noun for one example in a source: "picture"."""
        ...

    @property
    def facts(self) -> Any:
        """The meaning of the arrays, such as column names, as plain JSON values; part of the data's fingerprint."""
        ...

    def tensors(self, arrays: Any) -> Inputs:
        """Arrays of a source, [example, ...], as tensors in the memory layout of networks' inputs."""
        ...

    def fit(self, train: Inputs) -> tuple[InputKind, tuple[str, ...]]:
        """The kind fitted to the training examples, and sentences about what was fitted.

        Raises:
            InputError: if nothing could be learnt from these examples, such as if all are equal.
        """
        ...

    def shape(self, inputs: Inputs) -> InputShape:
        """Shape of a network's input for one of these examples."""
        ...

    @property
    def shifts(self) -> Shifts | None:
        """How examples are shifted; None of images, which have corruptions of their own (`data.corruptions`)."""
        ...

    @property
    def unlike(self) -> Mapping[str, Unlike]:
        """Other data that can be made from test examples, by its name in ``data.ood``; images have their own."""
        ...

    def prepare(self, data: recipe.Data, train: Inputs) -> Prepare:
        """The preparation a recipe asks for, with the statistics of the training examples."""
        ...
