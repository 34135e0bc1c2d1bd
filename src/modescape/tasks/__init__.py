"""What a target is and how an output is judged: one file and one line of `TASKS` a task.

Importing this room costs nothing (no torch): a study says by its task what lies on its disk.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modescape.errors import InputError
from modescape.plain import shown
from modescape.tasks.base import Field, Stored, Task
from modescape.tasks.classification import CLASSES, Classification


@dataclass(frozen=True)
class Known:
    """What is to be known of a task without importing it."""

    where: str  # the class that is its settings and what training found
    scoring: str  # the `modescape.metrics.scoring.Scoring` of its predictions
    bare: str  # and that of predictions that say no confidence: one class alone, a mean alone
    column: str  # of a history, beside the loss
    last: str  # array of a store of predictions that is made last
    numbers: bool  # whether targets are numbers, [example, output], and no classes


TASKS = {
    "classification": Known(
        where="modescape.tasks.classification:Classification",
        scoring="modescape.metrics.scoring:CLASSES",
        bare="modescape.metrics.scoring:VOTES",
        column="accuracy",
        last="log_prob",
        numbers=False,
    ),
    "regression": Known(
        where="modescape.tasks.regression:Regression",
        scoring="modescape.metrics.scoring:NUMBERS",
        bare="modescape.metrics.scoring:MEANS",
        column="rmse",
        last="log_variance",
        numbers=True,
    ),
}


def task_class(kind: str) -> Any:
    """The class of a task; it is imported when it is asked for."""
    return _found(TASKS[kind].where)


def scoring_of(kind: str, bare: bool = False) -> Any:
    """How predictions of a task are scored, a `modescape.metrics.scoring.Scoring`.

    Args:
        kind: a name of `TASKS`.
        bare: they say no confidence.
    """
    return _found(TASKS[kind].bare if bare else TASKS[kind].scoring)


def _found(named: str) -> Any:
    module, _, name = named.partition(":")
    return getattr(importlib.import_module(module), name)


def task_of(manifest: Mapping[str, Any]) -> Task:
    """The task of a study, from its manifest; without an entry it is classification.

    Raises:
        InputError: if the entry is of no task that is known.
    """
    about = manifest.get("task")
    if about is None:
        return Classification(int(manifest["num_classes"]))
    try:
        return task_class(about["kind"]).of(about)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"the manifest's task is {shown(repr(about), 80)}, none that this version of modescape knows"
        ) from error


__all__ = [
    "CLASSES",
    "TASKS",
    "Classification",
    "Field",
    "Known",
    "Stored",
    "Task",
    "scoring_of",
    "task_class",
    "task_of",
]
