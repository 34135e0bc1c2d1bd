"""A cache of decoded images in the user's cache folder, one file per source, with a checksum."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from modescape import recipe, runtime
from modescape.batches import leaves
from modescape.data.dataset import Source
from modescape.data.folders import METADATA, files_below
from modescape.data.tables import SUFFIXES, named_files

FORMAT = 2  # 1: before orientation, transparency and sizes were looked at
DECODING = ("size", "resample", "crop", "background", "skip_broken")  # settings that the arrays depend on


def fingerprint(source: Source) -> str:
    """SHA-256 (hex) of examples, labels and class names, whatever their source."""
    digest = hashlib.sha256(json.dumps(source.class_names).encode())
    if source.kind.name != "image":
        digest.update(json.dumps([source.kind.name, source.kind.facts]).encode())
    tests: list[Any] = [] if source.test_inputs is None else leaves(source.test_inputs)
    arrays: list[Any] = [*leaves(source.inputs), source.label, *(tests or [None]), source.test_label]
    for array in arrays:
        if array is None:
            digest.update(b"none")
        else:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    if source.group is not None:
        names = [None if group is None else group.tolist() for group in (source.group, source.test_group)]
        digest.update(json.dumps(names).encode())
    return digest.hexdigest()


def cache_key(data: recipe.Data, task: recipe.Task | None = None) -> str:
    """Name of the cache entry: a local source by its path and its files' sizes and times, a hub one by its name.

    The files of a table are those that it names, too.
    """
    path, source = Path(data.source).resolve(), data.source
    files: list[Any] = []
    if path.exists():
        members = files_below(path) if path.is_dir() else [path]
        tables = [file for file in members if path.is_file() or file.name.lower() in METADATA]
        members += [file for table in tables if table.suffix.lower() in SUFFIXES for file in named_files(table)]
        files = [about for file in dict.fromkeys(members) if (about := _about(file)) is not None]
        source = str(path)
    settings = data.model_dump(include={"config", "image", "label", *DECODING})
    settings |= {} if data.group is None else {"group": data.group}
    kind = [task.kind] if task is not None and task.kind == "regression" else []  # numbers for labels
    name = json.dumps([FORMAT, source, settings, files, *kind], sort_keys=True)
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _about(file: Path) -> tuple[str, int, int] | None:
    try:
        found = file.stat()
    except (OSError, ValueError):  # reading reports missing files
        return None
    return str(file), found.st_size, found.st_mtime_ns


def cached(key: str, make: Callable[[], Source]) -> tuple[Source, str]:
    """The source of this key and its fingerprint; made and cached if it is missing or damaged."""
    path = runtime.cache_folder() / f"{key}.safetensors"
    found = _read(path)
    if found is not None:
        return found
    source = make()
    digest = fingerprint(source)
    _write(path, source, digest)
    return source, digest


def _read(path: Path) -> tuple[Source, str] | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = json.loads((file.metadata() or {})["modescape"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
        source = Source(
            arrays["image"],
            arrays["label"],
            arrays.get("test_image"),
            arrays.get("test_label"),
            tuple(metadata["class_names"]),
            tuple(map(str, metadata["notes"])),
            group=_texts(metadata.get("group")),
            test_group=_texts(metadata.get("test_group")),
        )
        digest = metadata["fingerprint"]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError):
        return None
    return (source, digest) if fingerprint(source) == digest else None


def _texts(names: list[str] | None) -> np.ndarray | None:
    return None if names is None else np.array(names, dtype=object)


def _write(path: Path, source: Source, digest: str) -> None:
    """Write atomically; a cache that cannot be written is not an error."""
    from safetensors.numpy import save

    arrays = {"image": source.inputs, "label": source.label}
    if source.test_inputs is not None and source.test_label is not None:
        arrays |= {"test_image": source.test_inputs, "test_label": source.test_label}
    metadata: dict[str, Any] = {"class_names": source.class_names, "fingerprint": digest, "notes": source.notes}
    groups = {"group": source.group, "test_group": source.test_group}
    metadata |= {name: group.tolist() for name, group in groups.items() if group is not None}
    data = save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()},
        metadata={"modescape": json.dumps(metadata, sort_keys=True)},
    )
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except OSError:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
