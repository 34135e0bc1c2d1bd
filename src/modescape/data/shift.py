"""The test examples under shift: each corrupted by one of several corruptions, at one severity.

Each corruption that has an effect on them has its own part of the test examples, the same at every severity, so that
together they are the test split once over. Images come from our corruptions or from a folder of the official files of
CIFAR-10-C; what is done to other examples is said by their kind (`modescape.data.inputs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from modescape import rng
from modescape.batches import copied, leaves, moved, taken
from modescape.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt, corruption
from modescape.data.corruptions.photographs import Photographs
from modescape.data.dataset import Split
from modescape.data.effect import Effect, change_of_images, effect_of
from modescape.data.inputs.base import Change, Selection, Shifts
from modescape.data.official import OfficialShift
from modescape.errors import InputError, NotEnough
from modescape.types import Inputs

ALL = tuple(CORRUPTIONS)


def slices(examples: int, corruptions: Sequence[str], seed: int) -> dict[str, Tensor]:
    """Each corruption's part of the test examples: assigned in random order; sizes differ by at most one.

    Args:
        examples: test examples.
        corruptions: names; their order counts.
        seed: the recipe's.

    Returns:
        name -> increasing indices, int64; disjoint, together all of 0 .. examples - 1.

    Raises:
        InputError: if there is no corruption, or one named twice.

    """
    if not corruptions or len({*corruptions}) < len(corruptions):
        check_names(corruptions)
    order = _order(examples, seed)
    return {name: order[number :: len(corruptions)].sort().values for number, name in enumerate(corruptions)}


def check_names(corruptions: Sequence[str]) -> None:
    """Check a list of corruptions.

    Raises:
        InputError: if there is no corruption, one unknown, or one named twice.
    """
    if not corruptions:
        raise InputError("no corruption is named; name at least one")
    for name in corruptions:
        corruption(name)
    if twice := sorted({name for name in corruptions if list(corruptions).count(name) > 1}):
        raise InputError(f"corruptions named twice: {', '.join(twice)}; name each once")


def _order(examples: int, seed: int) -> Tensor:
    """The random order in which test examples are assigned."""
    return rng.permutation(torch.tensor(rng.key(seed, "shift")), examples)


@dataclass(frozen=True)
class Shift:
    """The test examples under shift at every severity; see `of`."""

    test: Split
    corruptions: tuple[str, ...]  # those in use: with an effect at every severity
    parts: dict[str, Tensor]  # of the test examples, by corruption; see `slices`
    effect: Effect  # of all corruptions that were named
    made: OwnShift | OfficialShift | ShiftOfKind
    selections: Mapping[str, Selection] = field(default_factory=dict[str, Selection])  # looked at by themselves

    @classmethod
    def of(
        cls,
        test: Split,
        shift: str | None,
        seed: int,
        corruptions: Sequence[str] = ALL,
        frost: str | None = None,
        column: str | None = None,
    ) -> Shift:
        """The shift of a recipe.

        A corruption without any effect on these examples at some severity is left out at all severities, and its part
        is assigned to the others: so every example is shifted, and severities differ only in strength, not in the
        examples or the corruptions.

        Args:
            test: the test split; for official files the official one, in its order.
            shift: a folder of official files; None: generated corruptions.
            seed: the recipe's, for the parts and the random numbers of corruptions.
            corruptions: names, for images; for other examples, all of their kind are used.
            frost: a folder of photographs for generated frost; None: a generated texture.
            column: of rows, by which some are selected; None: see `modescape.data.inputs.row_shifts.shift_column`.

        Raises:
            InputError: if there is no such corruption or column, an official file or photograph is missing or wrong, or
                no corruption has an effect on images.
            NotEnough: if nothing shifts such examples.
        """
        if (shifts := test.kind.shifts) is not None:
            return cls._of_kind(test, shifts, seed, column)
        check_names(corruptions)
        made = OwnShift.of(test, seed, frost) if shift is None else OfficialShift.open(shift, test, corruptions)
        order, values = _order(len(test.label), seed), test.images[0].numel()

        def change(name: str, severity: int, index: Tensor) -> Change:
            return change_of_images(test.images[index], made.images(name, severity, index))

        effect = effect_of(change, corruptions, order, values, "levels of 255")
        if not effect.lasting:
            raise InputError(f"no corruption changes these test images at every severity ({effect.lacking()})")
        return cls(test, tuple(effect.lasting), slices(len(test.label), effect.lasting, seed), effect, made)

    @classmethod
    def _of_kind(cls, test: Split, shifts: Shifts, seed: int, column: str | None) -> Shift:
        made = ShiftOfKind(test, shifts, seed)
        values = sum(leaf[:1].numel() for leaf in leaves(test.inputs))
        effect = effect_of(made.change, list(shifts.corruptions), _order(len(test.label), seed), values, shifts.unit)
        if not effect.lasting:
            tried = f"{', '.join(shifts.corruptions)} changes none of their values"
            raise NotEnough(f"nothing shifts these {test.kind.word}: {tried}")
        parts = slices(len(test.label), effect.lasting, seed)
        selections = shifts.select(test.kind, test.inputs, column)
        return cls(test, tuple(effect.lasting), parts, effect, made, selections)

    def inputs(self, severity: int) -> Inputs:
        """The test examples, each corrupted by the corruption whose part it is in.

        Args:
            severity: 1 to 5; 0: the examples themselves.

        Returns:
            As they are in the test split, in its order.

        Raises:
            InputError: if there is no such severity.
        """
        if severity == 0:
            return self.test.inputs
        if severity not in SEVERITIES:
            raise InputError(f"there is no severity {severity!r}; choose from 0 (clean), 1, 2, 3, 4, 5")
        out = copied(moved(self.test.inputs, "cpu"))
        for name, index in self.parts.items():
            for leaf, own in zip(leaves(out), leaves(self.made.images(name, severity, index)), strict=True):
                leaf[index] = own
        return moved(out, self.test.label.device)

    def images(self, severity: int) -> Tensor:
        """The same of images, uint8 [example, channel, height, width]."""
        found = self.inputs(severity)
        assert isinstance(found, Tensor)
        return found


@dataclass(frozen=True)
class ShiftOfKind:
    """What the kind of examples says is done to them (`modescape.data.inputs.base.Shifts`).

    An example's random numbers are the same at every severity, so that severities differ in strength alone.
    """

    test: Split
    shifts: Shifts
    seed: int

    @property
    def source(self) -> str:
        """What is done, in words."""
        every = [one.words for one in self.shifts.corruptions.values()]
        return "; ".join(every)

    def images(self, name: str, severity: int, index: Tensor) -> Inputs:
        """Examples under one corruption and severity, on the CPU; as `OfficialShift.images`."""
        keys = rng.words(torch.tensor(rng.key(self.seed, f"corruption {name}")), len(self.test.label))
        some = moved(taken(self.test.inputs, index.to(self.test.label.device)), "cpu")
        return self.shifts.corruptions[name].change(self.test.kind, some, severity, keys[index])

    def change(self, name: str, severity: int, index: Tensor) -> Change:
        """How much they are changed."""
        some = moved(taken(self.test.inputs, index.to(self.test.label.device)), "cpu")
        return self.shifts.measure(self.test.kind, some, self.images(name, severity, index))


@dataclass(frozen=True)
class OwnShift:
    """Generated corruptions of the test images.

    An image's random numbers are the same at every severity, so that severities differ in strength alone.
    """

    clean: Tensor  # uint8 [example, channel, height, width], on the CPU
    keys: Tensor  # int64 [example]
    photographs: Photographs | None  # of frost; None: our own texture

    @classmethod
    def of(cls, test: Split, seed: int, frost: str | None = None) -> OwnShift:
        """The corruptions of a test split; ``frost`` is a folder of photographs.

        Raises:
            InputError: if the folder is not there, or its pictures cannot be used.
        """
        height, width = test.images.shape[-2:]
        photographs = None if frost is None else Photographs.open(frost, height, width)
        keys = rng.words(torch.tensor(rng.key(seed, "corruption")), len(test.label))
        return cls(test.images.cpu(), keys, photographs)

    @property
    def source(self) -> str:
        """Where the corruptions come from, in words."""
        if self.photographs is None:
            return "our corruptions"
        return f"our corruptions, frost from {self.photographs.folder.name}"

    def images(self, name: str, severity: int, index: Tensor) -> Tensor:
        """Images of one corruption and severity; as `OfficialShift.images`."""
        return corrupt(self.clean[index], name, severity, self.keys[index], self.photographs)
