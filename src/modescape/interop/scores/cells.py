"""Cells as numbers: missing values, decimal commas, percent signs; errors name the line."""

from __future__ import annotations

import math
import re
from typing import Any

from modescape.errors import InputError
from modescape.interop.scores.sheet import Sheet
from modescape.plain import shown

MOST_SCORE = 1e30  # fourth powers stay finite
MISSING = ("", "na", "n/a", "#n/a", "null", "none", "-", "--", "\N{EN DASH}", "\N{EM DASH}", "?")  # no such run
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")  # a number as some countries write it
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")  # ambiguous: decimal comma or thousands separator
MEAN_AND_SPREAD = re.compile(r"\d\s*(±|\+/?-)\s*\d")
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def text_of(cell: Any) -> str:
    """The content of a cell as text; "" where it is empty; 3.0 as "3"."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return str(cell).strip()


def is_missing(cell: Any) -> bool:
    """Whether a cell says that there is no such number."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def is_number(cell: Any) -> bool:
    """Whether a cell is a number, finite or not, also one with a decimal comma or a percent sign."""
    if isinstance(cell, bool) or cell is None:
        return False
    if not isinstance(cell, str):
        return isinstance(cell, (int, float)) or hasattr(cell, "as_tuple")  # Decimal, of Parquet
    text = cell.strip().removesuffix("%").rstrip()
    return any(kind.fullmatch(text) for kind in (NUMBER, COMMA, NOT_FINITE))


def column_numbers(sheet: Sheet, name: str) -> tuple[list[float | None], list[str]]:
    """The scores of a column, None where there is none, and what a reader should know of how they were read.

    Numbers stay in the unit of the file: 91.2 % is 91.2.

    Raises:
        InputError: naming the line of a cell that is not a finite number, or of one that may be 1.234 and may be 1,234.
    """
    at = sheet.column(name)
    cells = [(row, row.cells[at]) for row in sheet.rows]
    texts = [_bare(cell) for _, cell in cells if isinstance(cell, str) and not is_missing(cell)]
    commas = [text for text in texts if COMMA.fullmatch(text)]
    points = [text for text in texts if NUMBER.fullmatch(text) and "." in text]
    notes = []
    if commas:
        row = next(row for row, cell in cells if isinstance(cell, str) and COMMA.fullmatch(_bare(cell)))
        where = f"{sheet.at(row)}, column {shown(repr(name), 60)}: {commas[0]!r} has a comma"
        if points:
            raise InputError(f"{where}, and {points[0]!r} of the same column has a point; write all with a point")
        if all(THOUSANDS.fullmatch(text) for text in commas):
            raise InputError(
                f"{where}, and may mean a fraction or thousands; write it with a point, or without a comma"
            )
        notes.append(f"The commas of column {shown(repr(name), 60)} are read as decimal points ({commas[0]}).")
    percents = [isinstance(cell, str) and cell.rstrip().endswith("%") for _, cell in cells if not is_missing(cell)]
    if any(percents) and not all(percents):
        there = [row for row, cell in cells if not is_missing(cell)]
        where = f"{sheet.at(there[percents.index(False)])}, column {shown(repr(name), 60)}"
        raise InputError(f"{where}: no percent sign, where other cells of the column have one; write all in one unit")
    return [_number(cell, f"{sheet.at(row)}, column {shown(repr(name), 60)}") for row, cell in cells], notes


def _bare(cell: str) -> str:
    return cell.strip().removesuffix("%").rstrip()


def _number(cell: Any, where: str) -> float | None:
    if is_missing(cell):
        return None
    if not is_number(cell):
        of_runs = MEAN_AND_SPREAD.search(str(cell)[:100]) is not None
        expected = "expected the score of each run, not a mean" if of_runs else "leave it empty where a run is missing"
        raise InputError(f"{where}: {shown(repr(cell), 40)} is not a number; {expected}")
    number = float(_bare(cell).replace(",", ".") if isinstance(cell, str) else cell)
    if not math.isfinite(number):
        raise InputError(
            f"{where}: {shown(text_of(cell), 20)} is not a score; leave the run out (an empty cell), and say so where "
            "you report it: a run that failed is a result, too"
        )
    if abs(number) > MOST_SCORE:
        raise InputError(f"{where}: {number:g} is beyond {MOST_SCORE:g}; take another unit")
    return number
