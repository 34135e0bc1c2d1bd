"""Errors, likelihoods and 95 % intervals of a regression on test examples of increasing corruption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import groups, image_sets
from modescape.analyses.requirements import enough_images, groups_of_networks, left_out, trained
from modescape.analyses.scoring import INTERVALS_OF_MEANS, Scored, scored, size_estimate
from modescape.analyses.shift.kinds import Look, effect_of_corruptions, looks, selected_attributes
from modescape.analyses.shift.measure import SETS, WHAT
from modescape.analyses.shift.paired import ENDS, covers_of_members, gain_of_kind_variables, gain_variables, over_one
from modescape.analyses.stating import Variables
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.covers import THESE
from modescape.data.corruptions import SEVERITIES
from modescape.metrics.crossed import subset_estimate
from modescape.metrics.gaussians import gaussian
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import crossed_interval
from modescape.metrics.regression import coverage
from modescape.metrics.scores import TARGET_UNIT, units_of
from modescape.metrics.scoring import NUMBERS
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

SCORES = {  # field of `modescape.analyses.scoring.Scored` -> variable, long name
    "mean": ("score", "score on all test examples"),
    "low": ("score_low", "lower end of the 95 % interval"),
    "high": ("score_high", "upper end of the 95 % interval"),
    "low_these": ("score_low_these", "lower end of it for these members alone"),
    "high_these": ("score_high_these", "upper end of it for these members alone"),
}


def draws(context: StudyContext, **settings: object) -> list[Request]:
    """The solutions of all members, on the test examples at each severity."""
    images = [image_sets.shifted(context, severity) for severity in (0, *SEVERITIES)]
    return groups.solution_requests(context.trained, images)


def measure(offered: Offered) -> xr.Dataset:
    """Scores, coverage and width of 95 % intervals, and both parts of the variance, at severity 0 to 5.

    Each corruption has its own part of the test examples, the same for all severities, as for classification. "single"
    is the mean member, "independent" the mixture of all members. Selections (covariate shift) are scored on the
    uncorrupted examples separately, and are in no mean.

    Args:
        offered: predictions of the members on "test" and "shift 1" to "shift 5".

    Raises:
        NotEnough: if no member is trained, or there are fewer test examples than corruptions.
    """
    trained(offered, 1, WHAT)
    test, shifted = groups_of_networks(offered, SETS, WHAT), offered.shifted
    target = test.label
    enough_images(offered, len(target), int(shifted.there.all(1).sum()), f"{WHAT}, a part a corruption,")
    predictive = list(groups.solutions(offered.sampled, SETS).values())  # a severity, [member, example, 2 x output]
    members = len(predictive[0])
    sizes = {"single": 1, "independent": members} if members > 1 else {"single": 1}
    return make_result(
        {
            **_scores(predictive, target, sizes, test.example_group),
            **_of_kinds(predictive, target, sizes, looks(shifted), test.example_group),
            **_intervals(predictive, target, sizes, test.example_group),
            **_variances(predictive),
            **effect_of_corruptions(shifted),
        },
        {
            "approach": list(sizes),
            "metric": list(NUMBERS.scores),
            "severity": [0, *SEVERITIES],
            "corruption": [*shifted.parts, *shifted.selections],
        },
        title="Scores and intervals under shift",
        intervals=f"{INTERVALS_OF_MEANS}. Those of the coverage are for these members on new examples",
        covers={**covers_of_members(members), "coverage": THESE},
        provenance=offered.provenance(examples=len(target), members=members, repeats=1),
        left_out=left_out(offered),
        split="test",
        source=shifted.source,
        effect_images=shifted.images,
        **selected_attributes(shifted),
    )


def _scores(
    predictive: list[np.ndarray], target: np.ndarray, sizes: Mapping[str, int], group: np.ndarray | None
) -> Variables:
    """Scores of single members and of all together, and the differences from single members'."""
    found = [[size_estimate(one, target, size, NUMBERS, group) for one in predictive] for size in sizes.values()]
    gains = [
        [over_one(one, alone, averaged=size > 1) for one, alone in zip(row, found[0], strict=True)]
        for size, row in zip(sizes.values(), found, strict=True)
    ]
    units, dims = units_of(NUMBERS.scores), ("approach", "metric", "severity")
    scores: list[list[Scored]] = [[scored(one) for one in row] for row in found]
    return {
        name: (dims, np.array([[getattr(one, field) for one in row] for row in scores]).transpose(0, 2, 1), units, text)
        for field, (name, text) in SCORES.items()
    } | gain_variables(gains, units)


