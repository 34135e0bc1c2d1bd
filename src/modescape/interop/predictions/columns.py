"""Tables of predictions: CSV, TSV, JSON lines, Parquet, Arrow; lists and objects of JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modescape.errors import InputError
from modescape.interop.predictions.content import Content
from modescape.interop.predictions.lazy import Rows, check_room, unreadable
from modescape.interop.predictions.samples import is_samples, read_samples
from modescape.plain import MOST_NAME, read_regular, shown

LONGEST = 200  # characters of a text that may name a class or an example; longer ones are no answers
PARSED = 12  # bytes in memory of a byte of JSON, about


def read_csv(path: Path) -> Content:
    """A table of text: delimiter and header are found by its first line."""
    return separated(_bytes(path), str(path), "\t" if path.suffix.lower() == ".tsv" else "")


def read_text(path: Path) -> Content:
    """A ``.txt`` file: a table if its first line has a tab (``index``, ``prediction``), else an answer a line."""
    data = _bytes(path)
    if b"\t" in data.split(b"\n", 1)[0]:
        return separated(data, str(path), "\t")
    lines = _decoded(data, str(path)).splitlines()
    if not lines:
        raise InputError(f"'{path}' is empty")
    return Content(str(path), {"": _cells(lines, str(path), "prediction")})


def read_lines(path: Path) -> Content:
    """JSON lines, those of lm-evaluation-harness among them."""
    return json_lines(_bytes(path), str(path))


def read_json(path: Path) -> Content:
    """A list, or an object of lists by name."""
    return json_value(_bytes(path), str(path))


def read_parquet(path: Path) -> Content:
    """A Parquet file, once its declared size is known to fit.

    Texts stay a list of different ones and a number a row: a file of some bytes may repeat a long text a million times.
    """
    from pyarrow import ArrowException, parquet, types

    try:
        schema = parquet.read_schema(path)
        texts = [one.name for one in schema if types.is_string(one.type) or types.is_binary(one.type)]
        about = parquet.read_metadata(path)
        groups = [about.row_group(number) for number in range(about.num_row_groups)]
        check_room(8 * sum(one.column(at).num_values for one in groups for at in range(one.num_columns)), path)
        return table(parquet.ParquetFile(path, read_dictionary=texts).read(), str(path))
    except (OSError, ArrowException) as error:
        raise unreadable(path, error) from error


def read_arrow(path: Path) -> Content:
    """An Arrow file (Feather 2) or stream."""
    import pyarrow as pa

    try:
        with pa.OSFile(str(path), "rb") as file:
            try:
                reader: Any = pa.ipc.open_file(file)
                parts = (reader.get_batch(number) for number in range(reader.num_record_batches))
            except pa.ArrowInvalid:
                file.seek(0)
                reader = pa.ipc.open_stream(file)
                parts = iter(reader)
            held, size = [], 0
            for part in parts:
                size += part.nbytes
                check_room(size, path)
                held.append(part)
            return table(pa.Table.from_batches(held, reader.schema), str(path))
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def standard_input(data: bytes) -> Content:
    """The predictions on standard input: JSON, JSON lines or a text table."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise InputError("standard input is empty; expected a table, JSON lines or a JSON object {name: [...]}")
    if start[:1] == b"{":
        first, _, rest = start.partition(b"\n")
        return json_lines(data, "standard input") if rest.strip() and _is_json(first) else _named_value(data)
    return _named_value(data) if start[:1] == b"[" else separated(data, "standard input", "")


def _named_value(data: bytes) -> Content:
    return json_value(data, "standard input")


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def separated(data: bytes, where: str, delimiter: str) -> Content:
    """A table of text, from its bytes.

    Raises:
        InputError: if it is empty or a row is not as long as the others.
    """
    import pyarrow as pa
    from pyarrow import csv

    first = _decoded(data[: 1 << 16].split(b"\n", 1)[0], where).lstrip("\ufeff").rstrip("\r")
    if not first.strip():
        raise InputError(f"'{where}' is empty, or begins with an empty line; expected a header")
    delimiter = delimiter or max(",;\t", key=first.count)
    cells = [cell.strip().strip('"') for cell in first.split(delimiter)]
    second = _decoded(data[: 1 << 16].split(b"\n", 2)[1] if data.count(b"\n", 0, 1 << 16) else b"", where)
    headless = all(map(_is_number, cells)) and not (_counts(cells) and "." in second)
    check_room(4 * len(data), where)
    try:
        found = csv.read_csv(
            io.BytesIO(data),
            read_options=csv.ReadOptions(use_threads=False, autogenerate_column_names=headless),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data[: 1 << 20]),
        )
    except pa.ArrowException as error:
        raise InputError(f"'{where}' cannot be read as a table: {shown(error, 200)}") from error
    return table(found, where)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _counts(cells: Sequence[str]) -> bool:
    """Whether a first line of numbers is a header of class numbers."""
    return len(cells) > 1 and list(cells) == [str(number) for number in range(len(cells))]


