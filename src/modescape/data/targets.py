"""Targets of a source: which task they are of, and examples that are left out for their label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from modescape import recipe
from modescape.batches import taken
from modescape.data.dataset import Source
from modescape.errors import InputError
from modescape.plain import shown
from modescape.tasks import Task
from modescape.tasks.classification import Classification, balanced

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
    names = list(source.class_names)
    at = names.index(str(ignored)) if str(ignored) in names else ignored
    kept = source.label != at
    test = None if source.test_label is None else source.test_label != at
    count = int((~kept).sum()) + (0 if test is None else int((~test).sum()))
    if not count:
        raise InputError(
            f"{name}: no example has the label {shown(repr(ignored), 60)} of task.ignore; labels are "
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
        InputError: if the targets are none of the task that the recipe names.
    """
    if settings.kind == "regression":
        raise InputError("task.kind is regression, and the targets are classes; name a column of numbers")
    weights = settings.class_weights
    if weights is None:
        return Classification(len(names))
    if weights == "balanced":
        return Classification(len(names), balanced(train.numpy(), len(names)))
    if len(weights) != len(names):
        raise InputError(
            f"task.class_weights has {len(weights)} numbers and there are {len(names)} classes "
            f"({shown(', '.join(names[:5]), 200)}); give one a class, or 'balanced'"
        )
    if not any(weights[number] for number in np.unique(train.numpy())):
        raise InputError("task.class_weights is 0 for every class that is trained on; give one a weight")
    return Classification(len(names), tuple(map(float, weights)))
