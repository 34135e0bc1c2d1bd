"""Checks of a store of predictions before zarr opens it, since its shapes determine how much memory is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modescape.errors import DamageError
from modescape.plain import MOST_CLASSES, MOST_GROUP_NAME, is_count, shown
from modescape.study import layout
from modescape.study.chunks import CHECKSUM_BYTES
from modescape.tasks import CLASSES, Stored

INDEX_CHUNK = 4096  # rows: the coordinates of that many models lie in one file each
CRC = {"name": "crc32c"}
# no compression and one byte order: no checksum covers this metadata
CODECS = [{"name": "bytes", "configuration": {"endian": "little"}}, CRC]
CODECS_OF_BYTES = [{"name": "bytes"}, CRC]
MOST_ROWS = 1 << 24
GROUP = "group"  # array with the name of each example's group, if any: UTF-8 padded with zeros


@dataclass(frozen=True)
class Column:
    """A coordinate of the models of a group."""

    long_name: str
    kind: str = "int64"
    width: int | None = None  # bytes of a text, which is UTF-8 with zeros behind it; None of numbers
    fill: float = 0  # of rows that are announced and not yet named

    @property
    def dims(self) -> str:
        """Names of its dimensions."""
        return "model" if self.width is None else "model character"

    @property
    def chunk(self) -> list[int]:
        """Shape of its chunks."""
        return [INDEX_CHUNK] if self.width is None else [INDEX_CHUNK, self.width]


Columns = Mapping[str, Column]


def array_file(folder: Path, stored: Stored = CLASSES.stored) -> Path:
    """Metadata of the group's array that is created last: without it the group is empty."""
    return folder / stored.fields[-1].name / "zarr.json"


def check_store(folder: Path, columns: Columns, stored: Stored = CLASSES.stored, separator: str = "/") -> None:
    """Refuse a group with arrays unlike those written here, or larger than their files; nothing if there is no group.

    Read as plain JSON: unknown codecs are never loaded, and shapes are checked against the sizes of files.

    Args:
        folder: of the group.
        columns: coordinates that its models have.
        stored: its other arrays.
        separator: of the chunk keys of predictions.

    Raises:
        DamageError: naming the array and what it says.
    """
    if not array_file(folder, stored).is_file():
        return
    try:
        layout.read_json(folder / "zarr.json")
        for name, column in columns.items():
            rows = _shape(folder, name, column.kind, column.chunk)
            if rows[1:] != column.chunk[1:]:
                raise _damaged(folder / name, f"its shape is {rows}")
        target = _target(folder, stored)
        shapes = {field.name: _shape(folder, field.name, "float32", [1, 0, 0], separator) for field in stored.fields}
    except FileNotFoundError as error:
        raise _damaged(folder, f"'{error.filename}' is missing") from error
    for name, shape in shapes.items():
        if shape[1] != target[0] or shape[2] > MOST_CLASSES or target[1:] not in ([], shape[2:]):
            raise _damaged(folder, f"it holds {target[0]:,} targets and {name} {shape} [model, example, {stored.axis}]")
    # a row of predictions is held against its own file when it is read
    _check_file(folder / stored.target.name / "c" / "/".join("0" for _ in target), math.prod(target))
    if (folder / GROUP / "zarr.json").is_file():
        _check_groups(folder, target[0])


def _check_groups(folder: Path, examples: int) -> None:
    """Refuse names of groups that are not one an example."""
    shape = _shape(folder, GROUP, "uint8", [0, 0])
    if shape[0] != examples or not 1 <= shape[1] <= MOST_GROUP_NAME:
        raise _damaged(folder / GROUP, f"its shape is {shape}, expected names of at most {MOST_GROUP_NAME} bytes")
    _check_file(folder / GROUP / "c" / "0" / "0", math.prod(shape), 1)


def _target(folder: Path, stored: Stored) -> list[int]:
    """Sizes of the array of targets: [example], or [example, output] of numbers."""
    if stored.target_kind == "int64":
        return _shape(folder, stored.target.name, "int64", None)
    return _shape(folder, stored.target.name, stored.target_kind, [0, 0])


def _shape(folder: Path, name: str, kind: str, chunk: list[int] | None, separator: str = "/") -> list[int]:
    """Sizes of an array whose description is one of ours.

    Args:
        folder: of the group.
        name: of the array.
        kind: of its numbers.
        chunk: shape of a chunk, 0 where it is as long as the array; None: a single axis, one chunk.
        separator: of the chunk keys.
    """
    about = layout.read_json(folder / name / "zarr.json")
    shape, axes = about.get("shape"), 1 if chunk is None else len(chunk)
    if not isinstance(shape, list) or len(shape) != axes or not all(is_count(size, 0, 1 << 40) for size in shape):
        raise _damaged(folder / name, f"its shape is {shown(repr(shape), 60)}, expected {axes} sizes")
    if chunk is not None and shape[0] > MOST_ROWS:
        raise _damaged(folder / name, f"it has {shape[0]:,} rows, expected at most {MOST_ROWS:,}")
    chunks = shape if chunk is None else [own or size for own, size in zip(chunk, shape, strict=True)]
    try:
        found = [about["data_type"], about["chunk_grid"]["configuration"]["chunk_shape"], about["codecs"]]
        found += [about["chunk_grid"]["name"], about["chunk_key_encoding"], about.get("storage_transformers") or []]
    except (KeyError, TypeError) as error:
        raise _damaged(folder / name, "its description is incomplete") from error
    keys = {"name": "default", "configuration": {"separator": separator}}
    codecs = CODECS_OF_BYTES if kind == "uint8" else CODECS
    for came, expected in zip(found, [kind, chunks, codecs, "regular", keys, []], strict=True):
        if came != expected:
            raise _damaged(folder / name, f"it says {shown(repr(came), 80)}, expected {shown(repr(expected), 80)}")
    return shape


def _check_file(path: Path, numbers: int, size_of_one: int = 8) -> None:
    """Refuse an array of one chunk whose file has not as many bytes as it declares."""
    try:
        size = path.stat().st_size if path.is_file() else 0
    except OSError:
        size = 0
    if numbers and size != numbers * size_of_one + CHECKSUM_BYTES:
        raise _damaged(path, f"it has {size:,} bytes, expected {numbers} numbers")


def _damaged(folder: Path, reason: str) -> DamageError:
    return DamageError(f"'{folder}' is damaged: {reason}")
