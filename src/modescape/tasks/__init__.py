"""Tasks, which define targets and losses: one file and one line of `TASKS` per task.

Importing this package is cheap (no torch), since reading a study's files needs its task.
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
    """Facts about a task that are known without importing it."""

    where: str  # the class that is its settings and what training found
    scoring: str  # the `modescape.metrics.scoring.Scoring` of its predictions
    bare: str  # the same for predictions without confidence: a class, a mean
    column: str  # column of a history besides the loss
    last: str  # the array of a store of predictions that is created last
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
        bare: whether predictions have no confidence.
    """
    return _found(TASKS[kind].bare if bare else TASKS[kind].scoring)


def _found(named: str) -> Any:
    module, _, name = named.partition(":")
    return getattr(importlib.import_module(module), name)


def task_of(manifest: Mapping[str, Any]) -> Task:
    """The task of a study, from its manifest; without an entry it is classification.

    Raises:
        InputError: if the task is unknown.
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
