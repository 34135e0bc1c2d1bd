"""What a store of predictions must look like before zarr is let at it: its shapes decide how much memory is taken."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modescape.errors import DamageError
from modescape.plain import MOST_CLASSES, is_count, shown
from modescape.study import layout

if TYPE_CHECKING:
    from modescape.study.study import Study

INDEX_CHUNK = 4096  # rows: member and epoch of that many models lie in one file
CHECKSUM_BYTES = 4  # behind every chunk
# nothing that unpacks to more than the file has, and no other order of bytes: no checksum covers this description
CODECS = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
MOST_ROWS = 1 << 24


def check_store(study: Study, split: str) -> None:
    """Refuse a split whose arrays are not like those written here, or larger than its files; nothing if there is none.

    Read as plain JSON: a foreign codec is never asked for, a shape never believed without the bytes behind it.

    Raises:
        DamageError: naming the array and what it says.
    """
    folder = study.path / layout.PREDICTIONS / split
    if not (folder / "log_prob" / "zarr.json").is_file():
        return
    try:
        layout.read_json(folder / "zarr.json")
        sizes = {name: _shape(folder, name, kind, axes) for name, (kind, axes) in _ARRAYS.items()}
    except FileNotFoundError as error:
        raise _damaged(folder, f"'{error.filename}' is missing") from error
    (examples,), shape = sizes["label"], sizes["log_prob"]
    if shape[1] != examples or shape[2] > MOST_CLASSES:
        raise _damaged(folder, f"it holds {examples:,} labels and log-probabilities {shape} [model, example, class]")
    # a row of log-probabilities is held against its own file when it is read
    _check_file(folder / "label" / "c" / "0", examples)


def _shape(folder: Path, name: str, kind: str, axes: int) -> list[int]:
    """Sizes of an array whose description is one of ours."""
    about = layout.read_json(folder / name / "zarr.json")
    shape = about.get("shape")
    if not isinstance(shape, list) or len(shape) != axes or not all(is_count(size, 0, 1 << 40) for size in shape):
        raise _damaged(folder / name, f"its shape is {shown(repr(shape), 60)}, expected {axes} sizes")
    if name != "label" and shape[0] > MOST_ROWS:
        raise _damaged(folder / name, f"it has {shape[0]:,} rows, expected at most {MOST_ROWS:,}")
    chunk = {"label": shape, "log_prob": [1, *shape[1:]]}.get(name, [INDEX_CHUNK])
    try:
        found = [about["data_type"], about["chunk_grid"]["configuration"]["chunk_shape"], about["codecs"]]
        found += [about["chunk_grid"]["name"], about["chunk_key_encoding"], about.get("storage_transformers") or []]
    except (KeyError, TypeError) as error:
        raise _damaged(folder / name, "its description is incomplete") from error
    keys = {"name": "default", "configuration": {"separator": "/"}}
    for came, expected in zip(found, [kind, chunk, CODECS, "regular", keys, []], strict=True):
        if came != expected:
            raise _damaged(folder / name, f"it says {shown(repr(came), 80)}, expected {shown(repr(expected), 80)}")
    return shape


_ARRAYS = {"member": ("int64", 1), "epoch": ("int64", 1), "label": ("int64", 1), "log_prob": ("float32", 3)}


def _check_file(path: Path, numbers: int) -> None:
    """Refuse an array of one chunk whose file has not as many bytes as it declares."""
    try:
        size = path.stat().st_size if path.is_file() else 0
    except OSError:
        size = 0
    if numbers and size != numbers * 8 + CHECKSUM_BYTES:
        raise _damaged(path, f"it has {size:,} bytes, expected {numbers} whole numbers")


def _damaged(folder: Path, reason: str) -> DamageError:
    return DamageError(f"'{folder}' is damaged: {reason}")
