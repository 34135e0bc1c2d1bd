"""Groups of predictions on disk: rows of models, and the task's arrays with one chunk per model.

For a classification these are ``log_prob`` [model, example, class] and ``label`` [example]. Beside them lie coordinates
of the models: a checkpoint's member and epoch; a sampled network's member, approach, scale, draw and more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec
from zarr.storage import LocalStore

from modescape import durable
from modescape.errors import DamageError, InputError, WorkError
from modescape.plain import shown
from modescape.storage import ObjectPath, place
from modescape.study import layout
from modescape.study.chunks import read_chunk, read_rows, write_chunk
from modescape.study.objects import ObjectStore
from modescape.study.stores import GROUP, Columns, array_file, check_store
from modescape.tasks import CLASSES, Stored

ABSENT = -1  # member of a row that is allocated but not named yet
# nothing is compressed: float32 log-probabilities shrink by 10 % (zstd 1), reading takes twice as long
# (10,000 examples, 10 classes: .64 ms and 1.2 ms, n = 20)
CHECKSUM = [Crc32cCodec()]


class DurableStore(LocalStore):
    """zarr's folder store, which renames but does not fsync, with our durable files."""

    async def set(self, key: str, value: Any) -> None:
        """Write one file; see `durable.write_bytes`."""
        self._check_writable()
        await asyncio.to_thread(durable.write_bytes, self.root / key, value.to_bytes(), self.root.parent)

    async def set_if_not_exists(self, key: str, value: Any) -> None:
        """Write one file unless it is there: a study has one writer, so that nobody comes between."""
        if not (self.root / key).is_file():
            await self.set(key, value)

    def set_sync(self, key: str, value: Any) -> None:
        """Write one file; see `durable.write_bytes`."""
        self._check_writable()
        durable.write_bytes(self.root / key, value.to_bytes(), self.root.parent)


def store_of(root: Path, read_only: bool = False) -> DurableStore | ObjectStore:
    """The store of zarr for a folder, or for objects below a URL."""
    if isinstance(root, ObjectPath):
        return ObjectStore(root, read_only=read_only)
    return DurableStore(root, read_only=read_only)


