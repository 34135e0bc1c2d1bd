"""The mean over tasks: one score per run, so that its spread includes what the tasks of a run share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modescape.errors import InputError
from modescape.metrics.seeds.copies import Runs, quoted

ALL = "mean of tasks"


def means_of_tasks(columns: Sequence[Runs]) -> list[Runs]:
    """Each method's mean score over all tasks, for the runs that have all of them; tasks have equal weight.

    Args:
        columns: one for each method and task.

    Raises:
        InputError: (a ValueError) if there is one task, a method lacks one, or runs cannot be told apart by name.

    >>> a, b = Runs("a", "x", (1.0, 2.0), ("0", "1")), Runs("a", "y", (5.0, 4.0), ("1", "0"))
    >>> [(one.task, one.scores) for one in means_of_tasks([a, b])]
    [('mean of tasks', (2.5, 3.5))]
    """
    tasks = dict.fromkeys(one.task for one in columns)
    if len(tasks) < 2 or ALL in tasks:
        raise InputError(
            "the mean of tasks was asked for, and there is one task; expected a column of tasks, or several"
        )
    found = []
    for method in dict.fromkeys(one.method for one in columns):
        own = {one.task: one for one in columns if one.method == method}
        lacking = [task for task in tasks if task not in own]
        if lacking:
            raise InputError(
                f"the mean of tasks was asked for, and {quoted(method)} has no scores on {quoted(lacking[0])}"
            )
        found.append(_mean(method, list(own.values())))
    return found


def _mean(method: str, own: Sequence[Runs]) -> Runs:
    named = [dict(zip(one.names, one.scores, strict=True)) for one in own if one.names is not None]
    if len(named) < len(own):
        raise InputError("the mean of tasks was asked for, and runs have no names; name them in a column (--run)")
    shared = [name for name in named[0] if all(name in scores for scores in named)]
    if len(shared) < 2:
        raise InputError(f"{quoted(method)} has {len(shared)} runs with a score on every task; expected two or more")
    return Runs(
        method, ALL, tuple(float(np.mean([scores[name] for scores in named])) for name in shared), tuple(shared)
    )
