"""Networks collected along one cyclic run, and long runs, against independent networks at equal training cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.at_equal_cost import ENSEMBLE, Networks, at_the_cost_of_all, long_runs, networks_of
from modescape.analyses.auxiliary import CYCLIC, WHOLE
from modescape.analyses.likeness import CLASSES, LIKENESS, Likeness
from modescape.analyses.repeats import Interval, compared_scores, difference
from modescape.analyses.requirements import auxiliary, left_out, left_out_of, scoring_of, trained
from modescape.analyses.stating import Variables
from modescape.covers import NEW_REPEATS, NEW_RUNS, THESE, new_if
from modescape.errors import NotEnough
from modescape.metrics.ensemble import intervals_in_words
from modescape.metrics.scores import units_of
from modescape.metrics.scoring import Scoring
from modescape.offered import Offered, Training
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


INTERVALS = (
    "95 %, new repeats on new test examples: Satterthwaite's degrees of freedom for the sum of the variance between a "
    "method's repeats beyond test sampling and that of test sampling (in closed form; temperatures held). Differences "
    "are paired over test examples. Where a method has a single repeat, and for the ensemble "
    "of all members, they are for these members. "
    "Calibration errors: what test sets of this size show on average. Each interval is of one comparison, not widened "
    "for their number"
)


def measure(offered: Offered) -> xr.Dataset:
    """Scores of ensembles of as many networks that cost the same epochs of training, and of one network that does.

    "snapshots": the ends of the cycles of one run. "csgmcmc": the same with Langevin noise in the last part of each
    cycle, at the published temperature (1/50,000: in effect snapshots) and at T = 1. "independent": a network of its
    own for each cycle. "long run": one network trained for all those epochs, which also predicts in one forward pass.
    The optimiser is the recipe's: with Adam the noise gives no exact sampler.

    And at the cost of all members of the study: "ensemble", which they are, and "whole long run", one network that was
    trained for as many epochs as all of them, where all of them are there (`at_the_cost_of_all`).

    Temperatures of the calibrated NLL are fitted on validation images, one for each network or average.

    Raises:
        NotEnough: if the networks of the first comparison were not trained.

    Source: Fort et al. 2019, arXiv 1912.02757, appendix C; Huang et al. 2017; Zhang et al. 2020, arXiv 1902.03932.
    """
    what, size = "the comparison with cyclic schedules", offered.training
    trained(offered, 1, what)
    epochs, repeats = size.auxiliary_epochs, size.auxiliary_members
    variants = {method: auxiliary(offered, folder, what) for method, folder in CYCLIC.items()}
    first = next(iter(variants.values()))
    short = {method: networks_of(one, _groups(method, one, size), what) for method, one in variants.items()}
    whole = at_the_cost_of_all(offered, what)
    found = short | whole
    reference = dict.fromkeys(short, "independent") | dict.fromkeys(whole, ENSEMBLE)
    members, runs = len(offered.members), long_runs(offered)
    cost = dict.fromkeys(short, size.cycles * epochs) | dict.fromkeys(whole, members * size.epochs)
    label = first.predictions["test"].label
    scoring, likeness = scoring_of(offered), LIKENESS[offered.task]
    networks = {method: np.concatenate(own.test) for method, own in short.items()}
    place = _plane(networks, label, len(found), likeness)
    return make_result(
        {
            **_table("score", found, None, scoring),
            **_table("difference", found, reference, scoring),
            **_of_networks(found, set(short), cost, likeness, scoring),
            likeness.quality.name: (
                ("approach", "draw"),
                place[0],
                likeness.quality.units,
                f"{likeness.quality.long_name} of a network",
            ),
            "diversity": (("approach", "draw"), place[1], "1", PLANE[offered.task]),
        },
        {
            "approach": list(found),
            "reference": ("approach", [reference[method] for method in found]),
            "metric": compared_scores(scoring),
            "draw": np.arange(place.shape[-1]),
        },
        title="Cyclic schedules and long runs against independent networks at equal training",
        intervals=intervals_in_words(INTERVALS, scoring),
        covers=_covers(repeats, len(runs.members) if runs else 0),
        provenance=offered.provenance(examples=len(label), members=members, repeats=repeats),
        left_out="; ".join(filter(None, [left_out(offered), left_out_of(variants | ({WHOLE: runs} if runs else {}))])),
        split="test",
        **{"networks": size.cycles, "network_epochs": epochs},
        training_images=first.examples["train"],
        ensemble_members=members,
        member_epochs=size.epochs,
        member_images=offered.examples["train"],
        long_runs=len(runs.members) if runs else 0,
        optimizer=size.optimizer,
    )


def _covers(repeats: int, long_runs: int) -> dict[str, dict[str, str]]:
    """What intervals are for: there is one ensemble of all members, and maybe one run as long as all of them."""
    return {"": {"": new_if(repeats, NEW_REPEATS), ENSEMBLE: THESE, WHOLE: new_if(long_runs, NEW_RUNS)}}


PLANE = {  # task -> the axes of the plane
    "classification": "its disagreement with the baseline over its error",
    "regression": "distance of its predictions from the baseline's over the error of the two",
}


def _of_networks(
    found: Mapping[str, Networks],
    short: Collection[str],
    cost: Mapping[str, int],
    likeness: Likeness,
    scoring: Scoring,
) -> Variables:
    """Scores of an ensemble's single networks, their diversity (first comparison), and their cost."""
    spread = [
        np.mean([likeness.spread(group) for group in own.test]) if method in short and len(own.test[0]) > 1 else np.nan
        for method, own in found.items()
    ]
    whose = " of its networks" if likeness is CLASSES else ""
    of, alone = likeness.diversity, np.stack([own.alone.score.mean(1) for own in found.values()])
    epochs = np.array([float(cost[method]) for method in found])
    passes = np.array([float(len(own.test[0])) for own in found.values()])
    return {
        "member_score": (("approach", "metric"), alone, units_of(compared_scores(scoring)), "mean network's"),
        of.name: (
            ("approach",),
            np.array(spread),
            of.units,
            f"{of.long_name}{whose}",
        ),
        "training_epochs": (("approach",), epochs, "1", "epochs of training behind an ensemble"),
        "forward_passes": (("approach",), passes, "1", "forward passes for a prediction"),
    }