@dataclass(frozen=True)
class Group:
    """A group of one study, ``predictions.zarr/<name>``; opened lazily.

    Args:
        study: the study's folder.
        name: path of the group below ``predictions.zarr``.
        columns: coordinates of its models; a row is valid once its ``member`` is named, which is written last.
        stored: what the task stores.
        separator: of the chunk keys of predictions: a folder per model, or "." for files side by side, written in
            half the time (.2 and .4 ms a chunk of digits that is not confirmed, n = 3,000).
    """

    study: Path
    name: str
    columns: Columns
    stored: Stored = CLASSES.stored
    separator: str = "/"

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.study / layout.PREDICTIONS / self.name

    @property
    def is_there(self) -> bool:
        """Whether it was begun."""
        return array_file(self.folder, self.stored).is_file()

    def open(self, mode: Any = "r") -> zarr.Group:
        """Open the zarr group after checking its metadata.

        Raises:
            DamageError: if it is damaged.
        """
        check_store(self.folder, self.columns, self.stored, self.separator)
        store = store_of(self.study / layout.PREDICTIONS, read_only=mode == "r")
        with damage(self.folder):
            return zarr.open_group(store, path=self.name, mode=mode, zarr_format=3, use_consolidated=False)

    def create(
        self, target: np.ndarray, width: int, attributes: Mapping[str, Any], names: np.ndarray | None = None
    ) -> None:
        """Create it without models, deleting an existing one.

        Args:
            target: of the examples, as the task stores it.
            width: of an example's prediction.
            attributes: plain values.
            names: name of each example's group, strings [example]; None without groups.
        """
        store = store_of(self.study / layout.PREDICTIONS)
        with damage(store.root):
            durable.make_folder(store.root, self.study)  # zarr would make it without confirming it
            root = zarr.open_group(store, mode="a", zarr_format=3, use_consolidated=False)
            _create(root, self, target, width, attributes, names)

    def begin_anew(self) -> None:
        """Invalidate the group by deleting its key file first, so that a crash afterwards is harmless."""
        array_file(self.folder, self.stored).unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete it."""
        self.begin_anew()
        durable.remove_tree(self.folder, ignore_errors=True)

    def named(self, group: zarr.Group) -> dict[str, np.ndarray]:
        """Coordinates of the rows, [model] each, up to the first one left unnamed by a writer that died."""
        with damage(self.folder):
            found = {name: array(group, name)[:] for name in self.columns}
        count = min(map(len, found.values()))
        absent = np.any([found[name][:count] == ABSENT for name, own in self.columns.items() if own.fill == ABSENT], 0)
        count = int(absent.argmax()) if absent.any() else count
        return {
            name: values[:count] if self.columns[name].width is None else texts(values[:count])
            for name, values in found.items()
        }

    def append(self, group: zarr.Group, old: int, new: Mapping[str, Sequence[Any]]) -> None:
        """Name more models and give them rows.

        The models are named before the prediction array grows, and their member is written last, which makes a row
        valid.

        Args:
            group: as `open` gives it, for writing.
            old: rows there are.
            new: values of every coordinate, one per model.
        """
        total = old + len(new["member"])
        for name in sorted(self.columns, key=lambda name: name == "member"):
            column, own = self.columns[name], array(group, name)
            if total > old:
                own.resize((total, *own.shape[1:]))
                values = encoded(new[name], column.width) if column.width else np.array(new[name], dtype=column.kind)
                own[old:] = values
        for field in self.stored.fields:
            big = array(group, field.name)
            if big.shape[0] < total:
                big.resize((total, *big.shape[1:]))

    def delete_unnamed(self, count: int) -> None:
        """Delete chunks after the first ``count`` rows: their names were lost, and other models will use the rows."""
        for field in self.stored.fields:
            for row in layout.chunk_rows(self.study, self.name, field.name, self.separator):
                if row >= count:
                    self._path(row, field.name).unlink(missing_ok=True)

    def paths(self, row: int) -> list[Path]:
        """The files of a model, one a field."""
        return [self._path(row, field.name) for field in self.stored.fields]

    def _path(self, row: int, field: str) -> Path:
        return layout.chunk_path(self.study, self.name, row, field, self.separator)

    def shape(self, group: zarr.Group) -> tuple[int, int]:
        """Shape of a model's prediction, [example, width]."""
        with damage(self.folder):
            examples, size = array(group, self.stored.fields[0].name).shape[1:]
        return examples, size * len(self.stored.fields)

    def target(self, group: zarr.Group) -> np.ndarray:
        """Targets of the examples."""
        with damage(self.folder):
            return array(group, self.stored.target.name)[:]

    def groups(self, group: zarr.Group) -> np.ndarray | None:
        """Names of the groups of the examples, texts [example]; None where they have none."""
        if not (self.folder / GROUP / "zarr.json").is_file():
            return None
        with damage(self.folder):
            return texts(array(group, GROUP)[:])

    def holds(self, group: zarr.Group, target: np.ndarray, names: np.ndarray | None) -> bool:
        """Whether its examples have these targets and groups."""
        there, kind = self.groups(group), target.dtype.kind
        same = there is None if names is None else there is not None and np.array_equal(there, names)
        return bool(same and np.array_equal(self.target(group), target, equal_nan=kind == "f"))

    def read(self, row: int, shape: tuple[int, ...]) -> np.ndarray:
        """One model's prediction [example, width], fields side by side; see `modescape.study.chunks.read_chunk`."""
        parts = [read_chunk(path, self.stored.sizes(shape)) for path in self.paths(row)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, -1)

    def read_rows(self, row: int, shape: tuple[int, int], examples: slice) -> np.ndarray:
        """The same of some examples, unchecked; see `modescape.study.chunks.read_rows`."""
        parts = [read_rows(path, self.stored.sizes(shape), examples) for path in self.paths(row)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, -1)

    def write(self, row: int, predictive: np.ndarray, shape: tuple[int, ...], *, confirmed: bool = True) -> None:
        """Write one model's prediction [example, width]; see `modescape.study.chunks.write_chunk`.

        Raises:
            ValueError: if they have another shape.
        """
        values, fields = np.asarray(predictive, dtype=np.float32), self.stored.fields
        if values.shape != shape:
            name = fields[0].name if len(fields) == 1 else "the prediction"
            raise ValueError(f"{name} is {list(values.shape)}, expected {list(shape)} [example, {self.stored.axis}]")
        for path, part in zip(self.paths(row), np.split(values, len(fields), -1), strict=True):
            write_chunk(path, part, self.study, confirmed=confirmed)


