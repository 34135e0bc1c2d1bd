"""Predictions on disk: log-probabilities of every kept checkpoint, one chunk a model, read one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec
from zarr.storage import LocalStore

from modescape import durable
from modescape.errors import DamageError, InputError, WorkError
from modescape.plain import ranges, shown
from modescape.study import layout, stores
from modescape.study.stores import CHECKSUM_BYTES, check_store

if TYPE_CHECKING:
    from modescape.study.study import Study

ABSENT = -1  # member and epoch of a row that was announced and not yet named
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


class Predictions:
    """The predictions of one split: lazy, one model in memory at a time."""

    def __init__(self, study: Study, split: str) -> None:
        """Open for reading; `Study.predictions` is the way here."""
        self._study, self._split = study, split
        check_store(study, split)
        group = _open(study, split, "r")
        self.members, self.epochs = _named_rows(group)  # int64 [model]
        with _damage(study.path / layout.PREDICTIONS / split):
            self.label: np.ndarray = _array(group, "label")[:]  # int64 [example]
        self.class_names: list[str] = list(study.manifest["class_names"])
        self._log_prob = _array(group, "log_prob")
        pairs = zip(self.members.tolist(), self.epochs.tolist(), strict=True)
        self._rows = {pair: row for row, pair in enumerate(pairs)}

    def __len__(self) -> int:
        """Number of models."""
        return len(self.members)

    def index(self, member: int, epoch: int) -> int:
        """The row of a checkpoint.

        Raises:
            InputError: if it was not predicted.
        """
        try:
            return self._rows[member, epoch]
        except KeyError:
            raise InputError(self._absent(member, epoch)) from None

    def _absent(self, member: int, epoch: int) -> str:
        """What is not predicted, and what is."""
        epochs = [int(self.epochs[row]) for row in self.models(member)]
        what = f"there are no {self._split} predictions of member {member}"
        if epochs:
            return f"{what} at epoch {epoch}; kept and predicted are its epochs {ranges(epochs)}"
        return f"{what}; predicted are the trained members {ranges(sorted({*self.members.tolist()})) or '(none yet)'}"

    def models(self, member: int) -> list[int]:
        """Rows of a member's checkpoints, in the order of epochs."""
        return [row for (_, row) in sorted((epoch, row) for (who, epoch), row in self._rows.items() if who == member)]

    def log_prob(self, index: int | None = None, *, member: int | None = None, epoch: int | None = None) -> np.ndarray:
        """Log-probabilities of one model, float32 [example, class]; reads one chunk.

        Args:
            index: a row, as `index` and `models` give it; or instead of it
            member: the number of a member, and
            epoch: one of its kept epochs; default the last one, its solution.

        Raises:
            InputError: if there is no such member or epoch; says which there are.
            DamageError: if the chunk is missing or damaged; names the member and the epoch.
        """
        index = self._row(index, member, epoch)
        path = layout.chunk_path(self._study.path, self._split, int(index))
        whose = f"{self._split} predictions of member {self.members[index]} at epoch {self.epochs[index]}"
        again = f"make them again with: {layout.run_again(self._study.path)}"
        if not path.is_file():
            raise DamageError(f"the {whose} are missing ('{path}'); {again}")
        if path.stat().st_size != math.prod(self._log_prob.shape[1:]) * 4 + CHECKSUM_BYTES:
            raise DamageError(f"the {whose} are damaged ('{path}'); {again}")
        try:
            return np.asarray(self._log_prob[int(index)])
        except Exception as error:  # a checksum that does not fit, a short file, ...: zarr raises several kinds
            raise DamageError(f"the {whose} are damaged ('{path}'); {again}") from error

    def _row(self, index: int | None, member: int | None, epoch: int | None) -> int:
        if index is not None and member is None and epoch is None:
            if not 0 <= int(index) < len(self):
                raise InputError(
                    f"there is no row {index} of {self._split} predictions; there are {len(self)}, from 0 on"
                )
            return int(index)
        if index is not None or member is None:
            raise InputError("log_prob takes a row, or member=... and epoch=...")
        if epoch is None:
            rows = self.models(member)
            epoch = int(self.epochs[rows[-1]]) if rows else 0
        return self.index(member, epoch)

    def log_probs(self, indices: Sequence[int], examples: slice | None = None) -> np.ndarray:
        """Several models, float32 [model, example, class]; beside the answer one chunk is in memory."""
        wanted = slice(None) if examples is None else examples
        count = len(range(*wanted.indices(len(self.label))))
        out = np.empty((len(indices), count, self._log_prob.shape[2]), dtype=np.float32)
        for position, index in enumerate(indices):
            out[position] = self.log_prob(index)[wanted]
        return out


