"""The study's ensemble against one network trained at the cost of all members."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.analyses.auxiliary import LONG_RUN, WHOLE
from modescape.analyses.repeats import Repeats, repeats_of
from modescape.analyses.requirements import predicted, scoring_of
from modescape.errors import InputError
from modescape.metrics.scoring import Scoring
from modescape.offered import Offered, Predictions, model_of, stacked

ENSEMBLE = "ensemble"


class Networks(NamedTuple):
    """Networks of one training method, by repeat; the mean prediction of each repeat is scored as an ensemble."""

    test: list[np.ndarray]  # log-probabilities, [network, example, class] a repeat
    repeats: Repeats  # of the ensembles
    alone: Repeats  # of all networks one by one


def networks_of(offered: Offered, groups: list[list[tuple[int, int]]], what: str) -> Networks:
    """Read the predictions of networks, each a (member, epoch), grouped by repeats.

    Raises:
        NotEnough: if predictions of test or validation examples are missing; ``what`` is the subject of the sentence.
    """
    test, validation = (predicted(offered, split, what) for split in ("test", "validation"))
    found = [_log_probs(test, group) for group in groups]
    chosen = [_log_probs(validation, group) for group in groups] if len(validation.label) else None
    labels, scoring = (test.label, validation.label), scoring_of(offered)
    ensembles = [
        None if part is None else np.stack([scoring.combine(group) for group in part]) for part in (found, chosen)
    ]
    single = [None if part is None else np.concatenate(part) for part in (found, chosen)]
    return Networks(found, *(_scored(part, labels, test.example_group, scoring) for part in (ensembles, single)))


def _log_probs(predictions: Predictions, group: list[tuple[int, int]]) -> np.ndarray:
    return stacked(predictions, [model_of(predictions, *one) for one in group])


def _scored(
    parts: list[np.ndarray | None], labels: tuple[np.ndarray, np.ndarray], group: np.ndarray | None, scoring: Scoring
) -> Repeats:
    test, validation = parts
    assert test is not None
    return repeats_of(test, labels[0], validation, labels[1], group, scoring)


def long_runs(offered: Offered) -> Offered | None:
    """The networks trained at the cost of all members, finished or not.

    None where none are wanted, or where none of that length were begun.
    """
    if not offered.training.long_runs:
        return None
    try:
        found = offered.auxiliary[LONG_RUN]
    except (KeyError, InputError):
        return None
    wanted = offered.training.members * offered.training.epochs
    return found if found.training.epochs == wanted else None


def at_the_cost_of_all(offered: Offered, what: str) -> dict[str, Networks]:
    """The ensemble of all trained members, and the long runs, each a repeat; as far as they exist.

    Both cost `train.members` times `train.epochs` passes over all training images, by the same optimiser; the long run
    has the recipe's schedule stretched over the whole of them. Where a member is missing or diverged the ensemble cost
    less, so that there is no long run to compare it with.
    """
    last, members = offered.training.epochs, offered.members
    found = {}
    if len(members) > 1:
        found[ENSEMBLE] = networks_of(offered, [[(member, last) for member in members]], what)
        runs = long_runs(offered)
        if runs is not None and runs.members and len(members) == offered.training.members:
            found[WHOLE] = networks_of(runs, [[(member, runs.training.epochs)] for member in runs.members], what)
    return found
