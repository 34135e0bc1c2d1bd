"""The layouts of a table of scores: a row per score (long), a column per method (wide), a column per run (across)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modescape.errors import InputError
from modescape.interop.scores.cells import column_numbers, is_missing, is_number, text_of
from modescape.interop.scores.entries import Entry, Table
from modescape.interop.scores.names import METHOD, RUN, SCORE, STEP, TASK, find, is_run, is_setting, plain, split_runs
from modescape.interop.scores.sheet import Sheet
from modescape.interop.scores.summaries import refuse_unlabelled, without_summaries
from modescape.plain import ranges, shown

UNNAMED = "unnamed 1"  # a first column whose header is empty: what pandas writes of its index
MOSTLY = 0.5  # share of a column's cells that are numbers, from which the others are mistakes


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns are what, where the user says so; what is None or empty is found by name."""

    method: str | None = None
    run: str | None = None
    task: str | None = None
    scores: tuple[str, ...] = ()
    without: tuple[str, ...] = ()  # left out


def in_layout(sheet: Sheet, columns: Columns) -> Table:
    """The scores of a table of any layout.

    Raises:
        InputError: if a column that was named is not there, if no scores are found, or a row is no run.
    """
    named = [columns.method, columns.run, columns.task, *columns.scores, *columns.without]
    for name in filter(None, named):
        sheet.column(name)
    header = [name for name in sheet.header if name not in columns.without]
    method = columns.method or _method_column(sheet, header)
    run = columns.run or _run_column(sheet, header, method)
    if method is None:
        return _wide(sheet, columns, run, header)
    across = [name for name in header if is_run(name) and _is_numeric(sheet, name)]
    if run is None and not columns.scores and len(across) > 1 and _all_differ(sheet, method):
        return _across(sheet, method, across)
    return _long(sheet, columns, method, run, header)


def _method_column(sheet: Sheet, header: Sequence[str]) -> str | None:
    """The column of methods by its name."""
    for wanted in METHOD:
        name = find(header, (wanted,))
        if name is None or not _is_text(sheet, name):
            continue
        numeric = [one for one in header if one != name and _is_numeric(sheet, one) and not is_setting(one)]
        texts = {text_of(sheet.cell(row, name)) for row in sheet.rows}
        if numeric and (len(texts) > 1 or len(numeric) == 1):  # one text in all rows tells no methods
            return name
    return None


def _run_column(sheet: Sheet, header: Sequence[str], method: str | None) -> str | None:
    rest = [name for name in header if name != method]
    name = find(rest, RUN)
    if name is not None and not all(is_missing(sheet.cell(row, name)) for row in sheet.rows):
        return name
    first = rest[0] if rest else ""
    if method is None and _is_text(sheet, first) and _all_differ(sheet, first):
        return first  # texts that differ, before the scores
    if method is None and first == UNNAMED and not _counts_rows(sheet, first):
        return first if _all_whole(sheet, first) else None
    return None


def _all_whole(sheet: Sheet, name: str) -> bool:
    cells = [sheet.cell(row, name) for row in sheet.rows]
    return all(is_missing(cell) or isinstance(cell, int) or str(cell).strip().isdecimal() for cell in cells)


def _counts_rows(sheet: Sheet, name: str) -> bool:
    """Whether a column without a name holds 0, 1, 2, ...: the index that pandas writes."""
    return [text_of(sheet.cell(row, name)) for row in sheet.rows] == [str(n) for n in range(len(sheet.rows))]


def _is_text(sheet: Sheet, name: str) -> bool:
    cells = [cell for row in sheet.rows if not is_missing(cell := sheet.cell(row, name))]
    return bool(cells) and sum(is_number(cell) for cell in cells) <= MOSTLY * len(cells)


def _is_numeric(sheet: Sheet, name: str) -> bool:
    cells = [cell for row in sheet.rows if not is_missing(cell := sheet.cell(row, name))]
    return bool(cells) and sum(is_number(cell) for cell in cells) > MOSTLY * len(cells)


