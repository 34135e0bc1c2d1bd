"""Rows that are no runs: means, spreads and extremes of the rows above them, recognised or refused by their line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modescape.errors import InputError
from modescape.interop.scores.cells import is_missing, is_number, text_of
from modescape.interop.scores.names import is_summary
from modescape.interop.scores.sheet import Row, Sheet
from modescape.plain import shown

LEAST_ABOVE = 3  # rows whose mean a row may be
MOST_ODD = 1 / 4  # share of rows whose run has no number while all others have one


def without_summaries(sheet: Sheet, run: str | None, texts: Sequence[str]) -> Sheet:
    """The table without rows that say that they sum up others; its notes name them.

    A row does where a cell of `texts`, or its run, is such a word ("mean", "Std. dev."), or where its run has no number
    and those of nearly all others have one.

    Args:
        sheet: the table.
        run: the column of runs, if there is one.
        texts: columns in whose cells such words may stand.
    """
    kept, dropped = [], []
    odd = _odd_runs(sheet, run)
    for row in sheet.rows:
        own = [sheet.cell(row, name) for name in texts]
        said = [cell for cell in own if isinstance(cell, str) and is_summary(cell)]
        named = sheet.cell(row, run) if run else None
        if isinstance(named, str) and (is_summary(named, of_run=True) or row.line in odd):
            said = [named]
        (dropped if said else kept).append((row, said[0] if said else ""))
    if not dropped:
        return sheet
    if not kept:
        raise InputError(
            f"{sheet.source}: every row summarises others (such as {shown(dropped[0][1], 40)}); expected runs"
        )
    listed = [f"{row.line} ({shown(said, 40)})" for row, said in dropped]
    verb = "is a summary" if len(listed) == 1 else "are summaries"
    place = sheet.place.capitalize() + "s" * (len(listed) > 1)
    note = f"{place} {shown(', '.join(listed), 200)} {verb}, not runs, and left out."
    return replace(sheet, rows=tuple(row for row, _ in kept), notes=(*sheet.notes, note))


def _odd_runs(sheet: Sheet, run: str | None) -> set[int]:
    """Lines whose run is a word where all others are numbers, or end with one."""
    if run is None:
        return set()
    named = [(row.line, text_of(sheet.cell(row, run))) for row in sheet.rows]
    odd = {line for line, text in named if text and not any(letter.isdigit() for letter in text)}
    return odd if len(odd) <= MOST_ODD * len(named) else set()


def refuse_unlabelled(sheet: Sheet, run: str | None, columns: Sequence[str]) -> None:
    """Refuse a row that names no run and is the mean of all rows above it.

    Two columns must agree, or six digits of one: a run may be the mean of others by chance.

    Raises:
        InputError: naming its line; or the line of a row without a run where other rows have one.
    """
    named = [bool(run) and not is_missing(sheet.cell(row, run)) for row in sheet.rows] if run else []
    for number, row in enumerate(sheet.rows):
        if named and named[number]:
            continue
        if any(named):
            raise InputError(
                f"{sheet.at(row)} names no run in column {shown(repr(run), 60)}; name it, or remove the row if it sums "
                "up others"
            )
        if number >= LEAST_ABOVE and _is_mean(row, sheet.rows[:number], [sheet.column(name) for name in columns]):
            raise InputError(
                f"{sheet.at(row)} is the mean of the rows above it: a summary, not a run; remove it and what follows"
            )


def _is_mean(row: Row, above: Sequence[Row], columns: Sequence[int]) -> bool:
    digits = 0
    for column in columns:
        cells = [one.cells[column] for one in above]
        if not (_plain(row.cells[column]) and all(_plain(cell) for cell in cells)):
            return False
        text, values = text_of(row.cells[column]), np.array([float(cell) for cell in cells])
        decimals = len(text.partition(".")[2]) if "e" not in text.lower() else 12
        slack = 0.5 * 10.0**-decimals + 1e-9 * float(np.abs(values).max())
        if not abs(float(text) - float(values.mean())) <= slack or float(values.std()) == 0:
            return False
        digits += min(decimals, 1 + int(-math.log10(float(values.std())) + decimals) if decimals else 0)
    return (len(columns) > 1 and digits >= 2) or digits >= 6


def _plain(cell: Any) -> bool:
    if not is_number(cell):
        return False
    try:
        return math.isfinite(float(cell))
    except ValueError:  # a decimal comma, a percent sign
        return False
