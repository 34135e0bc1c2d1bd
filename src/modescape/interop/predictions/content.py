"""The content of a file of predictions, and identifying its arrays and columns by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from modescape.errors import InputError
from modescape.interop.predictions.kinds import MOSTLY, SUM_ROUNDING
from modescape.interop.predictions.lazy import Placed, Rows
from modescape.plain import nearest, shown

IDS = ("id", "ids", "idx", "index", "example_id", "sample_id", "doc_id", "guid", "uid", "row_id")
LABELS = ("label", "labels", "label_ids", "target", "targets", "y", "y_true", "true", "references", "gold")
PREDICTED = (
    *("predictions", "prediction", "preds", "pred", "predicted", "y_pred", "y_hat", "outputs", "output"),
    *("probabilities", "probability", "probs", "prob", "proba", "log_probs", "log_prob", "logprobs", "logits"),
)
IGNORED = ("", "unnamed: 0", "split", "__index_level_0__")  # extra columns that programs write
MEAN, VARIANCE = ("mean", "mu", "predicted_mean"), ("variance", "var", "predicted_variance")
DEVIATION = ("std", "stdev", "sd", "sigma", "stddev", "standard_deviation", "predicted_std")
CLASS_COLUMN = re.compile(
    r"(?:probability|probabilities|probs?|proba|p|logits?|log_?probs?|scores?|class|y_prob|pred_prob)"
    r"(?:[_. -]+(?P<named>.+)|(?P<number>\d+))",
    re.IGNORECASE,
)
FEW = 3  # columns that a message names
LOOKED_AT = 1_000  # rows inspected to identify columns


@dataclass(frozen=True)
class Content:
    """Arrays of one file, or columns of a table, by name, before they are identified."""

    where: str  # the file, in messages
    arrays: Mapping[str, Rows]
    table: bool = False  # they are columns of one table: [example] each, or [example, class] where cells are lists
    notes: tuple[str, ...] = ()
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])  # of columns -> class names


@dataclass(frozen=True)
class Read:
    """The models in a file, and its columns about the examples."""

    where: str
    models: Mapping[str, Rows]  # name within the file ("" where it is one) -> [example] or [example, class]
    ids: np.ndarray | None = None
    label: np.ndarray | None = None
    class_names: tuple[str, ...] = ()  # of the columns of classes
    columns: Mapping[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])  # all others, one cell an example
    notes: tuple[str, ...] = ()


def one_column(content: Content, column: str, prefer: Sequence[str], what: str) -> np.ndarray:
    """One array of a file [example], such as its labels.

    Args:
        content: of the file.
        column: its name; "": the only one, or the first of ``prefer`` that there is.
        prefer: names.
        what: it is, for messages.

    Raises:
        InputError: if it is ambiguous, or has not one cell per example.
    """
    names = list(content.arrays)
    if column and column not in names:
        raise InputError(f"'{content.where}' has no column {column!r}; {nearest(column, names)}")
    free = [name for name in names if name.lower() not in (*IDS, *IGNORED)] or names
    found = [column] if column else [name for one in prefer for name in names if name.lower() == one][:1] or free
    if len(found) != 1:
        raise InputError(
            f"'{content.where}' has {len(names)} columns that may be the {what} "
            f"({shown(', '.join(names), 200)}); name one: {content.where}:COLUMN"
        )
    rows = content.arrays[found[0]]
    if len(rows.shape) == 2 and rows.shape[1] == 1:
        return np.asarray(rows[:])[:, 0]
    if len(rows.shape) != 1:
        raise InputError(f"the {what} of '{content.where}' have shape {list(rows.shape)}; expected one per example")
    return np.asarray(rows[:])


def told_apart(
    content: Content, *, examples: int | None, numbers: bool, id_column: str = "", others: Sequence[str] = ()
) -> Read:
    """Identify which arrays of a file are models, ids and labels.

    Args:
        content: of the file.
        examples: how many there are, where it is known.
        numbers: whether the task is a regression.
        id_column: that names examples; "": found by its name.
        others: columns that hold no predictions.

    Raises:
        InputError: if there is no candidate for predictions, or too many.
    """
    left = {name: rows for name, rows in content.arrays.items() if name.lower() not in IGNORED or name == id_column}
    ids = _taken(left, [id_column] if id_column else IDS)
    if id_column and ids is None:
        raise InputError(f"'{content.where}' has no column {id_column!r}; {nearest(id_column, list(content.arrays))}")
    label = _taken(left, LABELS) if len(left) > 1 else None
    more = {name: np.asarray(left.pop(name)[:]) for name in others if name in left}
    read = Read(content.where, {}, _texts(ids), None if label is None else np.asarray(label[:]), notes=content.notes)
    if not left:
        raise InputError(f"'{content.where}' has no predictions; its columns: {', '.join(content.arrays) or 'none'}")
    read = _models(content, left, numbers, read)
    models = {}
    for name, rows in read.models.items():
        models |= _apart(content.where, name, rows, examples, numbers)
    return replace(read, models=models, columns={**read.columns, **more})


def _texts(ids: Rows | None) -> np.ndarray | None:
    return None if ids is None else np.asarray(ids[:])


def _taken(left: dict[str, Any], names: Sequence[str]) -> Rows | None:
    """The first of these arrays, taken out."""
    for name in names:
        for own in list(left):
            if own == name or own.lower() == name:
                return left.pop(own)
    return None


def _models(content: Content, left: dict[str, Rows], numbers: bool, read: Read) -> Read:
    """The arrays that are models."""
    pair = [[name for name in left if name.lower() in known] for known in (MEAN, VARIANCE)]
    if all(len(found) == 1 for found in pair):
        columns = [np.asarray(left[found[0]][:], dtype=np.float64).reshape(-1) for found in pair]
        return replace(read, models={"": np.stack(columns, 1)})
    _refuse_spread(content.where, left if numbers else ())
    classes = [name for name, rows in left.items() if _is_of_class(name, rows)] if content.table and not numbers else []
    named = [name for name in left if name.lower() in PREDICTED]
    wide = [name for name in named if len(left[name].shape) > 1]
    if len(classes) > 1 and not wide and _are_models([left[name] for name in classes], classes):
        others = {name: np.asarray(rows[:]) for name, rows in left.items() if name not in classes}
        return replace(read, models={name: left[name] for name in classes}, columns=others)
    if len(classes) > 1 and not wide:
        stacked = np.stack([np.asarray(left[name][:], dtype=np.float32) for name in classes], 1)
        others = {name: np.asarray(rows[:]) for name, rows in left.items() if name not in classes}
        return replace(read, models={"": stacked}, class_names=class_names(classes), columns=others)
    if len(wide or named) > 1:
        raise InputError(
            f"'{content.where}' holds {' and '.join((wide or named)[:FEW])}; name one: {content.where}:{named[0]}"
        )
    if named:
        others = {name: np.asarray(rows[:]) for name, rows in left.items() if name not in named and content.table}
        name = (wide or named)[0]
        return replace(read, models={"": left[name]}, columns=others, class_names=tuple(content.texts.get(name, ())))
    if len(left) > 1:
        return replace(read, models=left)
    ((name, rows),) = left.items()
    return replace(read, models={"": rows}, class_names=class_names([name]) if CLASS_COLUMN.fullmatch(name) else ())


def _refuse_spread(where: str, names: Iterable[str]) -> None:
    """Refuse a column of standard deviations, or of variances without means, in a regression."""
    if found := [name for name in names if name.lower() in (*DEVIATION, *VARIANCE)]:
        raise InputError(
            f"'{where}' has a column {found[0]!r}; for a regression with variances, columns 'mean' and 'variance' are "
            "expected (the standard deviation squared)"
        )


def _are_models(columns: Sequence[Rows], names: Sequence[str]) -> bool:
    """Whether columns are a model each, with its probability of class 1: from 0 to 1, and few rows sum to 1."""
    part = np.stack([np.asarray(one[:LOOKED_AT], dtype=np.float64) for one in columns], 1)
    if any(map(CLASS_COLUMN.fullmatch, names)) or not ((part >= 0) & (part <= 1)).all():
        return False
    return float((np.abs(part.sum(1) - 1) <= SUM_ROUNDING).mean()) < MOSTLY


def _is_of_class(name: str, rows: Rows) -> bool:
    """Whether a column has numbers of one class: floating, or named so."""
    if len(rows.shape) != 1 or rows.dtype.kind not in "fiu":
        return False
    return rows.dtype.kind == "f" or CLASS_COLUMN.fullmatch(name) is not None


def class_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Names of classes from those of columns: what stands behind "prob_" and the like, where it does in all."""
    found = [CLASS_COLUMN.fullmatch(name) for name in columns]
    own = [one["named"] or one["number"] for one in found if one]
    return tuple(own) if len(own) == len(columns) == len(set(own)) else tuple(columns)