def _all_differ(sheet: Sheet, name: str) -> bool:
    texts = [text_of(sheet.cell(row, name)) for row in sheet.rows if not is_missing(sheet.cell(row, name))]
    return len(set(texts)) == len(texts)


def _wide(sheet: Sheet, columns: Columns, run: str | None, header: Sequence[str]) -> Table:
    """One row per run, every column of numbers a method; methods of named runs ("resnet_seed3") are told by these."""
    sheet = without_summaries(sheet, run, [name for name in header if name != run])
    rest = [name for name in header if name != run]
    index = [name for name in rest if name == UNNAMED and _counts_rows(sheet, name) and len(rest) > 1 and run is None]
    numeric = [name for name in rest if _is_numeric(sheet, name) and name not in index]
    scores = list(columns.scores) or [name for name in numeric if not is_setting(name)]
    if not scores:
        raise InputError(
            f"{sheet.source} has no column of scores ({shown(', '.join(sheet.header))}); expected one per method, or "
            "the columns method, seed and score; name them with --method, --run and --score"
        )
    refuse_unlabelled(sheet, run, scores)
    names = [text_of(sheet.cell(row, run)) for row in sheet.rows] if run else []
    split = split_runs(names) if names else None
    unused = [] if columns.scores else [name for name in rest if name not in scores and name not in index]
    notes = [*sheet.notes, *_left_out(unused)]
    entries: list[Entry] = []
    for name in scores:
        numbers, said = column_numbers(sheet, name)
        notes += said
        for place, (row, number) in enumerate(zip(sheet.rows, numbers, strict=True)):
            if number is None:
                continue
            if split is not None:
                method, own = split[place]
                entries.append(Entry(method, bare(name) if len(scores) > 1 else "", own, number, sheet.at(row)))
            else:
                entries.append(Entry(bare(name), "", names[place] if run else None, number, sheet.at(row)))
    notes += _missing(sheet, scores)
    rows = f"the column {shown(repr(run), 60)} names the runs" if run else "no column names the runs"
    told = "methods and runs are read from the names of runs" if split else "every column of numbers is a method"
    return Table(entries, [f"Read as wide: {told}, {rows}.", *notes])


def _missing(sheet: Sheet, scores: Sequence[str]) -> list[str]:
    """Runs without a score, column by column: fewer runs, which may be those that failed."""
    lines = []
    for name in scores:
        gone = [row.line for row in sheet.rows if is_missing(sheet.cell(row, name))]
        if gone:
            where = f"{sheet.place}{'s' * (len(gone) > 1)} {shown(ranges(gone), 60)}"
            lines.append(f"Column {shown(repr(name), 60)} has no score in {where}: such runs are left out.")
    return lines


def bare(name: str) -> str:
    """A column's name without what MLflow puts before it."""
    return name.removeprefix("metrics.") or name


