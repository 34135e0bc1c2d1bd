"""Tables of any format as rows with the line that each stands in: CSV, TSV, Parquet, JSON lines and lists."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modescape.data.json_lines import json_lines
from modescape.data.tables import MOST_COLUMNS, delimiter_of, numbered_rows
from modescape.errors import InputError
from modescape.interop.scores.cells import is_number
from modescape.interop.scores.sheet import Row, Sheet
from modescape.plain import ranges, read_regular, shown

MOST_BYTES = 1 << 26  # of a table of scores
MOST_ROWS = 1_000_000
DELIMITERS = ",;\t|"
STANDARD_INPUT = "standard input"


def read_sheet(path: str | Path) -> Sheet:
    """A file as a table, or standard input ("-"), told apart by its content.

    Raises:
        InputError: if it cannot be read, naming the line.
    """
    source = STANDARD_INPUT if str(path) == "-" else f"'{path}'"
    try:
        data = _all_of_input() if str(path) == "-" else read_regular(Path(path), MOST_BYTES)
        return _parsed(data, source, Path(path).suffix.lower())
    except InputError as error:
        message = str(error)
        raise InputError(message if message.startswith(source) else f"{source}: {message}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is neither UTF-8 text nor Parquet; save it as CSV in UTF-8") from error
    except OSError as error:
        raise InputError(f"{source} cannot be read: {shown(error.strerror or error)}") from error
    except (ValueError, csv.Error, RecursionError, OverflowError) as error:
        raise InputError(f"{source} cannot be read as a table: {shown(error)}") from error


def _all_of_input() -> bytes:
    stream = getattr(sys.stdin, "buffer", None)
    data = stream.read(MOST_BYTES + 1) if stream is not None else sys.stdin.read().encode()
    if len(data) > MOST_BYTES:
        raise InputError(f"it has more than {MOST_BYTES:,} bytes; expected a table of scores")
    return data


def _parsed(data: bytes, source: str, suffix: str) -> Sheet:
    if data[:4] == b"PAR1" or suffix == ".parquet":
        return _parquet(data, source)
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    start = text.lstrip()[:1]
    if not start:
        raise InputError("the table is empty")
    if start == "{":
        return _json_lines(text, source)
    if start == "[":
        return _json_list(text, source)
    return _separated(text, source)


def _parquet(data: bytes, source: str) -> Sheet:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        about = parquet.read_metadata(pa.BufferReader(data))
        _check_size(about.num_columns, about.num_rows)  # before a small file grows on reading
        table = parquet.read_table(pa.BufferReader(data))
        columns = [column.to_pylist() for column in table.columns]
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InputError(f"it cannot be read as Parquet: {shown(error)}") from error
    names = list(table.column_names)
    return _sheet(source, names, [Row(n, cells) for n, cells in enumerate(zip(*columns, strict=True), 1)], "row")


def _json_lines(text: str, source: str) -> Sheet:
    columns = json_lines(text)
    lines = [number for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    cells = zip(*columns.values(), strict=True) if columns else ((),) * len(lines)
    return _sheet(source, list(columns), [Row(*one) for one in zip(lines, cells, strict=True)])


def _json_list(text: str, source: str) -> Sheet:
    """A list of objects, or TensorBoard's own: a list of [wall time, step, value]."""
    found = json.loads(text)
    if found and all(isinstance(one, list) and len(one) == 3 for one in found):
        names = ["Wall time", "Step", "Value"]
        return _sheet(source, names, [Row(number, tuple(one)) for number, one in enumerate(found, 1)], "row")
    if not found or not all(isinstance(one, dict) for one in found):
        raise InputError('a list of objects was expected, such as [{"method": "a", "seed": 0, "score": 0.9}]')
    names = list(dict.fromkeys(name for one in found for name in one))
    rows = [Row(number, tuple(one.get(name) for name in names)) for number, one in enumerate(found, 1)]
    return _sheet(source, names, rows, "row")


def _separated(text: str, source: str) -> Sheet:
    delimiter = delimiter_of(text, DELIMITERS)
    lines = list(numbered_rows(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)))
    rows = [(line, [cell.strip() for cell in cells]) for line, cells in lines]
    (_, header), rest = rows[0], rows[1:]
    notes = []
    while len(header) > 1 and not header[-1] and all(len(cells) < len(header) or not cells[-1] for _, cells in rest):
        header, rest = header[:-1], [(line, cells[: len(header) - 1]) for line, cells in rest]  # a delimiter at the end
    if header and all(is_number(cell) for cell in header):
        header, rest = [f"column {number}" for number in range(1, len(header) + 1)], rows
        notes.append("The file has no header: its columns are called column 1, column 2, ...")
    for line, cells in rest:
        if len(cells) != len(header) and any(cells):
            counted = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
            raise InputError(f"line {line} has {counted}, expected {len(header)} ({shown(', '.join(header))})")
    found = [Row(line, tuple(cell or None for cell in cells) if any(cells) else ()) for line, cells in rest]
    return _sheet(source, header, found, notes=notes)


def _sheet(
    source: str, names: Sequence[Any], rows: Sequence[Row], place: str = "line", notes: Sequence[str] = ()
) -> Sheet:
    header = [str(name).strip() or f"unnamed {number}" for number, name in enumerate(names, 1)]
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise InputError(f"two columns are called {shown(repr(twice[0]), 60)}; rename one")
    _check_size(len(header), len(rows))
    kept = tuple(row for row in rows if any(cell is not None and cell != "" for cell in row.cells))
    if not kept:
        raise InputError("the table has a header and no rows")
    if len(kept) < len(rows):
        there = {row.line for row in kept}
        empty = [row for row in rows if row.line not in there]
        where = shown(ranges(row.line for row in empty), 60)
        lines = f"{place} {where} is" if len(empty) == 1 else f"{place}s {where} are"
        notes = [*notes, f"{lines[0].upper()}{lines[1:]} empty and left out."]
    return Sheet(source, tuple(header), kept, place, tuple(notes))


def _check_size(columns: int, rows: int) -> None:
    if not 1 <= columns <= MOST_COLUMNS or rows > MOST_ROWS:
        raise InputError(
            f"the table has {columns:,} columns and {rows:,} rows; expected 1 to {MOST_COLUMNS:,} columns and at most "
            f"{MOST_ROWS:,} rows"
        )
