"""Groups of examples, by a column of any source; every example has one, and no group is in two splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modescape import recipe
from modescape.data.dataset import Source, is_writable
from modescape.data.tables import Part
from modescape.errors import InputError
from modescape.plain import MOST_GROUP_NAME, shown

Cells = Mapping[str, Sequence[Any]]
"""Cells by column."""

Both = tuple[np.ndarray | None, np.ndarray | None]
"""Groups of the training and of the test examples; None where there are none."""

Placed = tuple[str, Sequence[Any]]
"""Where a split is, for messages ("'mine.csv': test"), and the cell of every row that names its group."""


def check_column(name: str, columns: Sequence[str], target: str | None, where: str, key: str) -> None:
    """Check that the column of groups exists and is not the target.

    Raises:
        InputError: naming the columns; ``key`` is the setting of the target.
    """
    if name not in columns:
        raise InputError(
            f"{where}: data.group names {name!r}; its columns: {shown(', '.join(columns))}. A column of it says which "
            "examples belong together"
        )
    if name == target:
        raise InputError(f"{where}: data.group and {key} name the same column {name!r}; groups cannot be the target")


def groups_of(name: str, train: Placed, test: Placed | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The groups of the training rows and of the test rows, texts [example] each.

    Raises:
        InputError: if one is missing, or if a group is in both, naming it and the rows.
    """
    found = _texts(name, train)
    if test is None:
        return found, None
    others = _texts(name, test)
    rows = {group: row for row, group in reversed(list(enumerate(found.tolist())))}
    both = [row for row, group in enumerate(others.tolist()) if group in rows]
    if both:
        group = others[both[0]]
        raise InputError(
            f"{test[0]}, row {both[0]}, column {name!r}: the group {shown(repr(group), 60)} is in {train[0]}, too, row "
            f"{rows[group]} ({len({*others[both].tolist()}):,} such groups). A group must lie in one split: move the "
            "rows, or give one table and let modescape split it"
        )
    return found, others


def _texts(name: str, placed: Placed) -> np.ndarray:
    where, cells = placed
    missing = [row for row, cell in enumerate(cells) if cell is None or cell != cell or cell == ""]
    if missing:
        raise InputError(
            f"{where}, row {missing[0]}, column {name!r}: the group is missing in {len(missing):,} rows; give each "
            "row that belongs to no other its own group, or leave those rows out"
        )
    found = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        found[row] = _text(cell)
        if not is_writable(found[row]) or len(found[row].encode()) > MOST_GROUP_NAME:
            raise InputError(
                f"{where}, row {row}, column {name!r}: {shown(repr(cell), 60)} is not a group name; expected at most "
                f"{MOST_GROUP_NAME} bytes of Unicode"
            )
    return found


def _text(cell: Any) -> str:
    """A whole number of any type is the same group: 7 and 7.0."""
    whole = isinstance(cell, float) and cell.is_integer()
    return str(int(cell)) if whole else str(cell)


def named_groups(group: str | None) -> list[str]:
    """Arrays of an .npz file that name groups."""
    return [] if group is None else [group, f"test_{group}"]


def row_groups(array: np.ndarray, rows: int, where: str) -> list[Any]:
    """An array of groups as cells.

    Raises:
        InputError: if it has not one a row.
    """
    if array.shape != (rows,) or array.dtype.kind not in "iufUS":
        came = f"{array.dtype} {list(array.shape)}"
        raise InputError(f"{where} is {came}, expected a text or a number for each of {rows} rows")
    return [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell for cell in array.tolist()]


def of_columns(
    data: recipe.Data, targets: Sequence[str], train: tuple[str, Cells], test: tuple[str, Cells] | None
) -> Both:
    """Groups of a table: of each split its place in messages and its cells by column.

    Raises:
        InputError: if there is no such column, and as `groups_of`.
    """
    if (name := data.group) is None:
        return None, None
    for target in targets:
        check_column(name, list(train[1]), target, train[0], "data.target")
    if test is not None and name not in test[1]:
        raise InputError(f"{test[0]} lacks the column {name!r}, which the training rows have")
    return groups_of(name, (train[0], train[1][name]), None if test is None else (test[0], test[1][name]))


def of_arrays(source: Source, arrays: Mapping[str, np.ndarray], name: str, where: str) -> Source:
    """A source of images with the groups that lie beside them in an .npz file.

    Raises:
        InputError: if an array is not there, and as `groups_of`.
    """
    check_column(name, list(arrays), "label", where, "the array of labels")
    splits = {"train": (name, source.label), "test": (f"test_{name}", source.test_label)}
    placed: list[Placed] = []
    for split, (own, label) in splits.items():
        if label is None:
            continue
        if own not in arrays:
            raise InputError(f"{where} has no array {own!r}, which says which of its test examples belong together")
        placed.append((f"{where}: {split}", row_groups(arrays[own], len(label), f"{where}: {own}")))
    return _with_groups(source, name, placed)


def of_pictures(
    source: Source, name: str, parts: Sequence[Part], cells: Mapping[str, Sequence[Any]], rows: Sequence[np.ndarray]
) -> Source:
    """A source of pictures with the groups of those that were read.

    Args:
        source: of the pictures.
        name: of the column.
        parts: splits that are used.
        cells: of each, by its name (`without_column`).
        rows: of each, those whose picture was read.

    Raises:
        InputError: if a split has no such column, and as `groups_of`.
    """
    placed: list[Placed] = []
    for part, kept in zip(parts, rows, strict=True):
        where = f"'{part.source}': {part.name}"
        if part.name not in cells:
            raise InputError(f"{where} lacks the column {name!r}, which the training rows have")
        placed.append((where, [cells[part.name][row] for row in kept]))
    return _with_groups(source, name, placed)


def _with_groups(source: Source, name: str, placed: Sequence[Placed]) -> Source:
    train, test = groups_of(name, placed[0], placed[1] if len(placed) > 1 else None)
    return replace(source, group=train, test_group=test)


def without_column(parts: dict[str, Part], data: recipe.Data) -> tuple[dict[str, Part], dict[str, list[Any]]]:
    """Splits of pictures without the column of groups, which is neither a picture nor a label; its cells by split.

    Raises:
        InputError: if the training split has no such column.
    """
    if (name := data.group) is None:
        return parts, {}
    train = parts["train"]
    check_column(name, train.table.column_names, data.label, f"'{train.source}': train", "data.label")
    there = {key: part for key, part in parts.items() if name in part.table.column_names}
    cells = {part.name: part.table.column(name).to_pylist() for part in there.values()}
    return parts | {key: replace(part, table=part.table.drop_columns([name])) for key, part in there.items()}, cells
