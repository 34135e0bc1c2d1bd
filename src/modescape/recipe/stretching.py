"""A schedule of learning rates for a longer or a shorter training."""

from __future__ import annotations

from typing import Any


def stretched(schedule: dict[str, Any], factor: float) -> dict[str, Any]:
    """A schedule, as plain values, whose epochs are this many times what they were, at least one each.

    Half cosines and cycles reach over the whole training by themselves, so they stay.

    Args:
        schedule: of a recipe, with its ``kind``.
        factor: epochs of the new training over those of the old one.

    >>> stretched({"kind": "halving", "every": 10}, 5)
    {'kind': 'halving', 'every': 50}
    >>> stretched({"kind": "step", "epochs": [4, 5, 30], "factors": [0.5, 0.2, 0.1]}, 0.1)
    {'kind': 'step', 'epochs': [1, 3], 'factors': [0.2, 0.1]}
    """
    if schedule["kind"] == "halving":
        return schedule | {"every": max(1, round(schedule["every"] * factor))}
    if schedule["kind"] != "step":
        return schedule
    plateaus = dict(  # plateaus that fall together: the last one counts
        zip((max(1, round(epoch * factor)) for epoch in schedule["epochs"]), schedule["factors"], strict=True)
    )
    return schedule | {"epochs": list(plateaus), "factors": list(plateaus.values())}
