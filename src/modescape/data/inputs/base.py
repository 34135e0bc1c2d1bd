"""What every kind of inputs says of its examples."""

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
    """One way in which examples are made worse, at severities 1 to 5."""

    words: str  # what is done to an example, with its strengths
    change: Callable[[Any, Inputs, int, Tensor], Inputs]  # (kind, examples, severity, keys [example]) -> the same ones


class Selection(NamedTuple):
    """Examples that are looked at by themselves, as they are: a shift of what occurs, not of what an example holds."""

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
    """Other data that is made from examples of a kind."""

    words: str  # what it is
    make: Callable[[Any, Inputs, int], Inputs]  # (kind, examples, seed) -> as many


def nothing_selected(kind: InputKind, inputs: Inputs, column: str | None) -> Mapping[str, Selection]:
    """Of examples without columns.

    Raises:
        InputError: if one is named.
    """
    if column is not None:
        raise InputError(f"data.shift_column is for tables, and the examples are {kind.word}; leave it out")
    return {}


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

    @property
    def shifts(self) -> Shifts | None:
        """How examples are shifted; None of images, which have corruptions of their own (`data.corruptions`)."""
        ...

    @property
    def unlike(self) -> Mapping[str, Unlike]:
        """Other data that can be made from test examples, by the name it has in ``data.ood``; images have their own."""
        ...

    def prepare(self, data: recipe.Data, train: Inputs) -> Prepare:
        """The preparation a recipe asks for, with the statistics of the examples that are trained on."""
        ...
