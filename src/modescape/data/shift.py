"""The test images under shift: every one corrupted by one of several corruptions, at one severity.

Each corruption that has an effect on them has its own part of the test images, the same at every severity, so that
together they are the test split once over. Images come from our corruptions or from a folder of the official files of
CIFAR-10-C.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from modescape import rng
from modescape.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt, corruption
from modescape.data.corruptions.photographs import Photographs
from modescape.data.dataset import Split
from modescape.data.decode import array_header
from modescape.data.effect import Effect, effect_of
from modescape.errors import InputError
from modescape.plain import shown

ALL = tuple(CORRUPTIONS)


def slices(examples: int, corruptions: Sequence[str], seed: int) -> dict[str, Tensor]:
    """Each corruption's part of the test images: dealt out in a random order, so parts differ in size by one at most.

    Args:
        examples: test images.
        corruptions: names; their order counts.
        seed: the recipe's.

    Returns:
        name -> increasing indices, int64; disjoint, together all of 0 .. examples - 1.

    Raises:
        InputError: if there is no corruption, one unknown, or one named twice.
    """
    check_names(corruptions)
    order = _order(examples, seed)
    return {name: order[number :: len(corruptions)].sort().values for number, name in enumerate(corruptions)}


def check_names(corruptions: Sequence[str]) -> None:
    """Refuse a list of corruptions that cannot be dealt out.

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
    """The order in which test images are dealt out."""
    return rng.permutation(torch.tensor(rng.key(seed, "shift")), examples)


@dataclass(frozen=True)
class Shift:
    """The test images under shift at every severity; see `of`."""

    test: Split
    corruptions: tuple[str, ...]  # that images are given: those with an effect at every severity
    parts: dict[str, Tensor]  # of the test images, by corruption; see `slices`
    effect: Effect  # of all corruptions that were named
    made: OwnShift | OfficialShift

    @classmethod
    def of(
        cls, test: Split, shift: str | None, seed: int, corruptions: Sequence[str] = ALL, frost: str | None = None
    ) -> Shift:
        """The shift of a recipe.

        A corruption that does nothing to these images at some severity is left out at all of them, and its part dealt
        out among the others: so every image is shifted, and severities differ in strength alone, not in the images or
        the corruptions.

        Args:
            test: the test split; for official files the official one, in its order.
            shift: a folder of official files; None: our own corruptions.
            seed: the recipe's, for the parts and our corruptions' draws.
            corruptions: names.
            frost: a folder of photographs for our own frost; None: our own texture.

        Raises:
            InputError: if there is no such corruption, an official file or photograph is missing or wrong, or no
                corruption has an effect.
        """
        check_names(corruptions)
        made = OwnShift.of(test, seed, frost) if shift is None else OfficialShift.open(shift, test, corruptions)
        effect = effect_of(made.images, test.images, corruptions, _order(len(test.label), seed))
        if not effect.lasting:
            raise InputError(f"no corruption changes these test images at every severity ({effect.lacking()})")
        return cls(test, tuple(effect.lasting), slices(len(test.label), effect.lasting, seed), effect, made)

    def images(self, severity: int) -> Tensor:
        """The test images, each corrupted by the corruption whose part it is in.

        Args:
            severity: 1 to 5; 0: the images themselves.

        Returns:
            uint8 [example, channel, height, width] in the order of the test split.

        Raises:
            InputError: if there is no such severity.
        """
        if severity == 0:
            return self.test.images
        if severity not in SEVERITIES:
            raise InputError(f"there is no severity {severity!r}; choose from 0 (clean), 1, 2, 3, 4, 5")
        out = torch.empty_like(self.test.images, device="cpu")
        for name, index in self.parts.items():
            out[index] = self.made.images(name, severity, index)
        return out.to(self.test.images.device)


@dataclass(frozen=True)
class OwnShift:
    """Our own corruptions of the test images.

    An image's random numbers are the same at every severity, so that severities differ in strength alone.
    """

    clean: Tensor  # uint8 [example, channel, height, width], on the CPU
    keys: Tensor  # int64 [example]
    photographs: Photographs | None  # of frost; None: our own texture

    @classmethod
    def of(cls, test: Split, seed: int, frost: str | None = None) -> OwnShift:
        """Those of a test split; ``frost`` is a folder of photographs.

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


@dataclass(frozen=True)
class OfficialShift:
    """A folder of official files, read where they lie: ``<corruption>.npy`` and ``labels.npy``.

    Rows go by severity: the test images in their order at severity 1, then at 2, and so on.

    Source: Hendrycks and Dietterich 2019, https://zenodo.org/records/2535967 (CIFAR-10-C), 3555552 (CIFAR-100-C).
    """

    folder: Path
    examples: int  # test images; each file has 5 times as many rows
    image_shape: tuple[int, int, int]  # channels, height, width

    @property
    def source(self) -> str:
        """Where the corruptions come from, in words."""
        return self.folder.name

    @classmethod
    def open(cls, folder: str | Path, test: Split, corruptions: Sequence[str] = ALL) -> OfficialShift:
        """Check that all files are there and belong to this test split.

        Raises:
            InputError: naming the file that is missing, not uint8, of another shape, or whose labels are not the test
                split's.
        """
        channels, height, width = test.images.shape[1:]
        found = cls(Path(folder), len(test.label), (channels, height, width))
        if not found.folder.is_dir():
            raise InputError(f"data.shift '{folder}' is not a folder; expected one of official files, or null")
        for name in corruptions:
            found._rows(name)
        found._check_labels(test.label.cpu().numpy())
        return found

    def images(self, name: str, severity: int, index: Tensor) -> Tensor:
        """Images of one corruption and severity.

        Args:
            name: of the corruption.
            severity: 1 to 5.
            index: of test images, int64 [example].

        Returns:
            uint8 [example, channel, height, width], copied out of the file.

        Raises:
            InputError: if the file is missing or wrong.
        """
        rows = self._rows(name)[(severity - 1) * self.examples + index.numpy()]
        return torch.from_numpy(np.ascontiguousarray(rows)).movedim(-1, 1)

    def _rows(self, name: str) -> np.ndarray:
        """The file of a corruption, memory-mapped: uint8 [severity * example, height, width, channel]."""
        channels, height, width = self.image_shape
        return self._open(f"{name}.npy", (len(SEVERITIES) * self.examples, height, width, channels))

    def _check_labels(self, label: np.ndarray) -> None:
        rows = np.asarray(self._open("labels.npy", (len(SEVERITIES) * self.examples,)))
        wrong = np.flatnonzero(rows != np.tile(label, len(SEVERITIES)))
        if len(wrong):
            row = int(wrong[0])
            raise InputError(
                f"'{self.folder / 'labels.npy'}': row {row} is {rows[row]} and test image {row % self.examples} has "
                f"label {label[row % self.examples]} ({len(wrong)} such rows); these files belong to another test "
                "split or order"
            )

    def _open(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        path = self.folder / name
        if not path.is_file():
            raise InputError(f"'{path}' does not exist; data.shift needs the official file of every corruption used")
        try:
            with path.open("rb") as file:
                came, dtype = array_header(file)  # NumPy multiplies an absurd shape before it looks at the file
            if came != shape or dtype != np.uint8:
                raise InputError(
                    f"'{path}' holds {dtype} {shown(list(came), 80)}, expected uint8 {list(shape)}: {self.examples} "
                    f"test images at {len(SEVERITIES)} severities"
                )
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except InputError:
            raise
        except (OSError, ValueError, EOFError) as error:
            raise InputError(f"cannot read '{path}' as .npy of plain numbers: {shown(error)}") from error
        return array
