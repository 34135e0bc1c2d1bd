"""Splits as they lie there, before anything is decoded: tables with a column of pictures and one of labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modescape.data.decode import is_address
from modescape.data.json_lines import json_lines
from modescape.errors import InputError
from modescape.plain import read_regular, shown, visible

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")  # of tables that may be a source themselves
CELLS = 100  # encoded pictures in memory at a time
EVERY_ROW_ITS_OWN = 10  # so many rows with as many different labels are no classes
MOST_COLUMNS = 1_000
LINES_LOOKED_AT, MOST_LOOKED_AT = 20, 1 << 20  # lines and characters of a table that tell its delimiter
NOT_THERE = ("", "na", "n/a", "nan", "null", "none", "?")  # what programs write for a number that is missing
MOST_TABLE_BYTES = 1 << 30  # of a file of paths and labels
READ = (
    "png",
    "apng",
    "jpg",
    "jpeg",
    "jpe",
    "jfif",
    "gif",
    "bmp",
    "dib",
    "webp",
    "tif",
    "tiff",
    "ppm",
    "pgm",
    "pbm",
    "pnm",
)
UNREAD = (
    "heic",
    "heif",
    "avif",
    "svg",
    "jp2",
    "j2k",
    "jxl",
    "psd",
    "ico",
    "tga",
    "dng",
    "cr2",
    "nef",
    "exr",
    "dcm",
    "eps",
)
PICTURES = frozenset(f".{name}" for name in (*READ, *UNREAD))  # those that are not read are named, not passed over
SPLITS = {  # names that folders and cells of a column "split" may have
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
}


@dataclass(frozen=True)
class Part:
    """One split: one row per picture."""

    source: str  # as the recipe names it
    name: str  # of the split
    table: Any  # pyarrow.Table
    base: Path  # where relative paths of pictures start
    declared: Mapping[str, str | None] = field(default_factory=dict)  # columns said to be images -> their mode
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of columns of numbers that have them
    notes: tuple[str, ...] = ()  # what a reader of the study should know about how it was found

    def __len__(self) -> int:
        return self.table.num_rows

    def cells(self, column: str, rows: list[int] | None = None) -> Iterator[tuple[Any, str]]:
        """Encoded pictures (``bytes`` and ``path``) and how to name each; few of them are in memory at a time.

        Args:
            column: of pictures.
            rows: increasing numbers of those wanted; None: all.
        """
        values = self.table.column(column)
        if rows is not None:
            for row in rows:
                yield self._cell(values[row].as_py(), row)
            return
        row = 0
        for chunk in values.chunks:
            for start in range(0, len(chunk), CELLS):
                for value in chunk.slice(start, CELLS).to_pylist():
                    yield self._cell(value, row)
                    row += 1

    def _cell(self, value: Any, row: int) -> tuple[Any, str]:
        where = f"{self.source}: {self.name}, row {row}"
        if isinstance(value, dict):
            data, path = value.get("bytes"), value.get("path")
        else:
            data, path = (value, None) if isinstance(value, bytes) else (None, value)
        if isinstance(path, str) and path:
            path = path if is_address(path) else str(self.base / path)
            where = f"'{visible(path)}'" if data is None else f"{where} ('{shown(path)}')"
        return {"bytes": data, "path": path}, where


def left_out(count: int, why: str, such: object) -> str:
    """The sentence about pictures that are not used: "3 pictures beside ... were left out, such as ..."."""
    subject, verb = ("1 picture", "was") if count == 1 else (f"{count:,} pictures", "were")
    return f"{subject} {why} {verb} left out, such as '{shown(such, 120)}'."


def is_picture(name: Any) -> bool:
    """Whether a text ends as the name of a picture's file does."""
    return isinstance(name, str) and Path(name.split("?")[0] if is_address(name) else name).suffix.lower() in PICTURES


def read_table(path: Path, *, typed: bool = True) -> Any:
    """A file of paths and labels as a table: CSV, TSV (texts and whole numbers) or JSON lines.

    The delimiter is the one of comma, semicolon and tab that cuts the first lines into equally many cells, and into
    most of them. Without a header (a
    cell of the first line is a picture's name) columns are called "column1", "column2", ...

    Args:
        path: of the file.
        typed: take columns of whole numbers as such; else cells of CSV and TSV are the texts that stand there, None
            where nothing does.

    Raises:
        InputError: if the file cannot be read or a row is not as long as the first, naming the line.
    """
    import pyarrow as pa

    try:
        text = read_regular(path, MOST_TABLE_BYTES).decode("utf-8-sig")
        columns = json_lines(text) if path.suffix.lower() == ".jsonl" else _separated(text, typed)
        return pa.table(columns)
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"'{path}' cannot be read as a table: it is not UTF-8 text; save it as UTF-8 ({shown(error)})"
        ) from error
    except (OSError, ValueError, csv.Error, RecursionError, pa.ArrowException, OverflowError, TypeError) as error:
        raise InputError(f"'{path}' cannot be read as a table: {shown(error)}") from error


