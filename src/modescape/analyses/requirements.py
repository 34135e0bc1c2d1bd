"""What an analysis needs from a source of networks, and the errors where too little is offered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from modescape import tasks
from modescape.errors import NotEnough
from modescape.offered import INDEPENDENT, SNAPSHOTS, TRAJECTORY, Checkpoints, Offered, Predictions, Sampled, runs

if TYPE_CHECKING:
    from modescape.context import StudyContext
    from modescape.metrics.scoring import Scoring

MISSING = {
    "predictions": "predictions",
    "checkpoints": "checkpoints, the members' weights and histories",
    "network": "a network and data, to run weights on examples",
}


def check_offered(offered: Offered, needs: Sequence[str], what: str) -> None:
    """Check that the source offers what an analysis needs (keys of `MISSING`).

    Raises:
        NotEnough: naming all that are missing; ``what`` is the subject of the sentence.
    """
    there = {
        "predictions": bool(offered.predictions or offered.sampled),
        "checkpoints": offered.checkpoints is not None,
        "network": offered.context is not None,
    }
    if missing := [MISSING[name] for name in needs if not there[name]]:
        raise NotEnough(f"{what} needs {', and '.join(missing)}; {offered.named} has none")


def trained(offered: Offered, least: int, what: str) -> list[int]:
    """Numbers of the members, ascending.

    Raises:
        NotEnough: if there are fewer than ``least``; ``what`` is the subject of the sentence.
    """
    members = list(offered.members)
    if len(members) < least:
        plural = offered.unit if least == 1 else f"{offered.unit}s"
        raise NotEnough(f"{what} needs {least} {plural} or more; {offered.named} has {len(members) or 'none'}")
    return members


def predicted(offered: Offered, split: str, what: str) -> Predictions:
    """The predictions of a split.

    Raises:
        NotEnough: if there are none; ``what`` is the subject of the sentence.
        InputError: if a study has not predicted yet.
    """
    if split not in offered.predictions:
        raise NotEnough(f"{what} needs predictions of {split} examples; {offered.named} has none")
    return offered.predictions[split]


def scoring_of(offered: Offered) -> Scoring:
    """How predictions are scored, by task and by whether they have a confidence."""
    return tasks.scoring_of(offered.task, offered.bare)


def groups_of_networks(offered: Offered, sets: Sequence[str], what: str, of: str = INDEPENDENT) -> Sampled:
    """Predictions of groups of networks on the first of these sets, once they are known to be there on all.

    Raises:
        NotEnough: if there are none on one of them, or none of the approach that all others are around; ``what`` is the
            subject of the sentence.
    """
    for name in sets:
        if name not in offered.sampled:
            raise NotEnough(
                f"{what} needs predictions of groups of networks on {name} examples; {offered.named} has none"
            )
    found = offered.sampled[sets[0]]
    if not found.groups.get(of):
        raise NotEnough(f"{what} needs predictions of the group {of!r}; {offered.named} has none")
    return found


def two_networks(offered: Offered, what: str) -> int:
    """How many networks of each approach are compared: two or more.

    Raises:
        NotEnough: if there is one; ``what`` is the subject of the sentence.
    """
    networks = offered.sampling.networks
    if networks < 2:
        remedy = "" if offered.context is None else "; subspace.samples says how many are drawn"
        raise NotEnough(f"{what} needs 2 networks of each approach; {offered.named} has {networks}{remedy}")
    return networks


def weights_of(offered: Offered, what: str) -> Checkpoints:
    """The checkpoints.

    Raises:
        NotEnough: if there are none; ``what`` is the subject of the sentence.
    """
    if offered.checkpoints is None:
        raise NotEnough(f"{what} needs {MISSING['checkpoints']}; {offered.named} has none")
    return offered.checkpoints


def network_of(offered: Offered, what: str) -> StudyContext:
    """A network and data, to run weights on examples.

    Raises:
        NotEnough: if there are none; ``what`` is the subject of the sentence.
    """
    from modescape.context import StudyContext

    if not isinstance(offered.context, StudyContext):
        raise NotEnough(f"{what} needs {MISSING['network']}; {offered.named} has none")
    return offered.context


def auxiliary(offered: Offered, name: str, what: str) -> Offered:
    """Networks that were trained for an analysis.

    Raises:
        NotEnough: if there are none; ``what`` is the subject of the sentence.
        InputError: if a study has not trained them yet.
    """
    try:
        return offered.auxiliary[name]
    except KeyError:
        raise NotEnough(f"{what} needs predictions of auxiliary networks, {name!r}; {offered.named} has none") from None


def enough_images(offered: Offered, there: int, least: int, what: str) -> None:
    """Check that there are enough test images for an analysis.

    Raises:
        NotEnough: if there are fewer than ``least``; ``what`` is the subject of the sentence.
    """
    if there < least:
        raise NotEnough(f"{what} needs {least} test images or more; {offered.named} has {there}")


def enough_units(offered: Offered, there: int, least: int, what: str) -> None:
    """Check that there are enough test examples, or groups of them, for an analysis.

    Raises:
        NotEnough: if there are fewer than ``least``; ``what`` is the subject of the sentence.
    """
    if there < least:
        unit = "groups of test examples" if offered.group_counts.get("test") else "test examples"
        raise NotEnough(f"{what} needs {least} {unit} or more; {offered.named} has {there}")


def whole_runs(offered: Offered, what: str) -> None:
    """Check that some member keeps every epoch, as far as that is known.

    Raises:
        NotEnough: if there is none; ``what`` is the subject of the sentence.
    """
    if reason := offered.reasons.get(TRAJECTORY):
        raise NotEnough(f"{what} needs a trained member of which every epoch is kept; {reason}")


def trajectories(offered: Offered, split: str, what: str) -> tuple[Predictions, dict[int, list[int]]]:
    """The predictions of a split, and member -> its models in order, for the members that keep every epoch.

    Raises:
        NotEnough: if there are none; ``what`` is the subject of the sentence.
    """
    whole_runs(offered, what)
    predictions = predicted(offered, split, what)
    found = runs(predictions, TRAJECTORY)
    if not found:
        raise NotEnough(f"{what} needs a trained member of which every epoch is kept; {offered.named} has none")
    return predictions, found


def snapshots_of(predictions: Predictions, last: int) -> list[list[int]]:
    """The last snapshots of each member, in order; equally many of each, as many as the member with the fewest has.

    Args:
        predictions: of a split.
        last: at most so many.
    """
    along = list(runs(predictions, SNAPSHOTS, last).values())
    shortest = min(map(len, along))
    return [models[-shortest:] for models in along]


def left_out(offered: Offered, *, trajectories_alone: bool = False) -> str:
    """Which of the expected members are not in a result, and why; "" when all are.

    Args:
        offered: what there is.
        trajectories_alone: the result is only of members that keep every epoch.
    """
    return offered.left_out.get(TRAJECTORY if trajectories_alone else INDEPENDENT, "")


def left_out_of(kinds: Mapping[str, Offered]) -> str:
    """Which auxiliary networks (what they are -> what there is) are not in a result, and why; "" when all are."""
    missing: dict[str, list[str]] = {}
    for name, offered in kinds.items():
        for reason in filter(None, left_out(offered).split("; ")):
            missing.setdefault(reason, []).append(name)
    return "; ".join(f"{reason} (of: {' | '.join(names)})" for reason, names in missing.items())


def predicted_labels(predictions: Predictions, models: Sequence[int]) -> np.ndarray:
    """Most probable classes, int [model, example]; one model's log-probabilities are in memory at a time.

    In as few bytes as there need be: 1 GB for 1,000 models of 1,000,000 examples.
    """
    kind = np.min_scalar_type(max(len(predictions.class_names) - 1, 0))
    out = np.empty((len(models), len(predictions.label)), kind)
    for place, model in enumerate(models):
        out[place] = predictions.log_prob(model).argmax(-1)
    return out
