"""Further comparisons: candidates against one of equal cost, and each size of ensembles against the next."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from modescape.decision.candidates import Difference, Table
from modescape.decision.rules import Decision, at_full_cost, best_of

AVERAGES = ("average_weights", "align_and_average")


@dataclass(frozen=True)
class Comparison:
    """Candidates that are compared with one and the same."""

    title: str
    against: int  # place of what all are compared with
    places: tuple[int, ...]


def comparisons(table: Table, decision: Decision) -> list[Comparison]:
    """Everything at the training cost of all members, the best of one forward pass, and averages of weights.

    Of candidates that the budget allows.
    """
    found, kept = [], decision.kept(table)
    full = [place for place in at_full_cost(table, kept) if place not in decision.beaten_by]
    full = [place for place in full if table.candidates[place].advice not in AVERAGES]
    ensemble = next((place for place in full if table.candidates[place].advice == "ensemble"), None)
    if ensemble is not None and len(full) > 1:
        others = tuple(place for place in full if place != ensemble)
        found.append(Comparison("At equal training cost", ensemble, others))
    said, best = {decision.chosen}, _best_of_one_pass(table, kept)
    if best not in (0, decision.chosen) and table.gain(best).value > 0:  # chosen elsewhere, it may be worse here
        found.append(Comparison("The best of one forward pass", 0, (best,)))
        said.add(best)
    averages = [place for place in _averages(table, kept) if place not in said]
    for calibrated in (False, True):
        places = tuple(place for place in averages if (table.candidates[place].calibration != "none") == calibrated)
        if places:
            found.append(Comparison("Averages of weights", _one_network(table, calibrated), places))
    return found


def _one_network(table: Table, calibrated: bool) -> int:
    """One network in the same calibration, so that averaging is not credited with what calibration does."""
    place = table.index(table.candidates[0].name, "average") if calibrated else 0
    return 0 if place is None else place


def _averages(table: Table, kept: Sequence[int]) -> list[int]:
    """The best average of weights of each kind, where candidates are chosen: of one run, members, aligned members."""
    groups: dict[tuple[str, bool], list[int]] = {}
    for place in kept:
        one = table.candidates[place]
        if one.advice in AVERAGES:
            groups.setdefault((one.advice, one.size > 1), []).append(place)
    return [best_of(table, places) for places in groups.values()]


def _best_of_one_pass(table: Table, kept: Sequence[int]) -> int:
    places = [place for place in kept if table.candidates[place].price.passes <= 1]
    return best_of(table, places)


def size_steps(table: Table, way: str, left_out: Collection[int] = ()) -> list[tuple[int, int, Difference]]:
    """From each size of ensembles to the next: both sizes and the paired difference of the deciding score.

    Args:
        table: what was measured.
        way: of calibration.
        left_out: candidates that a budget does not allow.
    """
    first = table.candidates[0].name
    places = [
        (one.size, place)
        for place, one in enumerate(table.candidates)
        if place not in left_out
        and (
            (one.advice == "ensemble" and one.name.endswith(" networks") and one.calibration == way)
            or (one.name == first and one.calibration == ("none" if way == "none" else "average"))
        )
    ]
    places.sort()
    pairs = itertools.pairwise(places)
    return [(small, large, table.difference(there, here)) for (small, here), (large, there) in pairs]


def advised_steps(table: Table, decision: Decision) -> list[tuple[int, int, Difference]]:
    """`size_steps` in the calibration that is advised."""
    one = decision.candidate(table)
    return size_steps(table, one.calibration if one.advice == "ensemble" else "none", decision.left_out)
