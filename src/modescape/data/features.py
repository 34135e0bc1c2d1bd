"""Tables of features as they lie there: numbers, categories and a target, refused by row and column where bad."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from modescape import recipe
from modescape.data.cache import fingerprint
from modescape.data.dataset import Source, check_classes
from modescape.data.embedded import embedded, feature_arrays
from modescape.data.grouped import of_columns
from modescape.data.hub import check_rows
from modescape.data.inputs.table import CATEGORY, MISSING, NUMBER, Rows
from modescape.data.tables import EVERY_ROW_ITS_OWN, SPLITS, SUFFIXES, Part, read_table, split_by_column
from modescape.data.targets import without_ignored
from modescape.errors import InputError
from modescape.plain import MOST_CLASSES, shown

MOSTLY = 0.5  # share of the cells of a column that are numbers, from which the others are mistakes
MOST_VALUES = 1_000  # of a category
DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([ T]\d.*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
MOST_NUMBERED, MANY = 100, 5  # so many whole numbers, in less than 5 rows each, are no classes
EMPTY = "; where one is missing leave the cell empty (null), and the column's median stands for it"
TARGETS = ("target", "label", "class")  # names of the target where none is given


class Columns(NamedTuple):
    """Columns of one split, cells as Python has them; None where nothing stands."""

    where: str  # the split in messages: "'mine.csv': test"
    cells: dict[str, list[Any]]


def read(data: recipe.Data, task: recipe.Task, report: object = None) -> tuple[Source, str]:
    """A table and the fingerprint of its content.

    Raises:
        InputError: if it cannot be read, has no such target, or a cell is wrong: the row (from 0) and the column.
    """
    path = Path(data.source)
    if data.source in recipe.TABLE_SOURCES:
        train, test, target = embedded(data.source), None, "target"
    elif path.suffix.lower() == ".npz":
        train, test = feature_arrays(path, data.group)
        target = "target"
    else:
        train, test = splits_of(parts_of(path, data.source))
        target = target_of(train, data.target)
    source = source_of(Columns(*train), None if test is None else Columns(*test), target, data, task)
    source = without_ignored(source, task, f"'{data.source}'")
    return source, fingerprint(source)


def parts_of(path: Path, source: str) -> list[Part]:
    """The splits of a file, or of a folder that holds a table for each."""
    if path.is_file():
        return split_by_column(source, _table(path, source), path.parent)
    files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES] if path.is_dir() else []
    named = [(SPLITS.get(file.stem.lower()), file) for file in files]
    parts = [Part(source, name, _table(file, source), path) for name, file in named if name]
    if not any(part.name == "train" for part in parts):
        raise InputError(
            f"'{source}' holds no table named train ({', '.join(f'train{suffix}' for suffix in SUFFIXES)}); a table "
            "is a file, or a folder with train and test"
        )
    return parts


def _table(path: Path, source: str) -> Any:
    if path.suffix.lower() != ".parquet":
        return read_table(path, typed=False)
    from pyarrow import ArrowException, parquet

    check_rows(path, source)
    try:
        return parquet.ParquetFile(path).read()
    except (OSError, ArrowException) as error:
        raise InputError(f"'{path}' cannot be read as Parquet: {shown(error)}") from error


def splits_of(parts: Sequence[Part]) -> tuple[Columns, Columns | None]:
    """The training rows and those of the test split, else of the validation split, where there is one."""
    by_name = {part.name: part for part in parts}
    if "train" not in by_name:
        raise InputError(f"'{parts[0].source}' has splits {sorted(by_name)}, expected one named 'train'")
    used = [by_name["train"], *(by_name[name] for name in ("test", "validation") if name in by_name)][:2]
    columns = [Columns(f"'{part.source}': {part.name}", _cells(part)) for part in used]
    return columns[0], columns[1] if len(columns) > 1 else None


def _cells(part: Part) -> dict[str, list[Any]]:
    """Cells by column; types that are no numbers, texts or truth values are refused."""
    from pyarrow import types

    for name in part.table.column_names:
        kind = part.table.schema.field(name).type
        if types.is_temporal(kind):
            raise InputError(_date(f"'{part.source}'", name, kind))
        if types.is_nested(kind) or types.is_binary(kind):
            raise InputError(
                f"'{part.source}': column {name!r} holds {shown(kind, 60)}, expected numbers, texts or truth values; "
                f"leave it out: --set 'data.leave_out=[{name}]'"
            )
    if not len(part):
        raise InputError(f"'{part.source}': {part.name} is empty")
    return {name: part.table.column(name).to_pylist() for name in part.table.column_names}


def target_of(train: Columns, wanted: str | None) -> str:
    """The column that is to be predicted.

    Raises:
        InputError: if it cannot be told.
    """
    found = [name for name in train.cells if name.lower() in TARGETS] if wanted is None else [wanted]
    if len(found) != 1 or found[0] not in train.cells:
        columns = shown(", ".join(train.cells))
        what = "no target is named" if wanted is None else f"there is no column {wanted!r}"
        raise InputError(f"{train.where}: {what}; name it with --set data.target=COLUMN; its columns: {columns}")
    return found[0]


def source_of(train: Columns, test: Columns | None, target: str, data: recipe.Data, task: recipe.Task) -> Source:
    """Columns as the arrays of a source.

    Raises:
        InputError: see `read`.
    """
    if absent := [name for name in data.leave_out if name not in train.cells]:
        raise InputError(
            f"{train.where}: data.leave_out names {absent[0]!r}; its columns: {shown(', '.join(train.cells))}"
        )
    names = [name for name in train.cells if name not in (target, data.group, *data.leave_out)]
    group = of_columns(data, target, train, test)
    if not names:
        raise InputError(f"{train.where} has no column beside the target {target!r}; expected features")
    if test is not None and (lost := [name for name in [*names, target] if name not in test.cells]):
        raise InputError(f"{test.where} lacks the column {lost[0]!r}, which the training rows have")
    splits = [train] if test is None else [train, test]
    numbers = [name for name in names if _is_number(train, name)]
    categories = [name for name in names if name not in numbers]
    values = [_values(splits, name) for name in categories]
    labels, target_names = targets_of(splits, target, task)
    arrays = [
        {
            NUMBER: np.stack([numbers_of(one, name) for name in numbers], 1) if numbers else np.zeros((_rows(one), 0)),
            CATEGORY: _codes(one, categories, values),
        }
        for one in splits
    ]
    kind = Rows(
        numbers=tuple(numbers), categories=tuple(categories), values=tuple(map(tuple, values)), coding=data.categories
    )
    own_test = (arrays[1], labels[1]) if test is not None else (None, None)
    source = Source(arrays[0], labels[0], *own_test, target_names, (), kind, *group)
    check_classes(source, train.where)
    return source


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.cells.values())))


def _is_number(train: Columns, name: str) -> bool:
    """Whether a column holds numbers; one of dates, or of numbers and texts, is refused."""
    cells = [cell for cell in train.cells[name] if cell is not None]
    if cells and all(isinstance(cell, bool) for cell in cells):
        return False
    if not cells or not any(isinstance(cell, str) for cell in cells):
        return True
    if all(isinstance(cell, str) and DATE.fullmatch(cell) for cell in cells):
        raise InputError(_date(train.where, name, repr(cells[0])))
    return sum(_number(cell) is not None for cell in cells) > MOSTLY * len(cells)


def _date(where: str, name: str, what: object) -> str:
    return (
        f"{where}: column {name!r} holds dates ({shown(what, 40)}); turn it into numbers, such as days since the first "
        f"one, or leave it out: --set 'data.leave_out=[{name}]'"
    )


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return None


def numbers_of(columns: Columns, name: str, advice: str = EMPTY) -> np.ndarray:
    """float64 [row], NaN where nothing stands."""
    cells = columns.cells[name]
    found = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        number = _number(cell)
        if number is None or not np.isfinite(number):
            raise InputError(
                f"{columns.where}, row {row}, column {name!r}: {shown(repr(cell), 40)} is no finite number{advice}"
            )
        found[row] = number
    return found


def text_of(cell: Any) -> str:
    """A category's or a class's name."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return MISSING if cell is None else str(cell)