def _separated(text: str, typed: bool) -> dict[str, list[Any]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    lines = list(numbered_rows(reader))
    if not lines:
        raise InputError("the table is empty")
    (_, header), rows = lines[0], lines[1:]
    if any(map(is_picture, header)):
        header, rows = [f"column{number}" for number in range(1, len(header) + 1)], lines
    if len(header) > MOST_COLUMNS:
        raise InputError(f"the table has {len(header):,} columns, expected at most {MOST_COLUMNS:,}")
    if not rows:
        raise InputError("the table has a header and no rows")
    header = [name.strip() for name in header]
    if len(set(header)) != len(header):
        raise InputError(f"two columns have one name ({shown(', '.join(header))}); rename one")
    for line, row in rows:
        if len(row) != len(header):
            cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            raise InputError(f"line {line} has {cells}, expected {len(header)} ({shown(', '.join(header))})")
    columns = {name: [row[at].strip() for _, row in rows] for at, name in enumerate(header)}
    return {name: _typed(cells) if typed else [cell or None for cell in cells] for name, cells in columns.items()}


def numbered_rows(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, each with the number of its last line."""
    line = 0
    try:
        for row in reader:
            line = reader.line_num
            if row:
                yield line, row
    except csv.Error as error:
        never = "a quotation mark is opened and never closed" if "unexpected end" in str(error) else str(error)
        raise InputError(f"line {line + 1}: {never}") from error


def delimiter_of(text: str, candidates: str = ",;\t") -> str:
    """The delimiter that cuts the first lines into equally many cells, and into most of them."""

    def widths(delimiter: str) -> tuple[bool, int]:
        lines = csv.reader(io.StringIO(text[:MOST_LOOKED_AT], newline=""), delimiter=delimiter)
        try:
            rows = [row for _, row in zip(range(LINES_LOOKED_AT), lines, strict=False) if row] or [[]]
        except csv.Error:  # a cell that never ends: another delimiter may cut it
            return False, 0
        return 1 < len(rows[0]) == max(map(len, rows)) == min(map(len, rows)), len(rows[0])

    return max(candidates, key=widths)


def _typed(cells: list[str]) -> list[Any]:
    """Whole numbers where all cells that are there are such; "007" and "1.0" are texts, an empty cell is missing."""
    there = [cell for cell in cells if cell.lower() not in NOT_THERE]
    if there and all(cell.lstrip("-").isdecimal() and cell == _as_written(cell) for cell in there):
        return [None if cell.lower() in NOT_THERE else int(cell) for cell in cells]
    return [cell or None for cell in cells]


def _as_written(cell: str) -> str:
    return str(int(cell)) if len(cell) < 19 else ""  # longer numbers do not fit 64 bits


def split_by_column(source: str, table: Any, base: Path) -> list[Part]:
    """The parts of a table: by its column "split", where every cell of it names one; else all of it is "train"."""
    import pyarrow.compute as pc

    named = [name for name in table.column_names if name.lower() == "split"]
    if len(named) != 1:
        return [Part(source, "train", table, base)]
    cells = table.column(named[0]).to_pylist()
    names = [SPLITS.get(cell.lower()) if isinstance(cell, str) else None for cell in cells]
    if None in names:
        row = names.index(None)
        raise InputError(
            f"'{source}': the column '{named[0]}' of row {row} is {shown(repr(cells[row]), 40)}, expected train, "
            "validation or test; rename the column if it means something else"
        )
    import pyarrow as pa

    column, rest = pa.array(names), table.drop_columns(named)
    found = dict.fromkeys(names)
    return [Part(source, str(name), rest.filter(pc.equal(column, name)), base) for name in found]  # pyright: ignore


def named_files(path: Path) -> list[Path]:
    """The files that a table names in columns of pictures' names: they belong to a source as much as the table."""
    from pyarrow import ArrowException, parquet, types

    if not path.is_file():
        return []
    try:
        if path.suffix.lower() == ".parquet":
            schema = parquet.read_schema(path)
            texts = [one.name for one in schema if types.is_string(one.type) or types.is_large_string(one.type)]
            table = parquet.read_table(path, columns=texts)
        else:
            table = read_table(path)
    except (OSError, ArrowException):  # whoever reads it says what is wrong
        return []
    cells = (cell for name in table.column_names for cell in table.column(name).to_pylist())
    return [path.parent / cell for cell in cells if is_picture(cell)]
