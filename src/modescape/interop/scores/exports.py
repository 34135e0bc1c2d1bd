"""What trackers export: charts of W&B, the history of MLflow, scalars of TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from modescape.errors import InputError
from modescape.interop.scores.cells import column_numbers, is_missing, text_of
from modescape.interop.scores.entries import Entry, Table
from modescape.interop.scores.layouts import Columns, last_steps
from modescape.interop.scores.names import STEP, TENSORBOARD, labels, plain, split_runs
from modescape.interop.scores.sheet import Sheet
from modescape.plain import shown

ENDS = ("__MIN", "__MAX")  # W&B: of the values behind a drawn point
AXES = (*STEP, "wall time", "relative time (wall)", "relative time (process)")


def is_tensorboard(sheet: Sheet) -> bool:
    """Whether these are scalars of one run as TensorBoard's page downloads them."""
    return {plain(name) for name in sheet.header} == {"wall time", "step", "value"}


def is_chart(sheet: Sheet) -> bool:
    """Whether this is a chart of W&B: an axis, and columns "run - metric"."""
    rest = sheet.header[1:]
    return plain(sheet.header[0]) in AXES and any(name.endswith(ENDS) or " - " in name for name in rest)


def is_history(sheet: Sheet) -> bool:
    """Whether this is MLflow's table of metrics: one row per metric, a run and a step."""
    names = {plain(name) for name in sheet.header}
    return {"key", "value"} < names and bool(names & {"run id", "run uuid"})


def of_tensorboard(sheets: Sequence[Sheet], paths: Sequence[str]) -> Table:
    """One file a run: the value of the last step of each; methods and runs are told by the files' names."""
    entries: list[Entry] = []
    for sheet, label in zip(sheets, labels(paths), strict=True):
        step = next(name for name in sheet.header if plain(name) == "step")
        value = next(name for name in sheet.header if plain(name) == "value")
        steps, values = column_numbers(sheet, step)[0], column_numbers(sheet, value)[0]
        at = max(range(len(steps)), key=lambda row: (steps[row] or 0, row))
        number = values[at]
        if number is None:
            raise InputError(f"{sheet.at(sheet.rows[at])}: the last step has no value")
        parts = TENSORBOARD.fullmatch(label.rpartition("/")[2])
        run, tag = (parts["run"], parts["tag"]) if parts else (label, "")
        entries.append(Entry("", tag, run, number, sheet.at(sheet.rows[at])))
    return by_runs(entries, ["Read as scalars of TensorBoard, one file per run: the value of the last step of each."])


def of_chart(sheet: Sheet) -> Table:
    """The last value of each run of a chart."""
    entries, blurred = [], []
    for name in sheet.header[1:]:
        if name.endswith(ENDS) or name.endswith("_step"):
            continue
        numbers, _ = column_numbers(sheet, name)
        there = [row for row, number in enumerate(numbers) if number is not None]
        if not there:
            continue
        row = there[-1]
        run, _, metric = name.rpartition(" - ") if " - " in name else (name, "", "")
        if any(
            text_of(sheet.cell(sheet.rows[row], name + end)) not in ("", text_of(sheet.cell(sheet.rows[row], name)))
            for end in ENDS
            if name + end in sheet.header
        ):
            blurred.append(run)
        entries.append(Entry("", metric, run, float(numbers[row] or 0.0), sheet.at(sheet.rows[row])))
    notes = ["Read as a chart of W&B: the last value of each run; columns __MIN and __MAX are left out."]
    if blurred:
        notes.append(
            f"The last value of {shown(', '.join(blurred), 100)} lies between different __MIN and __MAX: if the chart "
            "was grouped, it is a mean of several runs; export it without grouping and smoothing."
        )
    return by_runs(entries, notes)


def of_history(sheet: Sheet, columns: Columns) -> Table:
    """Metrics of MLflow, the last step of each: keys are methods, or tasks where a column of methods is named."""
    by_name = {plain(name): name for name in sheet.header}
    run = columns.run or by_name.get("run id") or by_name["run uuid"]
    key, value = by_name["key"], by_name["value"]
    numbers, notes = column_numbers(sheet, value)
    entries: list[Entry] = []
    for row, number in zip(sheet.rows, numbers, strict=True):
        own, metric = text_of(sheet.cell(row, run)), text_of(sheet.cell(row, key))
        if not own or not metric or number is None:
            raise InputError(f"{sheet.at(row)}: run, key or value is empty; fill it or remove the row")
        method = sheet.cell(row, columns.method) if columns.method else metric
        if is_missing(method):
            raise InputError(f"{sheet.at(row)} names no method in column {shown(repr(columns.method), 60)}")
        entries.append(Entry(text_of(method), metric if columns.method else "", own, number, sheet.at(row)))
    if "step" in by_name:
        entries, said = last_steps(sheet, entries, by_name["step"])
        notes += said
    if not columns.method:
        renamed = [Entry("", entry.method, entry.run, entry.score, entry.where) for entry in entries]
        split = by_runs(renamed, [])
        if split.notes:
            entries, notes = split.entries, [*notes, *split.notes]
        else:
            notes.append("Every key is a method; its runs are those of the file.")
    return Table(entries, ["Read as metrics of MLflow.", *sheet.notes, *notes])


def by_runs(entries: list[Entry], notes: list[str]) -> Table:
    """Scores of runs whose names may tell methods ("resnet_seed3"); else all are of one, named after the metric."""
    runs = list(dict.fromkeys(str(entry.run) for entry in entries))
    split = split_runs(runs)
    metrics = {entry.task for entry in entries}
    if split is None:
        renamed = [Entry(entry.task or "score", "", entry.run, entry.score, entry.where) for entry in entries]
        return Table(renamed, notes)
    told = dict(zip(runs, split, strict=True))
    found = [
        Entry(told[str(e.run)][0], e.task if len(metrics) > 1 else "", told[str(e.run)][1], e.score, e.where)
        for e in entries
    ]
    return Table(found, [*notes, "Methods and runs are read from the names of runs."])


def regrouped(entries: list[Entry], groups: Sequence[tuple[str, str]]) -> tuple[list[Entry], list[str]]:
    """Scores whose method is said by patterns over "method" or "method/run", such as ("resnet", "*resnet*").

    Returns:
        The scores of runs that fit a group, and the names of the others, as "method/run".

    Raises:
        InputError: if a pattern fits nothing, or a run has two methods.
    """
    found, used, left = [], set(), []
    several = len({entry.method for entry in entries}) > 1
    for entry in entries:
        names = [str(entry.run), f"{entry.method}/{entry.run}", entry.method]
        fitting = {group: [name for name in names if fnmatchcase(name, pattern)] for group, pattern in groups}
        fitting = {group: fits for group, fits in fitting.items() if fits}
        if len(fitting) > 1:
            raise InputError(
                f"{entry.where}: run {shown(repr(entry.run), 60)} fits the groups {', '.join(fitting)}; expected one"
            )
        used.update(fitting)
        if not fitting:
            left.append(entry.method if entry.run is None else "/".join(filter(None, (entry.method, entry.run))))
        for group, fits in fitting.items():  # where a run's name fits, its methods are what was scored
            task = entry.task or entry.method if several and entry.method not in fits else entry.task
            found.append(entry._replace(method=group, task=task))
    unused = [group for group, _ in groups if group not in used]
    if unused:
        raise InputError(f"no run fits the group {shown(repr(unused[0]), 60)}")
    return found, list(dict.fromkeys(left))