def _create(
    root: zarr.Group,
    like: Group,
    target: np.ndarray,
    width: int,
    attributes: Mapping[str, Any],
    names: np.ndarray | None,
) -> None:
    group = root.create_group(like.name, overwrite=True, attributes=dict(attributes))
    columns, stored, axis = like.columns, like.stored, like.stored.axis

    def make(name: str, shape: Sequence[int], dtype: str, chunks: Sequence[int], dims: str, **more: Any) -> Any:
        plain: dict[str, Any] = {"compressors": CHECKSUM, "filters": None, "dimension_names": dims.split()}
        return group.create_array(name, shape=tuple(shape), dtype=dtype, chunks=tuple(chunks), **plain, **more)

    for own, column in columns.items():
        about = {"units": "1", "long_name": column.long_name}
        shape = (0, *column.chunk[1:])
        make(own, shape, column.kind, column.chunk, column.dims, fill_value=column.fill, attributes=about)
    name, about = stored.target.name, {"units": stored.target.units, "long_name": stored.target.long_name}
    dims = "example" if target.ndim == 1 else f"example {axis}"
    truth = make(name, target.shape, stored.target_kind, target.shape, dims, attributes=about)
    truth.with_config({"write_empty_chunks": True})[:] = target  # its file says how many there are
    if names is not None:
        values = encoded(names.tolist(), max(len(name.encode()) for name in names))
        about = {"units": "1", "long_name": "name of the example's group, UTF-8"}
        held = make(GROUP, values.shape, "uint8", values.shape, "example character", attributes=about)
        held.with_config({"write_empty_chunks": True})[:] = values
    sizes = stored.sizes((len(target), width))
    for field in stored.fields:
        beside = [*columns, name, *([] if names is None else [GROUP])]
        about = {"units": field.units, "long_name": field.long_name, "coordinates": " ".join(beside)}
        more: dict[str, Any] = {"fill_value": float("nan"), "attributes": about}
        more["chunk_key_encoding"] = {"name": "default", "separator": like.separator}
        make(field.name, (0, *sizes), "float32", (1, *sizes), f"model example {axis}", **more)


def array(group: zarr.Group, name: str) -> Any:
    """An array of the group that also writes chunks holding only the fill value."""
    with damage(place(str(group.store.root)) / group.path / name):  # type: ignore[attr-defined]
        return group[name].with_config({"write_empty_chunks": True})  # type: ignore[union-attr]


def encoded(values: Sequence[str], width: int) -> np.ndarray:
    """Texts as a column holds them, uint8 [text, byte].

    Raises:
        InputError: if one is too long.
    """
    out = np.zeros((len(values), width), dtype=np.uint8)
    for row, text in zip(out, values, strict=True):
        data = text.encode()
        if len(data) > width:
            raise InputError(f"the name {shown(text)} has {len(data)} bytes; expected at most {width}")
        row[: len(data)] = np.frombuffer(data, dtype=np.uint8)
    return out


def texts(values: np.ndarray) -> np.ndarray:
    """The texts of uint8 [text, byte]."""
    return np.array([row.tobytes().rstrip(b"\0").decode(errors="replace") for row in values], dtype=object)


@contextlib.contextmanager
def damage(folder: Path) -> Iterator[None]:
    """Turn the various errors that zarr raises on damaged files into `DamageError`."""
    try:
        yield
    except (InputError, WorkError):
        raise
    except PermissionError as error:
        raise WorkError(f"cannot read '{folder}': {error.strerror}") from error
    except Exception as error:
        raise DamageError(f"'{folder}' is damaged ({shown(error)}); modescape run makes it again") from error
