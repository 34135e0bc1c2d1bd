"""Numbers beside pictures: the column of targets of a regression on pictures, and its values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modescape import recipe
from modescape.data.columns import image_column
from modescape.data.tables import Part
from modescape.errors import InputError
from modescape.plain import shown


def settled_numbers(part: Part, data: recipe.Data) -> tuple[str, str]:
    """Names of the image column and of the column of numbers: the one that is named, else the only one.

    Raises:
        InputError: if they cannot be told.
    """
    if not len(part):
        raise InputError(f"'{part.source}': {part.name} is empty")
    image = image_column(part, data.image)
    if data.label is not None:
        if data.label not in part.table.column_names:
            columns = shown(", ".join(part.table.column_names))
            raise InputError(f"'{part.source}' has no column {data.label!r}; its columns: {columns}")
        return image, data.label
    found = [name for name in part.table.column_names if name != image and _are_numbers(part, name)]
    if len(found) != 1:
        raise InputError(
            f"'{part.source}' has {len(found)} columns of numbers "
            f"({shown(', '.join(part.table.column_names))}); name the target with --set data.label=COLUMN"
        )
    return image, found[0]


def _are_numbers(part: Part, name: str) -> bool:
    cells = part.table.column(name).slice(0, 100).to_pylist()
    there = [cell for cell in cells if cell not in (None, "")]
    return bool(there) and all(_number(cell) is not None for cell in there)


def _number(cell: object) -> float | None:
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return None
    try:
        found = float(cell)
    except (ValueError, OverflowError):
        return None
    return found if np.isfinite(found) else None


def targets(parts: Sequence[Part], column: str, image: str) -> list[np.ndarray]:
    """The targets of each split, float64 [example, 1].

    Raises:
        InputError: naming the picture where one is missing or no finite number.
    """
    found = []
    for part in parts:
        if column not in part.table.column_names:
            raise InputError(f"'{part.source}': the {part.name} split has no column {column!r} of targets")
        cells = part.table.column(column).to_pylist()
        values = [_number(cell) for cell in cells]
        if None in values:
            row = values.index(None)
            _, where = next(part.cells(image, [row]))
            what = "missing" if cells[row] in (None, "") else f"{shown(repr(cells[row]), 40)}, not a finite number"
            raise InputError(f"{where}: the target {column!r} is {what}; leave such rows out")
        found.append(np.array(values, dtype=np.float64)[:, None])
    return found
