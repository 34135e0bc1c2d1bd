"""JSON lines as columns: one object a line, refused by line and column where something is wrong."""

from __future__ import annotations

import json
from typing import Any

from modescape.errors import InputError
from modescape.plain import shown

TWICE = object()  # in the place of cells of one name


def json_lines(text: str) -> dict[str, list[Any]]:
    """Columns of JSON lines; None where an object lacks one, boxes and lists left out.

    Raises:
        InputError: naming the line that is no such object, or the column of what no table holds.
    """
    rows = [_json_object(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not rows:
        raise InputError("the table is empty")
    kinds = (str, int, float, type(None))  # boxes and lists of captions are no labels
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return {
        name: list(cells) if len({type(cell) for cell in cells} - {type(None)}) < 2 else _as_texts(cells)
        for name, cells in columns.items()
        if all(isinstance(cell, kinds) for cell in cells)
    }


def _json_object(number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line, object_pairs_hook=_pairs)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise InputError(f"line {number} is not a JSON object; expected one per line")
    for name, cell in row.items():
        if cell is TWICE:
            raise InputError(f"line {number} has {shown(repr(name), 40)} twice; rename one")
        if isinstance(cell, int) and not -(1 << 63) <= cell < 1 << 63:
            raise InputError(
                f"line {number}, column {shown(repr(name), 40)}: a whole number of more than 64 bits; write it as a "
                "text, or with a fraction (1e30)"
            )
        if any(isinstance(one, str) and not _is_unicode(one) for one in (name, cell)):
            raise InputError(f"line {number}, column {shown(repr(name), 40)}: half of a character (a lone surrogate)")
    return row


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, in which `TWICE` stands for what has a name that another has."""
    found: dict[str, Any] = {}
    for name, cell in pairs:
        found[name] = TWICE if name in found else cell
    return found


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _as_texts(cells: list[Any]) -> list[Any]:
    """Cells of several types as texts; whole and other numbers together stay numbers."""
    if {type(cell) for cell in cells} <= {int, float, type(None)}:
        return [None if cell is None else float(cell) for cell in cells]
    return [None if cell is None else str(cell) for cell in cells]
