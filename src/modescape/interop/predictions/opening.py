"""Which reader a file has, what its models are called, and what it is for the record."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modescape.errors import InputError
from modescape.interop.predictions import arrays, columns
from modescape.interop.predictions.content import IDS, LABELS, Content
from modescape.plain import nearest, shown

READERS: dict[str, Callable[[Path], Content]] = {  # by the end of a file's name
    ".npy": arrays.read_npy,
    ".npz": arrays.read_npz,
    ".zarr": arrays.read_zarr,
    ".pt": arrays.read_torch,
    ".pth": arrays.read_torch,
    ".csv": columns.read_csv,
    ".tsv": columns.read_csv,
    ".txt": columns.read_text,
    ".json": columns.read_json,
    ".jsonl": columns.read_lines,
    ".ndjson": columns.read_lines,
    ".parquet": columns.read_parquet,
    ".arrow": columns.read_arrow,
    ".feather": columns.read_arrow,
    ".ipc": columns.read_arrow,
}
STANDARD_INPUT = "-"
CONTENT = re.compile(  # words at the end of a name that say what a file holds, not whose it is
    r"([_./ -](predictions?|preds?|prob(abilitie)?s?|log[_-]?probs?|logits?|outputs?|test|val|validation))+$",
    re.IGNORECASE,
)
READ_AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class Origin:
    """Where a model's predictions are from."""

    file: str  # as it was named; "": an array in memory
    size: int = 0  # bytes
    sha256: str = ""


def open_spec(spec: str) -> tuple[Content, str, Origin]:
    """A file named as FILE or FILE:COLUMN.

    Returns:
        All that it holds, the column that is meant ("": none is named), and where it is from.

    Raises:
        InputError: if there is no such file, it is of no known format, or cannot be read.
    """
    if spec == STANDARD_INPUT:
        data = sys.stdin.buffer.read()
        about = Origin("standard input", len(data), hashlib.sha256(data).hexdigest())
        return columns.standard_input(data), "", about
    path, column = Path(spec), ""
    if not _is_there(path) and ":" in spec:
        before, _, column = spec.rpartition(":")
        path = Path(before)
    if not _is_there(path):
        raise InputError(f"there is no file '{shown(spec, 200)}'")
    reader = READERS.get(path.suffix.lower())
    if path.is_dir() and (reader is not arrays.read_zarr) and not _is_zarr(path):
        raise InputError(f"'{path}' is a folder; expected files, such as {path}/*.npy (only zarr may be a folder)")
    if path.is_dir():
        reader = arrays.read_zarr
    elif not path.is_file():
        raise InputError(f"'{path}' is not an ordinary file")
    elif not path.stat().st_size:
        raise InputError(f"'{path}' is empty")
    if reader is None:
        raise InputError(
            f"'{path}' has a format that cannot be read here; {nearest(path.suffix or path.name, list(READERS))}"
        )
    content = reader(path)
    return content, column, _origin(path)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long
        return False


def chosen(content: Content, column: str) -> Content:
    """A file of which one array, or column, is meant; ids and labels stay beside it."""
    if column not in content.arrays:
        raise InputError(f"'{content.where}' has no column {column!r}; {nearest(column, list(content.arrays))}")
    kept = {name: rows for name, rows in content.arrays.items() if name == column or name.lower() in (*IDS, *LABELS)}
    return replace(content, arrays=kept)


def _is_zarr(path: Path) -> bool:
    return any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def _origin(path: Path) -> Origin:
    """Size and SHA-256 of a file; of a folder, of all files in the order of their names."""
    digest, size = hashlib.sha256(), 0
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for one in files:
        if path.is_dir():
            digest.update(str(one.relative_to(path)).encode())
        with one.open("rb") as file:
            while part := file.read(READ_AT_A_TIME):
                digest.update(part)
                size += len(part)
    return Origin(str(path), size, digest.hexdigest())


def names_of(specs: Sequence[str]) -> list[str]:
    """Names of models: the file's name without its suffix, with folders before it where names coincide.

    Where these are the same, too, it is named as it was given, with its ending and column. A word that all names end
    in and that says what files hold is left out.

    Raises:
        InputError: if a file, or column of a file, is named twice.

    >>> names_of(["all.csv:resnet", "all.csv:vit"])
    ['all.csv:resnet', 'all.csv:vit']
    >>> names_of(["a/run.npy", "b/run.npy", "c/other.csv"])
    ['a/run', 'b/run', 'other']
    >>> names_of(["resnet_predictions.json", "vit_predictions.json"])
    ['resnet', 'vit']
    """
    if twice := next((spec for spec in specs if list(specs).count(spec) > 1), None):
        raise InputError(f"'{shown(twice, 200)}' is named twice; leave one of them out")
    paths = [Path("stdin" if spec == STANDARD_INPUT else spec) for spec in specs]
    parts = [
        (*path.parts[:-1], path.stem if path.suffix.partition(":")[0].lower() in READERS else path.name)
        for path in paths
    ]
    found = [own[-1] for own in parts]
    for depth in range(2, max(map(len, parts), default=1) + 1):
        twice = {name for name in found if found.count(name) > 1}
        if not twice:
            break
        found = ["/".join(own[-depth:]) if name in twice else name for own, name in zip(parts, found, strict=True)]
    return _shortened([spec if found.count(name) > 1 else name for spec, name in zip(specs, found, strict=True)])


def _shortened(names: list[str]) -> list[str]:
    """Several names without the words that all of them end in and that say what files hold."""
    ends = {found[0] if (found := CONTENT.search(name)) else "" for name in names}
    end = ends.pop()
    shorter = [name.removesuffix(end) for name in names]
    return names if ends or len(names) == 1 or not all(shorter) else shorter
