"""The study's own ensemble against one network that was trained at the cost of all its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modescape.analyses.repeats import Repeats, repeats_of
from modescape.analyses.variants import LONG_RUN
from modescape.errors import InputError
from modescape.metrics import combine

if TYPE_CHECKING:
    from modescape.study import Predictions, Study

ENSEMBLE, WHOLE = "ensemble", "whole long run"


class Networks(NamedTuple):
    """Networks of one way to train, by repeats: their mean predictions are the ensembles that are scored."""

    test: list[np.ndarray]  # log-probabilities, [network, example, class] a repeat
    repeats: Repeats  # of the ensembles
    alone: Repeats  # of all networks one by one


def networks_of(study: Study, groups: list[list[tuple[int, int]]]) -> Networks:
    """Read the predictions of networks, each a (member, epoch), grouped by repeats."""
    test, validation = study.predictions("test"), study.predictions("validation")
    found = [_log_probs(test, group) for group in groups]
    chosen = [_log_probs(validation, group) for group in groups] if len(validation.label) else None
    labels = test.label, validation.label
    ensembles = [None if part is None else np.stack([combine(group) for group in part]) for part in (found, chosen)]
    single = [None if part is None else np.concatenate(part) for part in (found, chosen)]
    return Networks(found, _scored(ensembles, labels), _scored(single, labels))


def _log_probs(predictions: Predictions, group: list[tuple[int, int]]) -> np.ndarray:
    return predictions.log_probs([predictions.index(*one) for one in group])


def _scored(parts: list[np.ndarray | None], labels: tuple[np.ndarray, np.ndarray]) -> Repeats:
    test, validation = parts
    assert test is not None
    return repeats_of(test, labels[0], validation, labels[1])


def long_runs(study: Study) -> Study | None:
    """The networks that are trained at the cost of all members, whatever became of them.

    None where the recipe wants none, or where none of that length were begun.
    """
    if not study.recipe.variants.long_runs:
        return None
    try:
        found = study.variant(LONG_RUN)
    except InputError:
        return None
    wanted = study.recipe.train.members * study.recipe.train.epochs
    return found if found.recipe.train.epochs == wanted else None


def at_the_cost_of_all(study: Study) -> dict[str, Networks]:
    """The ensemble of all trained members, and the long runs, each a repeat; without what is not there.

    Both cost `train.members` times `train.epochs` passes over all training images, by the same optimiser; the long run
    has the recipe's schedule stretched over the whole of them. Where a member is missing or diverged the ensemble cost
    less, so that there is no long run to compare it with.
    """
    last, members = study.recipe.train.epochs, study.trained
    found = {}
    if len(members) > 1:
        found[ENSEMBLE] = networks_of(study, [[(member, last) for member in members]])
        runs = long_runs(study)
        if runs is not None and runs.trained and len(members) == study.recipe.train.members:
            found[WHOLE] = networks_of(runs, [[(member, runs.recipe.train.epochs)] for member in runs.trained])
    return found
