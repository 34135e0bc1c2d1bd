"""Labels of the examples, and columns beside them: names, parts, groups of examples."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modescape.arrays import to_numpy
from modescape.errors import InputError
from modescape.interop.predictions.content import IDS, LABELS, Content, Read, one_column, told_apart
from modescape.interop.predictions.matching import Examples, whole
from modescape.interop.predictions.opening import Origin, chosen, open_spec
from modescape.interop.predictions.options import Options
from modescape.plain import nearest, shown


@dataclass(frozen=True)
class Truth:
    """Labels, with the columns beside them."""

    examples: Examples
    label: np.ndarray
    columns: Mapping[str, np.ndarray]
    origin: Origin
    numbers: bool  # whether they are of a regression


def id_in(content: Content, options: Options) -> str:
    """The column of ids that the user names, where a file is a table or has it."""
    return options.id_column if options.id_column in content.arrays or content.table else ""


def content_of(name: str, given: Any) -> tuple[Content, Origin]:
    """The content of a file, or of an array or tensor in memory, and its origin."""
    if isinstance(given, str) or hasattr(given, "__fspath__"):
        content, column, origin = open_spec(str(given))
        return chosen(content, column) if column else content, origin
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], str):
        given = np.array(given)
    array = np.asarray(given) if getattr(getattr(given, "dtype", None), "kind", "") == "U" else to_numpy(given)[0][0]
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
    return Content(name, {"": array}), Origin("", array.nbytes, digest)


def truth_of(options: Options, labels: Any) -> Truth | None:
    """Labels of their own; None where the files of predictions hold them."""
    if labels is None and options.labels is None:
        return None
    if labels is None or isinstance(labels, str) or hasattr(labels, "__fspath__"):
        spec = str(options.labels if labels is None else labels)
        content, column, origin = open_spec(spec)
    else:
        content, origin = content_of("labels", labels)
        column = ""
    label = one_column(content, column, LABELS, "labels")
    wanted = [options.id_column] if id_in(content, options) else list(IDS)
    ids = next((rows for one in wanted for name, rows in content.arrays.items() if name.lower() == one.lower()), None)
    columns = {name: np.asarray(rows[:]) for name, rows in content.arrays.items() if len(rows.shape) == 1 and name}
    examples = Examples.of(content.where, len(label), None if ids is None else np.asarray(ids[:]))
    return Truth(examples, label, columns, origin, _are_numbers(label, options))


def truth_within(content: Content, origin: Origin, options: Options) -> Truth:
    """The labels that the first file of predictions holds."""
    read = told_apart(content, examples=None, numbers=False, id_column=id_in(content, options), others=options.columns)
    if read.label is None:
        raise InputError(f"'{content.where}' holds no labels; give them with --labels FILE or --labels FILE:COLUMN")
    examples = Examples.of(content.where, len(read.label), read.ids)
    return Truth(examples, read.label, read.columns, origin, _are_numbers(read.label, options))


def _are_numbers(label: np.ndarray, options: Options) -> bool:
    """Whether labels are of a regression: numbers with fractions."""
    if options.task:
        return options.task == "regression"
    return label.dtype.kind == "f" and whole(label[np.isfinite(label)]) is None


def checked_labels(truth: Truth, read: Read) -> Truth:
    """Refuse labels within a file that are not those of the others; columns that nobody else has are taken."""
    if read.label is not None and len(read.label) == truth.examples.count:
        order = truth.examples.order(read.where, len(read.label), read.ids)
        own = read.label if order is None else read.label[order]
        both = (
            [own.astype(str), truth.label.astype(str)]
            if own.dtype.kind != truth.label.dtype.kind
            else [own, truth.label]
        )
        numbers = [whole(own), whole(truth.label)]
        first, second = both if numbers[0] is None or numbers[1] is None else numbers
        wrong = np.flatnonzero(first != second)
        if len(wrong):
            raise InputError(
                f"'{read.where}', row {wrong[0]}: its label is {shown(own[wrong[0]], 40)} and that of "
                f"'{truth.examples.where}' is {shown(truth.label[wrong[0]], 40)}; {len(wrong):,} rows differ"
            )
    return truth if truth.columns else replace(truth, columns=read.columns)


def beside(spec: str, truth: Truth) -> np.ndarray | None:
    """A column beside the labels, or of a file of its own, [example]."""
    if not spec:
        return None
    if spec in truth.columns:
        return _whole_column(truth.columns[spec], spec, truth)
    try:
        content, column, _ = open_spec(spec)
    except InputError as error:
        if ":" in spec or "/" in spec or "." in spec:
            raise
        there = nearest(spec, [name for name in truth.columns if name.lower() not in IDS])
        raise InputError(f"'{truth.examples.where}' has no column {spec!r}; {there}") from error
    values = one_column(content, column, (), "column")
    ids = next((np.asarray(rows[:]) for name, rows in content.arrays.items() if name.lower() in IDS), None)
    order = truth.examples.order(content.where, len(values), ids)
    return _whole_column(values if order is None else values[order], spec, truth)


def _whole_column(values: np.ndarray, spec: str, truth: Truth) -> np.ndarray:
    if len(values) != truth.examples.count:
        raise InputError(f"{spec!r} has {len(values):,} rows and there are {truth.examples.count:,} examples")
    if values.dtype.kind == "f":
        found = whole(values)
        if found is None:
            raise InputError(
                f"{spec!r} holds numbers with fractions, or one is missing; expected texts or whole numbers"
            )
        return found
    return values