def _apart(where: str, name: str, rows: Rows, examples: int | None, numbers: bool) -> dict[str, Rows]:
    """The models of an array: several along the first axis of three; along either of two where they are classes."""
    shape, kind = rows.shape, rows.dtype.kind
    if len(shape) not in (1, 2, 3):
        raise InputError(
            f"'{where}' has shape {list(shape)}; expected [example], [example, class] or with [model] first"
        )
    if 0 in shape[1:]:
        raise InputError(f"'{where}' has shape {list(shape)}: no numbers of any class")
    if len(shape) == 3:
        return {_number(name, model): Placed(rows, model) for model in range(shape[0])}
    if len(shape) == 2 and kind in "iuU" and not numbers and shape[1] > 1:
        if shape[0] == shape[1] or (examples is not None and examples not in shape):
            raise InputError(
                f"'{where}' has shape {list(shape)}; which axis holds the examples? expected [model, example]"
            )
        labels = np.asarray(rows[:])
        if examples == shape[0] and np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all():
            raise InputError(f"'{where}' holds one-hot rows; give the number of the class instead")
        labels = labels if examples == shape[1] or (examples is None and shape[0] < shape[1]) else labels.T
        return {_number(name, model): one for model, one in enumerate(labels)}
    return {name: rows}


def _number(name: str, model: int) -> str:
    return f"{name}-{model}" if name else str(model)
