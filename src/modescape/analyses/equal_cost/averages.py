"""Averages of weights as candidates: one network to predict with, of one run's last epochs or of several members."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from modescape.analyses.equal_cost.ranking import Ranked
from modescape.analyses.equal_cost.scoring_candidates import Both, Scorer
from modescape.decision import Candidate, Price

SIZES = (2, 3, 5, 10)  # of averages that are evaluated, and all members
MOST_ALIGNED = 10  # members that are aligned: each is matched to all others several times
NAME = "the weight average of"


class Averaging(Protocol):
    """Runs networks with averages of weights: set of examples -> predictions [example, width], or None."""

    def of_run(self, member: int) -> Mapping[str, np.ndarray] | None:
        """Predictions with the mean of a run's last weights; None where fewer than two are kept."""
        ...

    def of_members(self, members: Sequence[int], aligned: bool) -> Mapping[str, np.ndarray] | None:
        """Predictions with the mean weights of members.

        Args:
            members: their numbers.
            aligned: align the units of all members first; returns None where no permutation is known, or where it
                is the identity.
        """
        ...


def add_run_averages(scorer: Scorer, both: Both, averaging: Averaging, members: Sequence[int]) -> None:
    """Add the mean of the last weights of one run; scores are means over runs."""
    found = [said for said in map(averaging.of_run, members) if said is not None]
    if found:
        candidate = Candidate(name=f"{NAME} a run's last epochs", advice="average_weights")
        scorer.add(candidate, (scorer.said(*both.of_one(said)) for said in found))


def add_shared(scorer: Scorer, both: Both, averaging: Averaging, members: Sequence[int], wanted: int) -> None:
    """Add means of the weights of the first 2, 3, ... members, which share a start.

    Args:
        scorer: candidates are added to it.
        both: where predictions are read.
        averaging: runs networks.
        members: their numbers.
        wanted: members of the study, whose training is the full cost.
    """
    for size in _sizes(len(members)):
        said = averaging.of_members(members[:size], False)
        if said is not None:
            scorer.add(_of_members(f"{size} members", size, wanted), [scorer.said(*both.of_one(said))])


def add_aligned(
    scorer: Scorer, both: Both, averaging: Averaging, members: Sequence[int], wanted: int, *, given: bool
) -> None:
    """Add means of the weights of members whose units were aligned first; of all networks where these are given."""
    most = len(members)
    if most > MOST_ALIGNED and given:
        return
    sizes = (most,) if given and most > 1 else _sizes(min(most, MOST_ALIGNED))
    for size in sizes:
        said = averaging.of_members(members[:size], True)
        if said is None:
            return
        name = f"all {size} aligned networks" if given else f"{size} aligned members"
        candidate = _of_members(name, size, wanted, aligned=True, given=given)
        scorer.add(candidate, [scorer.said(*both.of_one(said))])


def add_best_averages(scorer: Scorer, both: Both, averaging: Averaging, ranked: Ranked, members: Sequence[int]) -> None:
    """Add means of the weights of the best 2, 3, ... given networks, ranked as their ensembles are (`Ranked`).

    Source: uniform soups of Wortsman et al. 2022, arXiv 2203.05482.
    """
    found: dict[frozenset[int], tuple[np.ndarray, np.ndarray]] = {}

    def of(places: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        key = frozenset(members[place] for place in places)
        if key not in found:
            said = averaging.of_members(sorted(key), False)
            if said is None:
                return None
            found[key] = both.of_one(said)
        return found[key]

    for size in _sizes(len(members)):
        whole, *halves = (of(order[:size]) for order in (ranked.order, *ranked.of_half))
        if whole is None or any(half is None for half in halves):
            return
        chosen = np.stack([half[0][0] for half in halves if half is not None])[ranked.half, np.arange(len(ranked.half))]
        name = f"the {size} best networks" if size < len(members) else f"all {size} networks"
        scorer.add(_of_members(name, size, 0, given=True), [scorer.said(chosen[None], whole[1])])


def _sizes(count: int) -> tuple[int, ...]:
    return tuple(sorted({size for size in (*SIZES, count) if 2 <= size <= count}))


def _of_members(name: str, size: int, wanted: int, *, aligned: bool = False, given: bool = False) -> Candidate:
    return Candidate(
        name=f"{NAME} {name}",
        advice="align_and_average" if aligned else "average_weights",
        size=size,
        price=Price(training=math.nan if given else size),
        at_full_cost=not given and size == wanted,
    )
