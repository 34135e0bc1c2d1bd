"""Scores of repeated runs from files of any format and layout, or from what Python holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modescape.errors import InputError
from modescape.interop.scores import exports
from modescape.interop.scores.cells import column_numbers, text_of
from modescape.interop.scores.entries import Entry, Table, gathered
from modescape.interop.scores.files import read_sheet
from modescape.interop.scores.layouts import Columns, in_layout
from modescape.interop.scores.names import labels
from modescape.interop.scores.sheet import Row, Sheet
from modescape.metrics.seeds import Runs
from modescape.plain import shown

MOST_FILES = 10_000
Groups = Mapping[str, str] | Sequence[tuple[str, str]]  # a method's name, and a pattern of runs


def read_scores(
    paths: Sequence[str | Path], columns: Columns | None = None, groups: Groups = ()
) -> tuple[tuple[Runs, ...], list[str]]:
    """The scores in a file, or in several: one file per run (TensorBoard), or one file per method.

    Args:
        paths: files; "-" is standard input.
        columns: which columns are what; what is not said is found by name.
        groups: methods as patterns of runs' names.

    Returns:
        Scores of each method and task, and sentences on how they were read.

    Raises:
        InputError: naming file and line of what is wrong.
    """
    columns = columns or Columns()
    if not 1 <= len(paths) <= MOST_FILES:
        raise InputError(f"{len(paths):,} files were given; expected 1 to {MOST_FILES:,}")
    twice = [str(path) for path in paths if [str(one) for one in paths].count(str(path)) > 1]
    if twice:
        raise InputError(f"'{twice[0]}' was given twice; each file once")
    sheets = [read_sheet(path) for path in paths]
    return _runs_of(_table(sheets, [str(path) for path in paths], columns), groups)


def _table(sheets: Sequence[Sheet], paths: Sequence[str], columns: Columns) -> Table:
    tensorboard = [exports.is_tensorboard(sheet) for sheet in sheets]
    if all(tensorboard):
        return exports.of_tensorboard(sheets, paths)
    if any(tensorboard):
        raise InputError(f"{sheets[tensorboard.index(False)].source} is not a TensorBoard table, as the others are")
    if len(sheets) > 1:
        return _a_file_a_method(sheets, paths, columns)
    (sheet,) = sheets
    if columns.method is None and not columns.scores and exports.is_chart(sheet):
        return exports.of_chart(sheet)
    if exports.is_history(sheet):
        return exports.of_history(sheet, columns)
    return in_layout(sheet, columns)


def _a_file_a_method(sheets: Sequence[Sheet], paths: Sequence[str], columns: Columns) -> Table:
    """Several files: each is a method; where one has several columns of scores, these are tasks."""
    entries: list[Entry] = []
    notes: list[str] = []
    tables = [in_layout(sheet, columns) for sheet in sheets]
    several = [len({entry.method for entry in table.entries}) > 1 for table in tables]
    for table, label, sheet in zip(tables, labels(paths), sheets, strict=True):
        for entry in table.entries:
            task = entry.method if any(several) and not entry.task else entry.task
            entries.append(entry._replace(method=label, task=task))
        notes += [f"{sheet.source}: {note}" for note in table.notes]
    told = "; their columns are tasks" if any(several) else ""
    return Table(entries, [f"Each file is a method, named after the file{told}.", *notes])


def _runs_of(table: Table, groups: Groups) -> tuple[tuple[Runs, ...], list[str]]:
    entries, notes = table.entries, table.notes
    if groups:
        pairs = list(groups.items()) if isinstance(groups, Mapping) else groups
        entries, left = exports.regrouped(entries, pairs)
        notes = [*notes, f"Methods are the groups {', '.join(dict.fromkeys(group for group, _ in pairs))}."]
        if left:
            notes.append(f"Runs that match no group are left out: {shown(', '.join(left), 200)}.")
    return gathered(entries), notes


def scores_of(table: Any, columns: Columns | None = None, groups: Groups = ()) -> tuple[tuple[Runs, ...], list[str]]:
    """Read scores from a path, several paths, a mapping, or a data frame.

    Args:
        table: a path or a sequence of paths; a mapping from methods to scores [run], or to mappings from runs to
            scores; a data frame (pandas, polars) or table (pyarrow), read like a file.
        columns: see `read_scores`.
        groups: see `read_scores`.

    Raises:
        InputError: (a ValueError) if it is of another kind, or wrong.
    """
    if isinstance(table, (str, Path)):
        return read_scores([table], columns, groups)
    if isinstance(table, Mapping):
        return _runs_of(Table(_of_mapping(table), []), groups)
    if hasattr(table, "columns") or hasattr(table, "column_names"):
        return _runs_of(_table([_of_frame(table)], ["table"], columns or Columns()), groups)
    if isinstance(table, Sequence) and all(isinstance(one, (str, Path)) for one in table):
        return read_scores(list(table), columns, groups)
    raise InputError(
        f"the scores are of type {type(table).__name__}; expected a file, a dict such as "
        '{"a": [0.91, 0.92], "b": [0.90, 0.93]}, or a data frame'
    )


def _of_mapping(table: Mapping[Any, Any]) -> list[Entry]:
    entries: list[Entry] = []
    for method, scores in table.items():
        if isinstance(scores, Mapping):
            named: list[tuple[str | None, Any]] = [(str(run), score) for run, score in scores.items()]
        else:
            plain = scores.tolist() if hasattr(scores, "tolist") else scores
            if not isinstance(plain, Sequence) or isinstance(plain, str):
                raise InputError(f"the scores of {method!r} are not a list; expected one score per run")
            named = [(None, score) for score in plain]
        rows = tuple(Row(number, (score,)) for number, (_, score) in enumerate(named))
        sheet = Sheet(f"{method!r}", ("score",), rows, "run")
        numbers, _ = column_numbers(sheet, "score")
        where = [sheet.at(row) for row in rows]
        found = zip(named, numbers, where, strict=True)
        entries += [Entry(str(method), "", run, number, at) for (run, _), number, at in found if number is not None]
    return entries


def _of_frame(table: Any) -> Sheet:
    names = [str(name) for name in getattr(table, "column_names", table.columns)]
    raw = [table[name] for name in getattr(table, "column_names", table.columns)]
    cells = [list(getattr(one, "to_pylist", getattr(one, "tolist", lambda one=one: list(one)))()) for one in raw]
    index = getattr(table, "index", None)
    if index is not None and type(index).__name__ != "RangeIndex" and not callable(index):
        names, cells = [str(index.name or "run"), *names], [[text_of(one) for one in index], *cells]
    rows = tuple(Row(number, tuple(row)) for number, row in enumerate(zip(*cells, strict=True), 1))
    if not rows or len(set(names)) < len(names):
        columns = shown(", ".join(names))
        raise InputError(
            f"the table has {len(rows)} rows and the columns {columns}; expected rows, and names that differ"
        )
    return Sheet("the table", tuple(names), rows, "row")