def _masks(members: int, size: int) -> np.ndarray:
    """Each member by itself, or all of them together; bool [subset, member]."""
    return np.eye(members, dtype=bool) if size == 1 else np.ones((1, members), dtype=bool)


def _of_kinds(
    predictive: list[np.ndarray],
    target: np.ndarray,
    sizes: Mapping[str, int],
    kinds: list[list[Look]],
    group: np.ndarray | None,
) -> Variables:
    """Scores on the examples of each kind, and what all together gain there over single members."""
    shape = (len(sizes), len(NUMBERS.scores), len(kinds[0]), len(kinds))
    found, gains = np.full(shape, np.nan), np.full((*shape, ENDS), np.nan)
    for severity, row in enumerate(kinds):
        for column, look in enumerate(row):
            own, truth = predictive[look.severity][:, look.examples], target[look.examples]
            codes = None if group is None else np.unique(group[look.examples], return_inverse=True)[1]
            estimates = [
                subset_estimate(own, truth, _masks(len(own), size), None, NUMBERS, codes)
                for size in (sizes.values() if len(truth) else ())
            ]
            for place, one in enumerate(estimates):
                apart = one.minus(estimates[0])
                found[place, :, column, severity] = one.score
                gains[place, :, column, severity] = np.stack([apart.score, *apart.these()], -1)
    units = units_of(NUMBERS.scores)
    text = "score on the own examples of each kind of shift; none of one without effect"
    return {
        "score_of_corruption": (("approach", "metric", "corruption", "severity"), found, units, text)
    } | gain_of_kind_variables(gains, units)


def _intervals(
    predictive: list[np.ndarray], target: np.ndarray, sizes: Mapping[str, int], group: np.ndarray | None
) -> Variables:
    """Coverage and width of the central 95 % intervals of members and of their mixture."""
    share, width, low, high = np.empty((4, len(sizes), len(predictive)))
    for row, size in enumerate(sizes.values()):
        for severity, own in enumerate(predictive):
            found = [coverage(own[mask], target) for mask in _masks(len(own), size)]
            inside = np.mean([one.share for one in found], 0)
            share[row, severity], width[row, severity] = inside.mean(), np.mean([one.width for one in found])
            ends = crossed_interval(share[row, severity], by_group(inside, group), None)
            low[row, severity], high[row, severity] = ends
    dims = ("approach", "severity")
    return {
        "coverage": (dims, share, "1", "share of targets within the central 95 % interval"),
        "coverage_low": (dims, np.maximum(low, 0), "1", "lower end of the 95 % interval of the coverage"),
        "coverage_high": (dims, np.minimum(high, 1), "1", "upper end of it"),
        "width": (dims, width, TARGET_UNIT, "mean width of the central 95 % interval"),
    }


def _variances(predictive: list[np.ndarray]) -> Variables:
    """Both parts of the ensemble's variance, as roots of their means over examples and outputs."""
    found = [gaussian(one) for one in predictive]
    between = [np.sqrt(one.mean.var(0).mean()) for one in found]
    within = [np.sqrt(one.variance.mean()) for one in found]
    return {
        "between": (("severity",), np.array(between), TARGET_UNIT, "root mean variance of the members' means"),
        "within": (("severity",), np.array(within), TARGET_UNIT, "root mean variance that a member predicts"),
    }
