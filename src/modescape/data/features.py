"""Tables of features as they lie there: numbers, categories and a target, refused by row and column where bad."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modescape import recipe
from modescape.data.cache import fingerprint
from modescape.data.cells import (
    Columns,
    holds_numbers,
    in_words,
    numbers_of,
    of_dates,
    row_count,
    targets_of,
    text_of,
)
from modescape.data.dataset import Source, check_classes
from modescape.data.embedded import embedded, feature_arrays, targets_among
from modescape.data.grouped import of_columns
from modescape.data.hub import check_rows
from modescape.data.inputs.table import CATEGORY, NUMBER, Rows
from modescape.data.tables import EVERY_ROW_ITS_OWN, SPLITS, SUFFIXES, Part, read_table, split_by_column
from modescape.data.targets import without_ignored
from modescape.errors import InputError
from modescape.plain import shown

MOST_VALUES = 1_000  # of a category
TARGETS = ("target", "label", "class")  # names of the target where none is given


def read(data: recipe.Data, task: recipe.Task, report: object = None) -> tuple[Source, str]:
    """A table and the fingerprint of its content.

    Raises:
        InputError: if it cannot be read, has no such target, or a cell is wrong: the row (from 0) and the column.
    """
    path = Path(data.source)
    if data.source in recipe.TABLE_SOURCES:
        train, test, targets = embedded(data.source), None, ("target",)
    elif path.suffix.lower() == ".npz":
        train, test = feature_arrays(path, data.group)
        targets = targets_among(train[1])
    else:
        train, test = splits_of(parts_of(path, data.source))
        targets = targets_in(train, data.target)
    source = source_of(Columns(*train), None if test is None else Columns(*test), targets, data, task)
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
            raise InputError(of_dates(f"'{part.source}'", name, kind))
        if types.is_nested(kind) or types.is_binary(kind):
            raise InputError(
                f"'{part.source}': column {name!r} holds {shown(kind, 60)}, expected numbers, texts or truth values; "
                f"leave it out: --set 'data.leave_out=[{name}]'"
            )
    if not len(part):
        raise InputError(f"'{part.source}': {part.name} is empty")
    return {name: part.table.column(name).to_pylist() for name in part.table.column_names}


def targets_in(train: Columns, wanted: str | Sequence[str] | None) -> tuple[str, ...]:
    """The column that is to be predicted, or several.

    Raises:
        InputError: if it cannot be told, or one is named twice.
    """
    named = [wanted] if isinstance(wanted, str) else wanted
    found = [name for name in train.cells if name.lower() in TARGETS] if named is None else list(named)
    if len(train.cells) == 1:
        raise InputError(
            f"{train.where} has one column, {shown(repr(*train.cells), 100)}, expected features and a target; cells of "
            "a line are separated by commas, semicolons or tabs"
        )
    absent = [name for name in found if name not in train.cells]
    if not found or absent or (named is None and len(found) > 1):
        columns = shown(", ".join(train.cells))
        what = f"there is no column {absent[0]!r}" if absent else "no target is named"
        raise InputError(f"{train.where}: {what}; name it with --set data.target=COLUMN; its columns: {columns}")
    if len({*found}) < len(found):
        raise InputError(f"{train.where}: data.target names a column twice: {', '.join(found)}")
    return tuple(found)


def source_of(
    train: Columns, test: Columns | None, targets: Sequence[str], data: recipe.Data, task: recipe.Task
) -> Source:
    """Columns as the arrays of a source.

    Raises:
        InputError: see `read`.
    """
    if absent := [name for name in data.leave_out if name not in train.cells]:
        raise InputError(
            f"{train.where}: data.leave_out names {absent[0]!r}; its columns: {shown(', '.join(train.cells))}"
        )
    names = [name for name in train.cells if name not in (*targets, data.group, *data.leave_out)]
    group = of_columns(data, targets, train, test)
    if not names:
        raise InputError(f"{train.where} has no column besides {in_words(targets)}; expected features")
    if test is not None and (lost := [name for name in [*names, *targets] if name not in test.cells]):
        raise InputError(f"{test.where} lacks the column {lost[0]!r}, which the training rows have")
    splits = [train] if test is None else [train, test]
    numbers = [name for name in names if holds_numbers(train, name)]
    categories = [name for name in names if name not in numbers]
    values = [_values(splits, name) for name in categories]
    labels, target_names = targets_of(splits, targets, task)
    empty = [np.zeros((row_count(one), 0)) for one in splits]
    arrays = [
        {
            NUMBER: np.stack([numbers_of(one, name) for name in numbers], 1) if numbers else none,
            CATEGORY: _codes(one, categories, values),
        }
        for one, none in zip(splits, empty, strict=True)
    ]
    kind = Rows(
        numbers=tuple(numbers), categories=tuple(categories), values=tuple(map(tuple, values)), coding=data.categories
    )
    own_test = (arrays[1], labels[1]) if test is not None else (None, None)
    source = Source(arrays[0], labels[0], *own_test, target_names, (), kind, *group)
    check_classes(source, train.where)
    return source


def _values(splits: Sequence[Columns], name: str) -> list[str]:
    """The values of a category, of all splits: which of them training knows is found when it is cut."""
    found = sorted({text_of(cell) for one in splits for cell in one.cells[name]})
    rows = len(splits[0].cells[name])
    if len(found) > MOST_VALUES or len(found) >= rows > EVERY_ROW_ITS_OWN:
        raise InputError(
            f"{splits[0].where}: column {name!r} has {len(found):,} different texts in {rows:,} rows, such as "
            f"{shown(repr(found[0]), 40)}: not a category; leave it out: --set 'data.leave_out=[{name}]'"
        )
    return found


def _codes(columns: Columns, names: Sequence[str], values: Sequence[Sequence[str]]) -> np.ndarray:
    """int64 [row, category]."""
    found = np.zeros((row_count(columns), len(names)), dtype=np.int64)
    for place, name in enumerate(names):
        code = {value: number for number, value in enumerate(values[place])}
        found[:, place] = [code[text_of(cell)] for cell in columns.cells[name]]
    return found
