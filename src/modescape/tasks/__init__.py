"""What a target is and how an output is judged: one file and one line of `TASKS` a task.

Importing this room costs nothing (no torch): a study says by its task what lies on its disk.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from modescape.errors import InputError
from modescape.plain import shown
from modescape.tasks.base import Field, Stored, Task
from modescape.tasks.classification import CLASSES, Classification

TASKS: dict[str, str] = {  # name -> the class that is its settings and what training found
    "classification": "modescape.tasks.classification:Classification",
    "regression": "modescape.tasks.regression:Regression",
}


def task_class(kind: str) -> Any:
    """The class of a task; it is imported when it is asked for."""
    module, _, name = TASKS[kind].partition(":")
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


__all__ = ["CLASSES", "TASKS", "Classification", "Field", "Stored", "Task", "task_class", "task_of"]
