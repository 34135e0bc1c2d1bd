"""Arrays that are read a block of rows at a time: NumPy files as they lie there, others put into such files."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from modescape.errors import InputError
from modescape.plain import shown
from modescape.runtime import free_memory

BLOCK = 1 << 20  # numbers that are looked at at a time
HELD = 1 << 21  # numbers of a model that stay in memory; more go to a file
SPARE_MEMORY = 0.7  # share of the free memory that a file may unpack to


class Rows(Protocol):
    """[example], [example, class] or [model, example, class]; an array of NumPy or of zarr is one, too."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of its numbers."""
        ...

    def __getitem__(self, rows: slice, /) -> np.ndarray:
        """Rows of the first dimension."""
        ...


class NpyFile:
    """An array in a ``.npy`` file, of which nothing stays in memory.

    Args:
        path: of the file.

    Raises:
        InputError: if it is none, holds Python objects, or declares more than it has.
    """

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                self.shape, self.dtype, self.fortran = npy_header(file, str(path))
                self.offset = file.tell()
        except InputError:
            raise
        except (OSError, ValueError, EOFError) as error:
            raise unreadable(path, error) from error
        there = path.stat().st_size - self.offset
        if (needed := declared_bytes(self.shape, self.dtype)) > there:
            raise InputError(f"'{path}' declares {list(self.shape)} numbers, {needed:,} bytes, and holds {there:,}")
        self.path = path

    def __getitem__(self, rows: slice) -> np.ndarray:
        order = "F" if self.fortran else "C"
        mapped = np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order)
        return np.array(mapped[rows])  # the map is let go: pages that were read count as memory of the process


class Placed:
    """One of the models of an array [model, example, ...], or rows of one in another order.

    Args:
        rows: the array.
        model: which of its models; None: it is of one.
        order: numbers of rows in the order that is wanted; None: as they are.
    """

    def __init__(self, rows: Rows, model: int | None = None, order: np.ndarray | None = None) -> None:
        self.rows, self.model, self.order = rows, model, order
        shape = rows.shape if model is None else rows.shape[1:]
        self.shape = shape if order is None else (len(order), *shape[1:])
        self.dtype = rows.dtype

    def __getitem__(self, rows: slice) -> np.ndarray:
        if self.model is not None:
            return self.rows[self.model : self.model + 1][0][rows]
        if self.order is None:
            return self.rows[rows]
        wanted = self.order[rows]
        if not len(wanted):
            return self.rows[:0]
        first = int(wanted.min())
        return self.rows[first : int(wanted.max()) + 1][wanted - first]


def npy_header(file: Any, where: str) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Shape, type and whether it is in Fortran's order, from the head of a ``.npy`` file; nothing else is read.

    Raises:
        InputError: if it holds Python objects, which are a program.
        ValueError: if it is no such file.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise InputError(
            f"'{where}' holds Python objects (pickle), which may run anything; save numbers or fixed texts: "
            "np.save(path, np.asarray(values, dtype=np.float32))"
        )
    return shape, dtype, fortran


def declared_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Of an array; Python's own numbers do not overflow."""
    size = dtype.itemsize
    for length in shape:
        size *= length
    return size


def check_room(needed: int, where: object, folder: Path | None = None) -> None:
    """Refuse what does not fit, before anything of it is unpacked.

    Args:
        needed: bytes.
        where: the file, for the message.
        folder: where it would be written; None: into memory.

    Raises:
        InputError: naming both sizes.
    """
    free = int(SPARE_MEMORY * free_memory()) if folder is None else shutil.disk_usage(folder).free
    if needed > free:
        kind = "memory may be taken for it" if folder is None else f"are free on the disk of '{folder}'"
        raise InputError(
            f"'{where}' unpacks to {needed / 1e9:,.1f} GB and {free / 1e9:,.1f} GB {kind}; save float32 .npy files, "
            "which are read in place, or fewer rows"
        )


def blocks(rows: int, width: int) -> Iterator[slice]:
    """Of rows, so that about `BLOCK` numbers are in memory at a time."""
    step = max(1, BLOCK // max(width, 1))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


class Scratch:
    """A folder for what was unpacked, beside the results; it is gone at the end."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.numbers = folder, itertools.count()

    def keep(self, rows: Rows, where: object) -> Rows:
        """The numbers of a model: in memory while they are few, then as float32 in a file; what is in one stays.

        Raises:
            InputError: if they do not fit on the disk.
        """
        if isinstance(rows, np.ndarray) and rows.dtype.kind in "iu":
            return (
                rows.astype(np.min_scalar_type(int(rows.max(initial=0))), copy=False)
                if rows.min(initial=0) >= 0
                else rows
            )
        if self.folder is None or not isinstance(rows, np.ndarray) or rows.size <= HELD or rows.dtype.kind != "f":
            return rows
        self.folder.mkdir(parents=True, exist_ok=True)
        check_room(4 * rows.size, where, self.folder)
        path = self.folder / f"{next(self.numbers):05d}.npy"
        np.save(path, rows.astype(np.float32, copy=False))
        return NpyFile(path)


def unreadable(path: object, error: object) -> InputError:
    """The refusal of a file that is not what its name says."""
    return InputError(f"'{path}' cannot be read: {shown(error, 200)}")
