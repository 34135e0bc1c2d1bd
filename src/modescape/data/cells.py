"""Cells of table columns as numbers, as names, as targets; errors name row and column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from modescape import recipe
from modescape.data.inputs.table import MISSING
from modescape.data.tables import EVERY_ROW_ITS_OWN
from modescape.data.targets import NUMBERS
from modescape.errors import InputError
from modescape.plain import MOST_CLASSES, MOST_NUMBER, shown

MOSTLY = 0.5  # share of numeric cells in a column from which the other cells are errors
DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([ T]\d.*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
COMMA = re.compile(r"[+-]?\d*,\d+")  # a number with a decimal comma
MOST_NUMBERED, MANY = 100, 5  # this many integers, with fewer than 5 rows each, are not classes
EMPTY = "; leave missing cells empty (null): the column's median is filled in"


class Columns(NamedTuple):
    """Columns of one split, cells as Python values; None for empty ones."""

    where: str  # the split in messages: "'mine.csv': test"
    cells: dict[str, list[Any]]


def row_count(columns: Columns) -> int:
    """Rows of a split."""
    return len(next(iter(columns.cells.values())))


def holds_numbers(train: Columns, name: str) -> bool:
    """Whether a column holds numbers.

    Raises:
        InputError: if it holds dates, or numbers with a decimal comma.
    """
    cells = [cell for cell in train.cells[name] if cell is not None]
    if cells and all(isinstance(cell, bool) for cell in cells):
        return False
    if not cells or not any(isinstance(cell, str) for cell in cells):
        return True
    if all(isinstance(cell, str) and DATE.fullmatch(cell) for cell in cells):
        raise InputError(of_dates(train.where, name, repr(cells[0])))
    _refuse_commas(train, name)
    return sum(as_number(cell) is not None for cell in cells) > MOSTLY * len(cells)


def _refuse_commas(columns: Columns, name: str) -> None:
    cells = [cell for cell in columns.cells[name] if cell is not None]
    rows = [row for row, cell in enumerate(columns.cells[name]) if isinstance(cell, str) and COMMA.fullmatch(cell)]
    if rows and len(rows) + sum(as_number(cell) is not None for cell in cells) > MOSTLY * len(cells):
        came = shown(repr(columns.cells[name][rows[0]]), 40)
        raise InputError(
            f"{columns.where}, row {rows[0]}, column {name!r}: {came} has a decimal comma, expected a point; "
            f"{in_rows(len(rows))} have one"
        )


def of_dates(where: str, name: str, what: object) -> str:
    """The error message for a column of dates."""
    return (
        f"{where}: column {name!r} holds dates ({shown(what, 40)}); turn it into numbers, such as days since the first "
        f"one, or leave it out: --set 'data.leave_out=[{name}]'"
    )


def as_number(cell: Any) -> float | None:
    """A cell as a number; None if it is not one."""
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return None


def numbers_of(columns: Columns, name: str, advice: str = EMPTY) -> np.ndarray:
    """A column as float64 [row], NaN for empty cells.

    Raises:
        InputError: naming the row of a cell that is not a finite number, or too large.
    """
    cells = columns.cells[name]
    found = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if cell is None:
            continue
        number = as_number(cell)
        if number is None or not abs(number) <= MOST_NUMBER:
            finite = number is not None and np.isfinite(number)
            wrong = f"beyond {MOST_NUMBER:g}; take another unit" if finite else f"not a finite number{advice}"
            raise InputError(f"{columns.where}, row {row}, column {name!r}: {shown(repr(cell), 40)} is {wrong}")
        found[row] = number
    return found


def text_of(cell: Any) -> str:
    """A category's or a class's name."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return MISSING if cell is None else str(cell)


def in_rows(count: int) -> str:
    """A number of rows, in words."""
    return "1 row" if count == 1 else f"{count:,} rows"


def targets_of(
    splits: Sequence[Columns], targets: Sequence[str], task: recipe.Task
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Targets of each split, and the names of the classes, or of the outputs of a regression.

    Raises:
        InputError: naming the row where a target is missing or invalid for the task, or if several columns are to be
            classes.
    """
    if len(targets) == 1:
        return _target_of(splits, targets[0], task)
    if task.kind is not None and task.kind not in NUMBERS:
        raise InputError(
            f"{splits[0].where}: {in_words(targets)} are several targets, and a {task.kind} has one; name it with "
            "--set data.target=COLUMN"
        )
    numbers = task.model_copy(update={"kind": task.kind or "regression"})
    columns = [_target_of(splits, target, numbers)[0] for target in targets]
    return [np.concatenate(own, 1) for own in zip(*columns, strict=True)], tuple(targets)


def in_words(targets: Sequence[str]) -> str:
    """The target 'a', or the targets 'a', 'b'."""
    return f"the target{'s' * (len(targets) > 1)} {', '.join(map(repr, targets))}"


def _target_of(splits: Sequence[Columns], target: str, task: recipe.Task) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Of one column."""
    for one in splits:
        missing = [row for row, cell in enumerate(one.cells[target]) if cell is None or cell != cell]
        if missing:
            raise InputError(
                f"{one.where}, row {missing[0]}, column {target!r}: the target is missing in {in_rows(len(missing))}; "
                f"leave {'it' if len(missing) == 1 else 'them'} out"
            )
        if task.kind is None or task.kind in NUMBERS:
            _refuse_commas(one, target)
    if task.kind in NUMBERS or (task.kind is None and _is_regression(splits, target)):
        targets = [numbers_of(one, target, "") for one in splits]
        if len(np.unique(targets[0])) == 1:
            raise InputError(f"{splits[0].where}: the target {target!r} is {targets[0][0]:g} in all rows")
        return [found[:, None] for found in targets], (target,)
    classes = _classes(splits, target)
    labels = [np.array([classes[text_of(cell)] for cell in one.cells[target]], dtype=np.int64) for one in splits]
    return labels, tuple(classes)


def _is_regression(splits: Sequence[Columns], target: str) -> bool:
    """Whether a target has fractions, or too many distinct numbers to be classes.

    Cells that are not numbers are then errors.
    """
    cells = [cell for one in splits for cell in one.cells[target]]
    there = [None if isinstance(cell, bool) else as_number(cell) for cell in cells]
    numbers = [number for number in there if number is not None]
    if len(numbers) <= MOSTLY * len(cells):
        return False
    found = set(numbers)
    return any(not number.is_integer() for number in found) or (
        len(found) > MOST_NUMBERED and MANY * len(found) > len(cells)
    )


def _classes(splits: Sequence[Columns], target: str) -> dict[str, int]:
    """Name of each class -> its index: numbers in numerical order, texts in alphabetical order."""
    every = {text_of(cell): cell for one in splits for cell in one.cells[target]}
    numbers = {name: as_number(cell) for name, cell in every.items()}
    if all(number is not None for number in numbers.values()):
        ordered = sorted(every, key=lambda name: numbers[name] or 0.0)
    else:
        ordered = sorted(every)
    rows = sum(map(row_count, splits))
    if len(ordered) == 1:
        raise InputError(f"{splits[0].where}: the target {target!r} is {ordered[0]!r} in all {rows:,} rows")
    if len(ordered) > MOST_CLASSES or len(ordered) == rows > EVERY_ROW_ITS_OWN:
        raise InputError(
            f"{splits[0].where}: the target {target!r} has {len(ordered):,} different values in {rows:,} rows: these "
            "are not classes; name another with --set data.target=COLUMN"
        )
    return {name: number for number, name in enumerate(ordered)}