class PredictionWriter:
    """Writes the predictions of one split; a copy may go to other processes, each writing other rows."""

    def __init__(self, study: Study, split: str) -> None:
        """Name the target; nothing is opened yet."""
        if split not in layout.SPLITS:
            raise InputError(f"no split {split!r}; expected one of {', '.join(layout.SPLITS)}")
        self.study, self.split = study, split

    def create_or_extend(
        self, wanted: Sequence[tuple[int, int]], label: np.ndarray, num_classes: int
    ) -> list[tuple[int, int, int]]:
        """Give every wanted model a row, the old ones theirs, and say which are still to be written.

        Only the holder of the study calls this. Rows are in the order first asked for. Every row that is there is read
        once: a damaged one is to be written again. Where more is damaged than single rows, the split is begun anew:
        predictions can always be made again.

        Args:
            wanted: (member, epoch) of the models.
            label: the true classes, int64 [example].
            num_classes: number of classes.

        Returns:
            (row, member, epoch) of the wanted models without a readable chunk, by row.

        Raises:
            WorkError: if the split cannot be written.
        """
        durable.sweep(self.study.path / layout.PREDICTIONS)
        label = np.asarray(label, dtype=np.int64)
        try:
            return self._extended(self._group(label, num_classes), wanted)
        except DamageError:
            # first the file without which nothing counts: a crash meanwhile leaves no rows without names
            _array_file(self.study.path / layout.PREDICTIONS, self.split).unlink(missing_ok=True)
            return self._extended(self._group(label, num_classes), wanted)

    def _extended(self, group: zarr.Group, wanted: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
        members, epochs = _named_rows(group)
        self._delete_unnamed(len(members))
        rows = {pair: row for row, pair in enumerate(zip(members.tolist(), epochs.tolist(), strict=True))}
        old = len(rows)
        for member, epoch in wanted:
            rows.setdefault((int(member), int(epoch)), len(rows))
        if len(rows) > old:
            # the models are named before the big array grows: a row counts when all three have it
            for name, part in (("member", 0), ("epoch", 1)):
                array = _array(group, name)
                array.resize((len(rows),))
                array[old:] = np.array([pair[part] for pair in rows], dtype=np.int64)[old:]
        log_prob = _array(group, "log_prob")
        if log_prob.shape[0] < len(rows):
            log_prob.resize((len(rows), *log_prob.shape[1:]))
        there = Predictions(self.study, self.split)
        asked = dict.fromkeys((int(member), int(epoch)) for member, epoch in wanted)
        return sorted((rows[pair], *pair) for pair in asked if not _readable(there, rows[pair]))

    def _delete_unnamed(self, count: int) -> None:
        """Delete chunks behind the first ``count`` rows: their names were lost, and other models will have the rows."""
        for name in layout.names(layout.chunk_folder(self.study.path, self.split)):
            if name.isdigit() and int(name) >= count:
                layout.chunk_path(self.study.path, self.split, int(name)).unlink(missing_ok=True)

    def drop(self, members: Collection[int]) -> None:
        """Delete what was predicted of these members, where anything was."""
        with contextlib.suppress(InputError, WorkError):  # what cannot be read is made anew anyway
            numbers, _ = _named_rows(_open(self.study, self.split, "r"))
            for row in np.flatnonzero(np.isin(numbers, list(members))):
                layout.chunk_path(self.study.path, self.split, int(row)).unlink(missing_ok=True)

    def write(self, row: int, log_prob: np.ndarray) -> None:
        """Write one model's log-probabilities [example, class] as float32; other rows may be written meanwhile.

        Raises:
            ValueError: if the shape is not that of the store.
        """
        array = _array(_open(self.study, self.split, "r+"), "log_prob")
        values = np.asarray(log_prob, dtype=np.float32)
        if values.shape != array.shape[1:]:
            raise ValueError(f"log_prob is {list(values.shape)}, expected {list(array.shape[1:])} [example, class]")
        array[row] = values

    def _group(self, label: np.ndarray, num_classes: int) -> zarr.Group:
        store = DurableStore(self.study.path / layout.PREDICTIONS)
        # log_prob is made last: where it is absent, nothing was ever written and the split is made anew
        if not _array_file(store.root, self.split).is_file():
            with _damage(store.root):
                durable.make_folder(store.root, self.study.path)  # zarr would make it without confirming it
                root = zarr.open_group(store, mode="a", zarr_format=3, use_consolidated=False)
                _create(root, self.split, label, num_classes, self.study.manifest["class_names"])
        check_store(self.study, self.split)
        group = _open(self.study, self.split, "r+")
        with _damage(store.root / self.split):
            log_prob, stored = _array(group, "log_prob"), _array(group, "label")[:]
        if not np.array_equal(stored, label) or log_prob.shape[2] != num_classes:
            raise DamageError(f"'{store.root / self.split}' is damaged: it holds predictions of other examples")
        return group


def _create(root: zarr.Group, split: str, label: np.ndarray, num_classes: int, class_names: Sequence[str]) -> None:
    group = root.create_group(split, overwrite=True, attributes={"class_names": [str(name) for name in class_names]})
    examples = len(label)

    def make(name: str, shape: tuple[int, ...], dtype: str, chunks: tuple[int, ...], dims: str, **more: Any) -> Any:
        plain: dict[str, Any] = {"compressors": CHECKSUM, "filters": None, "dimension_names": dims.split()}
        return group.create_array(name, shape=shape, dtype=dtype, chunks=chunks, **plain, **more)

    for name in ("member", "epoch"):
        about = {"units": "1", "long_name": name}
        make(name, (0,), "int64", (stores.INDEX_CHUNK,), "model", fill_value=ABSENT, attributes=about)
    about = {"units": "1", "long_name": "true class"}
    true_class = make("label", (examples,), "int64", (examples,), "example", attributes=about)
    true_class.with_config({"write_empty_chunks": True})[:] = label  # its file says how many there are
    about = {"units": "nats", "long_name": "log-probability", "coordinates": "member epoch label"}
    shape, chunk = (0, examples, num_classes), (1, examples, num_classes)
    make("log_prob", shape, "float32", chunk, "model example class", fill_value=float("nan"), attributes=about)


def _open(study: Study, split: str, mode: Any) -> zarr.Group:
    """A split's group.

    Raises:
        InputError: if there are no predictions of that split.
        DamageError: if the store is damaged.
    """
    if split not in layout.SPLITS:
        raise InputError(f"no split {split!r}; expected one of {', '.join(layout.SPLITS)}")
    folder = study.path / layout.PREDICTIONS
    if not _array_file(folder, split).is_file():
        raise InputError(
            f"study '{study.path}' has no {split} predictions yet; make them with: {layout.run_again(study.path)}"
        )
    store = DurableStore(folder, read_only=mode == "r")
    with _damage(folder / split):
        return zarr.open_group(store, path=split, mode=mode, zarr_format=3, use_consolidated=False)


def _array_file(folder: Path, split: str) -> Path:
    return folder / split / "log_prob" / "zarr.json"


def _array(group: zarr.Group, name: str) -> Any:
    """An array of the group, which writes chunks also when they hold nothing but the fill value."""
    with _damage(Path(str(group.store.root)) / group.path / name):  # type: ignore[attr-defined]
        return group[name].with_config({"write_empty_chunks": True})  # type: ignore[union-attr]


def _named_rows(group: zarr.Group) -> tuple[np.ndarray, np.ndarray]:
    """Members and epochs of the rows, int64 [model]: up to the first that was not named before a writer died."""
    with _damage(Path(str(group.store.root)) / group.path):  # type: ignore[attr-defined]
        members, epochs = _array(group, "member")[:], _array(group, "epoch")[:]
    count = min(len(members), len(epochs))
    absent = np.flatnonzero((members[:count] == ABSENT) | (epochs[:count] == ABSENT))
    count = int(absent[0]) if len(absent) else count
    return members[:count], epochs[:count]


@contextlib.contextmanager
def _damage(folder: Path) -> Iterator[None]:
    """What zarr raises on damaged files (several kinds) in plain words."""
    try:
        yield
    except (InputError, WorkError):
        raise
    except PermissionError as error:
        raise WorkError(f"cannot read '{folder}': {error.strerror}") from error
    except Exception as error:
        raise DamageError(f"'{folder}' is damaged ({shown(error)}); modescape run makes it again") from error


def _readable(predictions: Predictions, row: int) -> bool:
    try:
        predictions.log_prob(row)
    except DamageError:
        return False
    return True