def _left_out(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    columns = "Column" if len(names) == 1 else "Columns"
    verb = "is" if len(names) == 1 else "are"
    listed = shown(", ".join(names), 200)
    return [f"{columns} {listed} {verb} text, or settings by name, and left out (--score uses a column anyway)."]


def _across(sheet: Sheet, method: str, runs: Sequence[str]) -> Table:
    """One row per method, one column per run."""
    sheet = without_summaries(sheet, None, [])
    notes, entries = [*sheet.notes], []
    by_run = []
    for name in runs:
        numbers, said = column_numbers(sheet, name)
        notes += said
        by_run.append(numbers)
    for place, row in enumerate(sheet.rows):
        label = text_of(sheet.cell(row, method))
        if not label:
            raise InputError(f"{sheet.at(row)} names no method in column {shown(repr(method), 60)}")
        own = [(name, numbers[place]) for name, numbers in zip(runs, by_run, strict=True)]
        entries += [Entry(label, "", name, number, sheet.at(row)) for name, number in own if number is not None]
    listed = shown(", ".join(runs), 100)
    left = _left_out([name for name in sheet.header if name not in (*runs, method)])
    return Table(entries, [f"Read with one row per method and one column per run ({listed}).", *notes, *left])


def _long(sheet: Sheet, columns: Columns, method: str, run: str | None, header: Sequence[str]) -> Table:
    """One row per score: columns of methods and of scores, and perhaps of runs and of tasks."""
    rest = [name for name in header if name not in (method, run)]
    task = columns.task or next((one for one in [find(rest, TASK)] if one and _is_text(sheet, one)), None)
    rest = [name for name in rest if name != task]
    sheet = _without_summaries(sheet, method, run)
    one = find(rest, SCORE)
    numeric = [name for name in rest if _is_numeric(sheet, name) and not is_setting(name)]
    scores = list(columns.scores) or ([one] if one in numeric else numeric)
    if not scores:
        raise InputError(
            f"{sheet.source} has no column of scores besides {shown(repr(method), 60)} "
            f"({shown(', '.join(sheet.header))}); name it with --score"
        )
    step = next((name for name in rest if plain(name) in STEP and name not in scores), None)
    unused = [] if columns.scores else [name for name in rest if name not in scores and name != step]
    notes = [*sheet.notes, *_left_out(unused)]
    entries: list[Entry] = []
    for name in scores:
        numbers, said = column_numbers(sheet, name)
        notes += said
        for row, number in zip(sheet.rows, numbers, strict=True):
            keys = [sheet.cell(row, key) if key else None for key in (method, task, run)]
            for key, cell in zip((method, task, run), keys, strict=True):
                if key and is_missing(cell) and (key != method or text_of(cell) in ("", "-")):
                    raise InputError(
                        f"{sheet.at(row)}, column {shown(repr(key), 60)} is empty; fill it or remove the row"
                    )
            label, on, own = (text_of(cell) for cell in keys)
            on = " / ".join(filter(None, [on, bare(name) if len(scores) > 1 else ""]))
            if number is not None:
                entries.append(Entry(label, on, own if run else None, number, sheet.at(row)))
    if step is not None:
        entries, said = last_steps(sheet, entries, step)
        notes += said
    notes += _missing(sheet, scores)
    found = {"method": method, "run": run, "task": task, "score": ", ".join(scores)}
    told = ", ".join(f"{key} is {shown(repr(name), 60)}" for key, name in found.items() if name)
    return Table(entries, [f"Read as long: {told}{'' if run else '; no column names the runs'}.", *notes])


def _without_summaries(sheet: Sheet, method: str, run: str | None) -> Sheet:
    """Drop summary rows of a long table: run is a word such as "mean", or the method is one and run is empty."""
    if run is None:
        return sheet
    sheet = without_summaries(sheet, run, [])
    unnamed = [row.line for row in sheet.rows if is_missing(sheet.cell(row, run))]
    if not unnamed:
        return sheet
    parts = replace(sheet, rows=tuple(row for row in sheet.rows if row.line in unnamed))
    try:
        kept = {row.line for row in without_summaries(parts, None, [method]).rows}
    except InputError:  # all of them are
        kept = set()
    rows = tuple(row for row in sheet.rows if row.line not in unnamed or row.line in kept)
    gone = [line for line in unnamed if line not in kept]
    listed = shown(", ".join(map(str, gone)), 100)
    notes = [f"{sheet.place.capitalize()}s without a run that are summaries by their method are left out: {listed}."]
    return replace(sheet, rows=rows, notes=(*sheet.notes, *(notes if gone else [])))


def last_steps(sheet: Sheet, entries: list[Entry], step: str) -> tuple[list[Entry], list[str]]:
    """The last step of each run, where runs were scored at several."""
    numbers = {sheet.at(row): number for row, number in zip(sheet.rows, column_numbers(sheet, step)[0], strict=True)}
    last: dict[tuple[str, str, str | None], Entry] = {}
    for entry in entries:
        key = entry[:3] if entry.run is not None else (*entry[:2], entry.where)
        before = last.get(key)
        if before is None or (numbers[entry.where] or 0) > (numbers[before.where] or 0):
            last[key] = entry
    if len(last) == len(entries):
        return entries, []
    return list(last.values()), [
        f"Of each run the last {step} is taken; {len(entries) - len(last):,} earlier scores are left out."
    ]
