"""The test images under shift: every one corrupted by one of several corruptions, at one severity.

Each corruption has its own part of the test images, the same at every severity, so that together they are the test
split once over. Images come from our corruptions or from a folder of the official files of CIFAR-10-C.
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
from modescape.data.dataset import Split
from modescape.data.decode import array_header
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
    if not corruptions:
        raise InputError("no corruption is named; name at least one")
    for name in corruptions:
        corruption(name)
    if twice := sorted({name for name in corruptions if list(corruptions).count(name) > 1}):
        raise InputError(f"corruptions named twice: {', '.join(twice)}; name each once")
    order = rng.permutation(torch.tensor(rng.key(seed, "shift")), examples)
    return {name: order[number :: len(corruptions)].sort().values for number, name in enumerate(corruptions)}


@dataclass(frozen=True)
class Shift:
    """The test images under shift at every severity; see `of`."""

    test: Split
    corruptions: tuple[str, ...]
    parts: dict[str, Tensor]  # of the test images, by corruption; see `slices`
    official: OfficialShift | None  # None: our own corruptions
    seed: int

    @classmethod
    def of(cls, test: Split, shift: str | None, seed: int, corruptions: Sequence[str] = ALL) -> Shift:
        """The shift of a recipe.

        Args:
            test: the test split; for official files the official one, in its order.
            shift: a folder of official files; None: our own corruptions.
            seed: the recipe's, for the parts and our corruptions' draws.
            corruptions: names.

        Raises:
            InputError: if there is no such corruption, or an official file is missing or wrong.
        """
        parts = slices(len(test.label), corruptions, seed)
        official = None if shift is None else OfficialShift.open(shift, test, corruptions)
        return cls(test, tuple(corruptions), parts, official, seed)

    @property
    def corruption_of(self) -> Tensor:
        """The number in ``corruptions`` of each test image's corruption, int64 [example]."""
        out = torch.empty(len(self.test.label), dtype=torch.int64)
        for number, name in enumerate(self.corruptions):
            out[self.parts[name]] = number
        return out

    def images(self, severity: int) -> Tensor:
        """The test images, each corrupted by the corruption whose part it is in.

        With our own corruptions an image's random numbers are the same at every severity, so that severities differ in
        strength alone.

        Args:
            severity: 1 to 5; 0: the images themselves.

        Returns:
            uint8 [example, channel, height, width] in the order of the test split.

        Raises:
            InputError: if there is no such severity.
        """
        if severity == 0:
            return self.test.image
        if severity not in SEVERITIES:
            raise InputError(f"there is no severity {severity!r}; choose from 0 (clean), 1, 2, 3, 4, 5")
        keys = rng.words(torch.tensor(rng.key(self.seed, "corruption")), len(self.test.label))
        clean, out = self.test.image.cpu(), torch.empty_like(self.test.image, device="cpu")
        for name, index in self.parts.items():
            if self.official is None:
                out[index] = corrupt(clean[index], name, severity, keys[index])
            else:
                out[index] = self.official.images(name, severity, index)
        return out.to(self.test.image.device)


@dataclass(frozen=True)
class OfficialShift:
    """A folder of official files, read where they lie: ``<corruption>.npy`` and ``labels.npy``.

    Rows go by severity: the test images in their order at severity 1, then at 2, and so on.

    Source: Hendrycks and Dietterich 2019, https://zenodo.org/records/2535967 (CIFAR-10-C), 3555552 (CIFAR-100-C).
    """

    folder: Path
    examples: int  # test images; each file has 5 times as many rows
    image_shape: tuple[int, int, int]  # channels, height, width

    @classmethod
    def open(cls, folder: str | Path, test: Split, corruptions: Sequence[str] = ALL) -> OfficialShift:
        """Check that all files are there and belong to this test split.

        Raises:
            InputError: naming the file that is missing, not uint8, of another shape, or whose labels are not the test
                split's.
        """
        channels, height, width = test.image.shape[1:]
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
