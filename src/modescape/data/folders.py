"""Folders of pictures: with and without folders for splits, the classes as folders or in a metadata file."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from modescape.data.hub import check_rows
from modescape.data.tables import (
    EVERY_ROW_ITS_OWN,
    PICTURES,
    SPLITS,
    SUFFIXES,
    Part,
    left_out,
    read_table,
    split_by_column,
)
from modescape.errors import InputError
from modescape.plain import shown

METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
FILE_NAME = "file_name"  # the column of a metadata file that names its picture
DATA = frozenset((".parquet", ".arrow", ".tar", ".zip", ".gz", ".json"))  # of a dataset in the hub's layout
TABLES = frozenset((".parquet", ".arrow"))  # those of them that are more than what lies beside pictures by chance
STUDY = "study.yaml"  # the recipe in the folder of a study, whose files are no data
IMAGE, LABEL = "image", "label"  # columns of the tables that are made here


def files_below(folder: Path) -> list[Path]:
    """All files, sorted by path, but hidden ones and studies; links to folders are followed, each is visited once."""
    found, visited = [], set()
    for place, folders, names in os.walk(folder, followlinks=True):
        about = Path(place).stat()
        if (about.st_dev, about.st_ino) in visited:
            folders.clear()
            continue
        visited.add((about.st_dev, about.st_ino))
        if STUDY in names and Path(place) != folder:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        found += [Path(place, name) for name in names if not _is_hidden(name)]
    return sorted(found, key=str)


def _check_names(files: list[Path]) -> None:
    """Refuse names that are no Unicode: no table, page or recipe could hold them."""
    for file in files:
        name = str(file)
        if name.encode("utf-8", "ignore").decode() != name:
            readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            raise InputError(
                f"'{shown(readable)}': this name is not in UTF-8 (each � is a byte that is not); rename it"
            )


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__"))  # .DS_Store, .git, __MACOSX, __pycache__


def picture_parts(source: str) -> list[Part] | None:
    """The splits of a folder of pictures; None where it is of another layout (Parquet and the like).

    A folder ``train`` beside others of such names gives the splits, else all of it is one; a single folder around
    everything counts for nothing. The class of a picture is the folder it lies in, or what a metadata file says.

    Raises:
        InputError: if pictures lie at different depths, or beside no class folder, or are not in the metadata file.
    """
    root = Path(source)
    files = files_below(root)
    _check_names(files)
    pictures = [file for file in files if file.suffix.lower() in PICTURES]
    tables = [file for file in files if file.name.lower() in METADATA]
    data = [file for file in files if file.suffix.lower() in DATA and file not in tables]
    if not pictures and not data and not any(file.suffix.lower() in SUFFIXES for file in files):
        kinds = ", ".join(sorted({file.suffix.lower() or file.name for file in files}))
        raise InputError(
            f"'{source}' holds no pictures (.png, .jpg and the like), no tables of them and no Parquet files; "
            + (f"its files: {shown(kinds, 120)}" if files else "it is empty")
        )
    by_chance = len(pictures) > len(data) and len({file.parent for file in pictures}) > 1
    if not pictures or (data and not (by_chance and TABLES.isdisjoint(file.suffix.lower() for file in data))):
        return None
    parts = _picture_parts(source, root, pictures, tables)
    if data:
        beside = "1 other file is" if len(data) == 1 else f"{len(data):,} other files are"
        note = f"{beside} among the pictures and not read, such as '{shown(data[0], 120)}'."
        parts[0] = replace(parts[0], notes=(*parts[0].notes, note))
    return parts


def _picture_parts(source: str, root: Path, pictures: list[Path], tables: list[Path]) -> list[Part]:
    root = _inside(root, pictures)
    if tables:
        return _described(source, root, pictures, tables)
    folders = {file.relative_to(root).parts[0] for file in pictures if len(file.relative_to(root).parts) > 1}
    splits = {folder: SPLITS[folder.lower()] for folder in sorted(folders) if folder.lower() in SPLITS}
    if "train" not in splits.values():
        return [_part(source, "train", root, pictures)]
    notes = _left_beside(root, pictures, set(splits))
    parts = []
    for folder, split in splits.items():
        own = [file for file in pictures if file.relative_to(root).parts[0] == folder]
        parts.append(_part(source, split, root / folder, own, notes if split == "train" else ()))
    names = [part.name for part in parts]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"'{source}' has two folders for the split '{twice[0]}': {', '.join(splits)}; keep one")
    return parts


def _inside(root: Path, pictures: list[Path]) -> Path:
    """The folder inside those that hold one folder with folders, and nothing else."""
    while True:
        parts = [file.relative_to(root).parts for file in pictures]
        names = {own[0] for own in parts}
        if len(names) > 1 or min(map(len, parts)) < 3 or next(iter(names)).lower() in SPLITS:
            return root
        root = root / names.pop()


def _left_beside(root: Path, pictures: list[Path], used: set[str]) -> tuple[str, ...]:
    """A sentence about the pictures beside the folders of the splits; none where there are none."""
    beside = [file.relative_to(root) for file in pictures if file.relative_to(root).parts[0] not in used]
    if not beside:
        return ()
    return (left_out(len(beside), f"beside the folders of the splits ({', '.join(sorted(used))})", beside[0]),)


def _part(source: str, split: str, root: Path, pictures: list[Path], notes: tuple[str, ...] = ()) -> Part:
    """A split whose pictures lie in class folders, or flat and without labels."""
    import pyarrow as pa

    depths = Counter(len(file.relative_to(root).parts) - 1 for file in pictures)
    usual = max(depths, key=lambda depth: (depths[depth], depth))
    for file in pictures:
        if len(file.relative_to(root).parts) - 1 != usual:
            other = next(one for one in pictures if len(one.relative_to(root).parts) - 1 == usual)
            raise InputError(
                f"'{source}': pictures lie at different depths: '{file}' and '{other}'; each must lie in the folder of "
                "its class. Move or remove the first, or list pictures and labels in a .csv file"
            )
    labels = [file.parent.name if usual else None for file in pictures]
    if split == "train" and len(set(labels)) == 1:
        raise InputError(
            f"'{source}': all pictures lie in '{pictures[0].parent}', and nothing says what they show; put each class "
            "(two or more) into its own folder, or name a table of paths and labels: "
            f"--set data.source={_table_near(source)}"
        )
    names = sorted(set(map(str, labels)))
    if usual > 1 and all(name.lower() in SPLITS for name in names):
        raise InputError(
            f"'{source}': the innermost folders are named as splits ({', '.join(names)}) and would be the classes; put "
            f"the splits outside: {names[0]}/CLASS instead of CLASS/{names[0]}"
        )
    if split == "train" and len(names) == len(pictures) > EVERY_ROW_ITS_OWN:
        raise InputError(
            f"'{source}': each of the {len(pictures):,} pictures lies in a folder of its own, such as '{pictures[0]}'; "
            "give each class one folder, or list pictures and labels in a .csv file"
        )
    if usual > 1 and split == "train":
        above = sorted({str(file.relative_to(root).parts[0]) for file in pictures})
        notes += (
            f"The classes are the innermost folders ({shown(', '.join(names), 200)}); the folders above them "
            f"({shown(', '.join(above), 200)}) are taken together.",
        )
    table = pa.table({IMAGE: [str(file) for file in pictures], LABEL: pa.array(labels, pa.string())})
    return Part(source, split, table, Path(), notes=notes)


def _table_near(source: str) -> str:
    """A table that may say what pictures show, for advice."""
    return next((str(file) for file in files_below(Path(source)) if file.suffix.lower() in SUFFIXES), "FILE.csv")


def _described(source: str, root: Path, pictures: list[Path], tables: list[Path]) -> list[Part]:
    """The splits of a folder whose metadata files say what the pictures show."""
    import pyarrow as pa

    rows: dict[str, list[Any]] = {}  # split -> tables
    named: set[Path] = set()
    for file in tables:
        table = _metadata(file)
        paths = [file.parent / str(cell) for cell in table.column(FILE_NAME).to_pylist()]
        named.update(Path(os.path.normpath(path)) for path in paths)
        table = table.set_column(table.column_names.index(FILE_NAME), FILE_NAME, [[str(path) for path in paths]])
        for split, part in _by_folder(source, root, paths, table):
            rows.setdefault(split, []).append(part)
    without = [picture for picture in pictures if Path(os.path.normpath(picture)) not in named]
    notes = (left_out(len(without), "that no metadata file names", without[0]),) if without else ()
    try:
        joined = {split: pa.concat_tables(parts, promote_options="default") for split, parts in rows.items()}
    except pa.ArrowException as error:
        raise InputError(f"'{source}': its metadata files have different columns: {shown(error)}") from error
    own = {"train": notes}
    return [Part(source, split, table, Path(), notes=own.get(split, ())) for split, table in joined.items()]


def _metadata(file: Path) -> Any:
    from pyarrow import ArrowException, parquet

    try:
        check_rows(file, str(file))
        table = parquet.read_table(file) if file.suffix.lower() == ".parquet" else read_table(file)
    except (OSError, ArrowException) as error:
        raise InputError(f"'{file}' cannot be read: {shown(error)}") from error
    if FILE_NAME not in table.column_names:
        raise InputError(f"'{file}' has no column '{FILE_NAME}'; its columns: {shown(', '.join(table.column_names))}")
    return table


def _by_folder(source: str, root: Path, paths: list[Path], table: Any) -> list[tuple[str, Any]]:
    """The rows of a metadata file by split: its column "split", or the first folder of the pictures' paths."""
    if any(name.lower() == "split" for name in table.column_names):
        return [(part.name, part.table) for part in split_by_column(source, table, root)]
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pa.array([SPLITS.get(_first(path, root).lower(), "train") for path in paths])
    found = dict.fromkeys(column.to_pylist())
    return [(str(split), table.filter(pc.equal(column, split))) for split in found]  # pyright: ignore


def _first(path: Path, root: Path) -> str:
    parts = Path(os.path.relpath(path, root)).parts
    return parts[0] if len(parts) > 1 else ""
