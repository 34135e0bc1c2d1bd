"""The official files of CIFAR-10-C and CIFAR-100-C, corrupted images of a test split, read where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from modescape.data.corruptions import CORRUPTIONS, SEVERITIES
from modescape.data.dataset import Split
from modescape.data.decode import array_header
from modescape.errors import InputError
from modescape.plain import shown


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
    def open(cls, folder: str | Path, test: Split, corruptions: Sequence[str] = tuple(CORRUPTIONS)) -> OfficialShift:
        """Check that all files are there and belong to this test split.

        Raises:
            InputError: naming the file that is missing, not uint8, of another shape, or whose labels are not the test
                split's.
        """
        channels, height, width = test.images.shape[1:]
        found = cls(Path(folder), len(test.label), (channels, height, width))
        if not found.folder.is_dir():
            raise InputError(f"data.shift '{folder}' is not a folder; expected a folder of the official files, or null")
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
