"""Predictions of comparable groups of networks: sampled around single solutions, or independent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from modescape.analyses.image_sets import ImageSet
from modescape.analyses.sampling import available
from modescape.analyses.scales import scales
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.errors import NotEnough
from modescape.methods import METHODS
from modescape.metrics.subsets import subsets
from modescape.offered import INDEPENDENT, SNAPSHOTS, Predictions, Sampled, runs
from modescape.plain import ranges

MOST_GROUPS = 20  # subsets of independent members that are used where every group is evaluated by itself
LEVEL = ", at one distance"  # ends the name of an approach whose networks are as far from the solution as all others'


def runs_of(context: StudyContext) -> list[int]:
    """The members that are used where not all are needed: the same for every method."""
    return context.trained[: context.study.recipe.subspace.runs]


def sampled_methods(context: StudyContext) -> list[str]:
    """Methods that give several networks a solution."""
    return [method for method in available(context) if not METHODS[method].one_network]


def approaches(predictions: Predictions) -> list[str]:
    """Approaches around a solution, as they are compared; see `several`."""
    return [name for name in predictions.groups if name not in (INDEPENDENT, SNAPSHOTS) and not name.endswith(LEVEL)]


def several(predictions: Predictions) -> list[str]:
    """Those of them that give several networks a solution; for another's approach, by the number of its networks."""

    def one_network(name: str) -> bool:
        if name in METHODS:
            return METHODS[name].one_network
        return all(len(models) == 1 for models in runs(predictions, name).values())

    return [name for name in approaches(predictions) if not one_network(name)]


def members_of(predictions: Predictions) -> list[int]:
    """The members around whose solutions networks are sampled."""
    return list(runs(predictions, INDEPENDENT))


def around_solutions(
    sampled: Mapping[str, Sampled], approach: str, sets: Sequence[str], least: int = 1
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """For each member, in the order of `members_of`, predictions of the approach's networks around its solution.

    Args:
        sampled: set of examples -> predictions.
        approach: one of `approaches`.
        sets: on which predictions are wanted.
        least: networks that are needed around each solution.

    Yields:
        The member, and [network, example, class] a set.

    Raises:
        NotEnough: see `paired`.
    """
    test = sampled[sets[0]]
    for member, models in paired(test, approach, test.groups[approach], least).items():
        yield member, together(sampled, models, sets)


def paired(predictions: Predictions, approach: str, models: Iterable[int], least: int = 1) -> dict[int, list[int]]:
    """Member -> those of an approach's models that are around its solution, in the order of `members_of`.

    What is compared over the same members has them in the same order, however the models are listed.

    Args:
        predictions: of a set of examples.
        approach: named in messages.
        models: of it, in order.
        least: of them that are needed around each solution.

    Raises:
        NotEnough: naming members without so many, or networks around others than the independent ones.
    """
    members = members_of(predictions)
    found: dict[int, list[int]] = {member: [] for member in members}
    for model in models:
        found.setdefault(int(predictions.members[model]), []).append(int(model))
    few = [member for member, own in found.items() if len(own) < least]
    needs = f"a comparison of {approach!r} needs networks around each independent network, members {ranges(members)}"
    if foreign := sorted(found.keys() - set(members)):
        raise NotEnough(f"{needs}, and around no others; there are some around members {ranges(foreign)}")
    if few:
        counts = ", ".join(f"{len(found[member])} around member {member}" for member in sorted(few))
        raise NotEnough(f"{needs}, {least} or more each; there are {counts}")
    return found


def solutions(sampled: Mapping[str, Sampled], sets: Sequence[str]) -> dict[str, np.ndarray]:
    """Predictions of the same members' solutions, [member, example, class] a set."""
    return together(sampled, sampled[sets[0]].groups[INDEPENDENT], sets)


def together(sampled: Mapping[str, Sampled], models: Sequence[int], sets: Sequence[str]) -> dict[str, np.ndarray]:
    """Predictions of several networks, [network, example, class] a set.

    Each network is asked about all sets before the next one: its weights may have to be made for that.
    """
    on = {name: sampled[name] for name in sets}
    found: dict[str, list[np.ndarray]] = {name: [] for name in sets}
    for model in models:
        for name, predictions in on.items():
            found[name].append(predictions.log_prob(model))
    return {name: np.stack(rows) for name, rows in found.items()}


def requests(
    context: StudyContext, members: Sequence[int], methods: Iterable[str], images: Iterable[ImageSet]
) -> list[Request]:
    """The tested networks around members' solutions, and the solutions."""
    count, sets = context.study.recipe.subspace.samples, tuple(images)
    chosen = scales(context)
    wanted = [Request(member, method, chosen[method], count, sets) for method in methods for member in members]
    return [*solution_requests(members, sets), *wanted]


def solution_requests(members: Iterable[int], images: Iterable[ImageSet]) -> list[Request]:
    """The solutions of members."""
    sets = tuple(images)
    return [Request(member, "single", None, 1, sets) for member in members]


def groups_of_solutions(members: int, size: int) -> np.ndarray:
    """Masks of groups of independent members, bool [group, member]; a balanced sample of all, none if too few.

    There are as many groups as members at least, so that the influence of each can be told.
    """
    if not 1 <= size <= members:
        return np.zeros((0, members), dtype=bool)
    return subsets(members, size, max(MOST_GROUPS, members))