def _groups(method: str, found: Offered, size: Training) -> list[list[tuple[int, int]]]:
    """Networks of a method as (member, epoch), one group per repeat; those with an untrained network are left out."""
    last, epochs, repeats = found.training.epochs, size.auxiliary_epochs, size.auxiliary_members
    if method == "independent":
        starts = range(0, repeats * size.cycles, size.cycles)
        groups = [[(member, last) for member in range(start, start + size.cycles)] for start in starts]
    else:
        ends = [last] if method == "long run" else [cycle * epochs for cycle in range(1, size.cycles + 1)]
        groups = [[(member, epoch) for epoch in ends] for member in range(repeats)]
    there = set(found.members)
    groups = [group for group in groups if all(member in there for member, _ in group)]
    if not groups:
        raise NotEnough(f"cyclic schedules need trained networks; there are none of {method!r}")
    return groups


def _table(name: str, found: Mapping[str, Networks], reference: Mapping[str, str] | None, scoring: Scoring) -> dict:
    """The variables ``name``, ``name_low`` and ``name_high``, [method, metric]."""
    texts = {
        "score": "score of the ensemble",
        "difference": "score of the ensemble minus that of its reference at the same training cost",
    }
    rows, units = [], units_of(compared_scores(scoring))
    for method, own in found.items():
        if reference is not None and reference[method] == method:
            rows.append(Interval(*np.full((3, len(compared_scores(scoring))), np.nan)))  # itself
        else:
            other = None if reference is None else found[reference[method]].repeats
            rows.append(difference(own.repeats, other, scoring))
    dims, low = ("approach", "metric"), f"lower end of the 95 % interval of the {name}"
    return {
        name: (dims, np.stack([row.value for row in rows]), units, texts[name]),
        f"{name}_low": (dims, np.stack([row.low for row in rows]), units, low),
        f"{name}_high": (dims, np.stack([row.high for row in rows]), units, "upper end of it"),
    }


def _plane(points: dict[str, np.ndarray], label: np.ndarray, methods: int, likeness: Likeness) -> np.ndarray:
    """Quality of each network, and its normalised difference from the first independent one, [2, method, draw]."""
    baseline = likeness.said(points["independent"][0])
    points = points | {"independent": points["independent"][1:]}  # without the baseline
    place = np.full((2, methods, max(len(own) for own in points.values())), np.nan)
    for row, own in enumerate(points.values()):
        if len(own):
            place[0, row, : len(own)] = likeness.good(own, label)
            place[1, row, : len(own)] = likeness.over_error(likeness.said(own), baseline, label)
    return place