def json_lines(data: bytes, where: str) -> Content:
    """JSON lines, from their bytes."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    if not data.strip():
        raise InputError(f"'{where}' is empty")
    if is_samples(data):
        return read_samples(data, where)
    check_room(4 * len(data), where)
    block = arrow_json.ReadOptions(use_threads=False, block_size=max(1 << 20, _longest_line(data) + 1))
    try:
        return table(arrow_json.read_json(io.BytesIO(data), read_options=block), where)
    except pa.ArrowException as error:
        raise InputError(f"'{where}' cannot be read as JSON lines: {shown(error, 200)}") from error


def _longest_line(data: bytes) -> int:
    return max(map(len, io.BytesIO(data)))


def json_value(data: bytes, where: str) -> Content:
    """A list of answers, of rows of numbers or of objects, or an object of such lists by name."""
    check_room(PARSED * len(data), where)
    try:
        content = json.loads(_decoded(data, where))
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{where}' is not JSON: {shown(error, 120)}") from error
    if isinstance(content, list) and content and isinstance(content[0], dict):
        return json_lines("\n".join(map(json.dumps, content)).encode(), where)
    named: Mapping[str, Any] = {"": content} if isinstance(content, list) else content
    if not isinstance(named, dict) or not all(isinstance(one, list) and one for one in named.values()) or not named:
        raise InputError(f"'{where}' holds no lists; expected [...] or {{name: [...]}}")
    return Content(where, {str(name): _cells(cells, where, str(name)) for name, cells in named.items()})


def _cells(cells: list[Any], where: str, name: str) -> np.ndarray:
    """A list as an array: numbers, texts, rows of numbers; refused by row.

    Raises:
        InputError: naming the row that is of another kind or length.
    """
    if isinstance(cells[0], str):
        wrong = [row for row, cell in enumerate(cells) if not isinstance(cell, str)]
        if not wrong:
            return np.array(cells)
        raise InputError(f"'{where}', {name or 'row'} {wrong[0]}: {shown(repr(cells[wrong[0]]), 40)}, expected a text")
    lengths = [len(cell) if isinstance(cell, list) else -1 for cell in cells]
    if len(set(lengths)) > 1:
        row = next(row for row, length in enumerate(lengths) if length != lengths[0])
        expected = f"{lengths[0]} numbers" if lengths[0] >= 0 else "one"
        came = f"{lengths[row]} numbers" if lengths[row] >= 0 else shown(repr(cells[row]), 40)
        raise InputError(f"'{where}', row {row}: {came} where row 0 has {expected}")
    try:
        found = np.array(cells)
    except (ValueError, OverflowError):
        found = np.array([], dtype=object)
    if found.dtype.kind == "b":
        return found.astype(np.int64)
    if found.dtype.kind not in "iufU":
        missing = next((row for row, cell in enumerate(cells) if cell is None or cell == []), None)
        raise InputError(f"'{where}': {'row ' + str(missing) + ' is missing' if missing is not None else 'no numbers'}")
    return found


def table(found: Any, where: str) -> Content:
    """Columns of an Arrow table as arrays; those that can hold no prediction are left out.

    Raises:
        InputError: if there are no rows, or lists of a column differ in length.
    """
    if not found.num_rows:
        raise InputError(f"'{where}' has no rows")
    names = found.column_names
    if len(set(names)) != len(names):
        raise InputError(f"two columns of '{where}' have one name ({shown(', '.join(names), 200)}); rename one")
    arrays = {name: array for name in names if (array := _column(found.column(name), where, name)) is not None}
    return Content(where, arrays, table=True)


def _column(column: Any, where: str, name: str) -> Rows | None:
    """A column as an array [row], or [row, number]; None of what holds no answers."""
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        if not types.is_primitive(kind.value_type) and not _are_short(one.dictionary for one in column.chunks):
            return None
        column, kind = column.cast(kind.value_type), kind.value_type
    if types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind):
        column, kind = column.cast("string"), None
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _lists(column, where, name)
    elif types.is_boolean(kind):
        return column.cast("int8").to_numpy().astype(np.int64 if not column.null_count else np.float64)
    elif types.is_integer(kind) or types.is_floating(kind):
        return column.to_numpy()
    elif not (types.is_string(kind) or types.is_large_string(kind)):
        return None
    if column.null_count or not _are_short(column.chunks):
        return None
    texts = column.to_pylist()
    check_room(4 * max(map(len, texts)) * len(texts), where)  # NumPy gives every text the room of the longest
    return np.array(texts, dtype=str)


def _are_short(parts: Iterable[Any]) -> bool:
    """Whether no text, or string of bytes, is longer than answers are."""
    from pyarrow import compute, types

    of: Any = compute  # its functions are made when it is loaded
    lengths = ((of.binary_length if types.is_binary(one.type) else of.utf8_length)(one) for one in parts)
    return all((of.max(one).as_py() or 0) <= LONGEST for one in lengths)


def _lists(column: Any, where: str, name: str) -> np.ndarray | None:
    from pyarrow import types

    if not (types.is_floating(column.type.value_type) or types.is_integer(column.type.value_type)):
        return None
    parts: list[np.ndarray] = []
    row, width = 0, None
    for chunk in column.chunks:
        lengths = chunk.value_lengths().to_numpy(zero_copy_only=False)
        width = lengths[0] if width is None and len(lengths) else width
        wrong = np.flatnonzero(lengths != width)  # NaN of a missing list, too
        if len(wrong):
            came = f"not {width:g} numbers as in row 0"
            raise InputError(f"'{where}', row {row + wrong[0]}, column {shown(repr(name), 40)}: {came}")
        parts.append(chunk.flatten().to_numpy(zero_copy_only=False).reshape(len(chunk), -1))
        row += len(chunk)
    return np.concatenate(parts)


def _bytes(path: Path) -> bytes:
    try:
        check_room(path.stat().st_size, path)
        return read_regular(path)
    except OSError as error:
        raise unreadable(path, error.strerror or error) from error


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{where}' is not UTF-8 text; save it as UTF-8 ({shown(error, MOST_NAME)})") from error
