"""Learning rates for a longer or a shorter training."""

from __future__ import annotations

from typing import Any


def lengthened(train: dict[str, Any], epochs: int) -> dict[str, Any]:
    """Settings of training, as plain values, for another number of epochs: schedule and warm-up are stretched with it.

    Args:
        train: the section of a recipe.
        epochs: of the new training.
    """
    schedule = stretched(train["schedule"], epochs / train["epochs"])
    return train | {"epochs": epochs, "schedule": schedule, "warmup": warmup_for(train, epochs)}


def warmup_for(train: dict[str, Any], epochs: int) -> int | float:
    """The warm-up of a training of this many epochs, as the same share of it; as it is where they stay as many.

    >>> warmup_for({"epochs": 40, "warmup": 4}, 10)
    0.1
    """
    warmup = train["warmup"]
    return warmup / train["epochs"] if isinstance(warmup, int) and warmup and epochs != train["epochs"] else warmup


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
