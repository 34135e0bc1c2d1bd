"""What an analysis takes from a study: which members and epochs, and what to say when there are too few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.errors import WorkError

if TYPE_CHECKING:
    from modescape.study import Predictions, Study


class NotEnough(WorkError):  # noqa: N818 - said of the study, not of the code
    """The study is too small for an analysis; the message says what it has and what is needed."""


def trained(study: Study, least: int, what: str) -> list[int]:
    """Numbers of the trained members, ascending.

    Raises:
        NotEnough: if there are fewer than ``least``; ``what`` is the subject of the sentence.
    """
    members = study.trained
    if len(members) < least:
        plural = "member" if least == 1 else "members"
        raise NotEnough(f"{what} needs {least} trained {plural} or more; this study has {len(members) or 'none'}")
    return members


def enough_images(there: int, least: int, what: str) -> None:
    """Refuse fewer test images than an analysis can do with.

    Raises:
        NotEnough: if there are fewer than ``least``; ``what`` is the subject of the sentence.
    """
    if there < least:
        raise NotEnough(f"{what} needs {least} test images or more; this study has {there}")


def trajectories(study: Study, what: str) -> list[int]:
    """Trained members that keep every epoch, ascending.

    Raises:
        NotEnough: if there are none.
    """
    count = study.recipe.train.trajectories
    members = [member for member in study.trained if member < count]
    if not members:
        reason = "the recipe keeps none (train.trajectories: 0)" if not count else "none of those members is trained"
        raise NotEnough(f"{what} needs a trained member of which every epoch is kept; {reason}")
    return members


def last_epochs(study: Study, at_most: int) -> list[int]:
    """The last epochs that every member keeps, ascending: the snapshots of a run; never its initialisation."""
    train = study.recipe.train
    count = min(at_most, train.keep_last, train.epochs)
    return list(range(train.epochs - count + 1, train.epochs + 1))


def left_out(study: Study, *, trajectories_alone: bool = False) -> str:
    """Which of the recipe's members are not in a result, and why; "" when all are.

    Args:
        study: the study.
        trajectories_alone: the result is only of members that keep every epoch.
    """
    train = study.recipe.train
    expected = min(train.members, train.trajectories) if trajectories_alone else train.members
    reasons = {
        "missing": "not trained yet",
        "training": "not trained to the end yet",
        "diverged": "diverged at epoch {epoch}",
        "failed": "failed after epoch {epoch}",
    }
    return "; ".join(
        f"member {member.number}: {reasons[member.status].format(epoch=member.epochs_done)}"
        for member in study.members
        if member.status in reasons and member.number < expected
    )


def left_out_of(variants: Mapping[str, Study]) -> str:
    """Which networks of variants (what they are -> their study) are not in a result, and why; "" when all are."""
    missing: dict[str, list[str]] = {}
    for name, variant in variants.items():
        for reason in filter(None, left_out(variant).split("; ")):
            missing.setdefault(reason, []).append(name)
    return "; ".join(f"{reason} (of: {' | '.join(names)})" for reason, names in missing.items())


def predicted_labels(predictions: Predictions, rows: list[int]) -> np.ndarray:
    """Most probable classes, [model, example]; one model's log-probabilities in memory at a time.

    In as few bytes as there need be: 100 MB for 1,000 models of 100,000 examples.
    """
    kind = np.min_scalar_type(max(len(predictions.class_names) - 1, 0))
    return np.stack([predictions.log_prob(row).argmax(-1).astype(kind) for row in rows])
