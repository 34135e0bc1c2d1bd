"""Targets of a source: their task, and examples left out because of their label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from modescape import recipe
from modescape.batches import taken
from modescape.data.dataset import Source
from modescape.errors import InputError
from modescape.plain import shown
from modescape.tasks import TASKS, Task, task_class
from modescape.tasks.regression import Regression

NUMBERS = {name for name, known in TASKS.items() if known.numbers}
"""Tasks whose targets are numbers."""

if TYPE_CHECKING:
    from torch import Tensor


def without_ignored(source: Source, settings: recipe.Task, name: str) -> Source:
    """A source without the examples of the ignored label, and without that class; a note says how many.

    Raises:
        InputError: if there is no such label, or nothing is left of a split.
    """
    ignored = settings.ignore
    if ignored is None:
        return source
    if source.label.dtype.kind == "f":
        raise InputError(
            f"{name}: task.ignore is a label of classes, and the targets are numbers; leave those rows out"
        )
    names = list(source.class_names)
    at = names.index(str(ignored)) if str(ignored) in names else ignored
    kept = source.label != at
    test = None if source.test_label is None else source.test_label != at
    count = int((~kept).sum()) + (0 if test is None else int((~test).sum()))
    if not count:
        raise InputError(
            f"{name}: no example has the label {shown(repr(ignored), 60)} of task.ignore; the labels are "
            f"{shown(', '.join(names[:5]), 200)}"
        )
    if not kept.any() or (test is not None and not test.any()):
        raise InputError(f"{name}: all examples of a split have the ignored label {shown(repr(ignored), 60)}")
    note = f"{count:,} examples with the ignored label {shown(repr(ignored), 60)} were left out."
    if isinstance(at, int) and 0 <= at < len(names):
        del names[at]
        source = replace(
            source,
            label=source.label - (source.label > at),
            test_label=None if source.test_label is None else source.test_label - (source.test_label > at),
        )
    return replace(
        source,
        inputs=taken(source.inputs, kept),
        label=source.label[kept],
        group=None if source.group is None else source.group[kept],
        test_group=None if source.test_group is None or test is None else source.test_group[test],
        test_inputs=None if source.test_inputs is None or test is None else taken(source.test_inputs, test),
        test_label=None if source.test_label is None or test is None else source.test_label[test],
        class_names=tuple(names),
        notes=(*source.notes, note),
    )


def task_of_targets(settings: recipe.Task, train: Tensor, names: tuple[str, ...]) -> Task:
    """The task of a recipe, with what it takes from the training split.

    Args:
        settings: the recipe's section.
        train: targets of the training split.
        names: of the classes.

    Raises:
        InputError: if the targets do not fit the recipe's task.
    """
    kind = settings.kind or ("regression" if train.is_floating_point() else "classification")
    if TASKS[kind].numbers != train.is_floating_point():
        came = "numbers with fractions, not classes" if train.is_floating_point() else "classes, not numbers"
        raise InputError(f"task.kind is {kind}, and the targets are {came}; leave it out, or name another column")
    return task_class(kind).of_targets(settings, train.numpy(), names)


def far_targets(task: Task, train: Tensor, **others: Tensor) -> tuple[str, ...]:
    """Sentences about targets of a regression that are far out of the scale of the training targets."""
    if not isinstance(task, Regression):
        return ()
    splits = {"training": train, **others}
    notes = (task.far(target.numpy(), train.numpy(), f"in the {name} split") for name, target in splits.items())
    return tuple(note for one in notes for note in one)


def numbers(label: np.ndarray, settings: recipe.Task) -> np.ndarray | None:
    """Targets of a regression, float64 [example, output]; None where labels are classes.

    It is a regression if the recipe says so, or if labels have fractions.
    """
    with_fractions = label.dtype.kind == "f" and not np.array_equal(label, np.rint(label))
    wanted = settings.kind in NUMBERS and label.dtype.kind in "iuf"
    if label.ndim > 2 or not (wanted or (settings.kind is None and with_fractions)):
        return None
    return label.astype(np.float64).reshape(len(label), -1)


def output_names(given: np.ndarray | None, outputs: int) -> tuple[str, ...]:
    """Names of the outputs: those that were given, else "target", or "target 0", "target 1", ..."""
    if given is not None and given.size == outputs:
        return tuple(map(str, np.atleast_1d(given)))
    return ("target",) if outputs == 1 else tuple(f"target {number}" for number in range(outputs))