def _values(splits: Sequence[Columns], name: str) -> list[str]:
    """The values of a category, of all splits: which of them training knows is found when it is cut."""
    found = sorted({text_of(cell) for one in splits for cell in one.cells[name]})
    rows = len(splits[0].cells[name])
    if len(found) > MOST_VALUES or len(found) >= rows > EVERY_ROW_ITS_OWN:
        raise InputError(
            f"{splits[0].where}: column {name!r} has {len(found):,} different texts in {rows:,} rows, such as "
            f"{shown(repr(found[0]), 40)}: no category; leave it out: --set 'data.leave_out=[{name}]'"
        )
    return found


def _codes(columns: Columns, names: Sequence[str], values: Sequence[Sequence[str]]) -> np.ndarray:
    """int64 [row, category]."""
    found = np.zeros((_rows(columns), len(names)), dtype=np.int64)
    for place, name in enumerate(names):
        code = {value: number for number, value in enumerate(values[place])}
        found[:, place] = [code[text_of(cell)] for cell in columns.cells[name]]
    return found


def targets_of(splits: Sequence[Columns], target: str, task: recipe.Task) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Targets of each split, and the names of the classes, or of the output of a regression.

    Raises:
        InputError: naming the row where a target is missing or none of the task.
    """
    for one in splits:
        missing = [row for row, cell in enumerate(one.cells[target]) if cell is None or cell != cell]
        if missing:
            raise InputError(
                f"{one.where}, row {missing[0]}, column {target!r}: the target is missing in {len(missing)} rows; "
                "leave those rows out"
            )
    if task.kind == "regression" or (task.kind is None and _is_regression(splits, target)):
        numbers = [numbers_of(one, target, "") for one in splits]
        if len(np.unique(numbers[0])) == 1:
            raise InputError(f"{splits[0].where}: the target {target!r} is {numbers[0][0]:g} in all rows")
        return [found[:, None] for found in numbers], (target,)
    classes = _classes(splits, target)
    labels = [np.array([classes[text_of(cell)] for cell in one.cells[target]], dtype=np.int64) for one in splits]
    return labels, tuple(classes)


def _is_regression(splits: Sequence[Columns], target: str) -> bool:
    """Whether a target is numbers with fractions, or so many different ones that they are no classes."""
    cells = [cell for one in splits for cell in one.cells[target]]
    numbers = [None if isinstance(cell, bool) else _number(cell) for cell in cells]
    found = {number for number in numbers if number is not None}
    if None in numbers:
        return False
    return any(not number.is_integer() for number in found) or (
        len(found) > MOST_NUMBERED and MANY * len(found) > len(cells)
    )


def _classes(splits: Sequence[Columns], target: str) -> dict[str, int]:
    """Name of each class -> its number: numbers by size and texts by the alphabet."""
    every = {text_of(cell): cell for one in splits for cell in one.cells[target]}
    numbers = {name: _number(cell) for name, cell in every.items()}
    if all(number is not None for number in numbers.values()):
        ordered = sorted(every, key=lambda name: numbers[name] or 0.0)
    else:
        ordered = sorted(every)
    rows = sum(map(_rows, splits))
    if len(ordered) == 1:
        raise InputError(f"{splits[0].where}: the target {target!r} is {ordered[0]!r} in all {rows:,} rows")
    if len(ordered) > MOST_CLASSES or len(ordered) == rows > EVERY_ROW_ITS_OWN:
        raise InputError(
            f"{splits[0].where}: the target {target!r} has {len(ordered):,} different values in {rows:,} rows: no "
            "classes; name another with --set data.target=COLUMN"
        )
    return {name: number for number, name in enumerate(ordered)}
