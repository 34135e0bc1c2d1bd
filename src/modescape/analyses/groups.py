"""Predictions of comparable groups of networks: those around single solutions, and independent ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from modescape.analyses.sampling import available, surroundings
from modescape.analyses.scales import scales
from modescape.context import StudyContext
from modescape.methods import METHODS
from modescape.metrics.subsets import subsets

if TYPE_CHECKING:
    from modescape.study import Study

MOST_GROUPS = 20  # subsets of independent members that are looked at where every group is looked at by itself


def runs_of(study: Study) -> list[int]:
    """The members that are looked at where not all are needed: the same for every method."""
    return study.trained[: study.recipe.subspace.runs]


def sampled_methods(context: StudyContext) -> list[str]:
    """Methods that give several networks a solution."""
    return [method for method in available(context) if not METHODS[method].one_network]


def around_solutions(
    context: StudyContext, method: str, images: Mapping[str, Tensor]
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """For each run its member number and the predictions of the method's networks, [network, example, class] a set."""
    count = context.study.recipe.subspace.samples
    for member in runs_of(context.study):
        yield member, surroundings(context, member).log_prob(method, scales(context)[method], count, images)


def solutions(context: StudyContext, images: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Predictions of the same members' solutions, [member, example, class] a set."""
    found = [surroundings(context, member).log_prob("single", None, 1, images) for member in runs_of(context.study)]
    return {name: np.concatenate([one[name] for one in found]) for name in images}


def groups_of_solutions(members: int, size: int) -> np.ndarray:
    """Masks of groups of independent members, bool [group, member]; a balanced sample of all, none if too few.

    There are as many groups as members at least, so that the influence of each can be told.
    """
    if not 1 <= size <= members:
        return np.zeros((0, members), dtype=bool)
    return subsets(members, size, max(MOST_GROUPS, members))
