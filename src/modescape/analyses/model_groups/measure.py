"""Comparison of methods with several given models each as runs: sampling of test examples and of runs together."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.given import NEW, compared, groups_of, models_of, values_of
from modescape.analyses.requirements import left_out, predicted, scoring_of, trained
from modescape.covers import NEW_RUNS, THESE_MODELS
from modescape.errors import NotEnough
from modescape.metrics.paired import Moments, between_runs, holm, moments, of_runs, student_interval, student_p
from modescape.metrics.scores import ranges_of, units_of
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables

INTERVALS = (
    f"{NEW}, runs and examples crossed: Student's t with Satterthwaite's degrees of freedom on the variance over test "
    "examples and that between runs of either group without what the same examples made of it; a group of one: that "
    "model. Those of all pairs of groups at once by Bonferroni's rule, adjusted p-values by Holm's"
)
OF_GROUP = {  # variable -> long name; fields of `modescape.metrics.paired.Runs`
    "mean": "mean score over the runs of the group",
    "mean_low": "lower end of its 95 % interval",
    "mean_high": "upper end of it",
    "sd": "standard deviation between runs, as observed; NaN of one",
}
OF_PAIR = {
    "difference": "mean score of the group minus the other group's",
    "difference_low": "lower end of its 95 % interval, this pair alone",
    "difference_high": "upper end of it",
    "difference_low_all": "lower end of the 95 % intervals of all pairs at once",
    "difference_high_all": "upper end of them",
    "p_value": "two-sided p-value of no difference, this pair alone",
    "p_adjusted": "the same adjusted for all pairs",
}


def measure(offered: Offered) -> xr.Dataset:
    """Mean scores of groups of models and their differences, for new runs on new examples.

    Args:
        offered: predictions of test examples, models in groups.

    Raises:
        NotEnough: if there are fewer than 2 groups, or no group has 2 models.
    """
    what = "the comparison of groups of models"
    members = trained(offered, 2, what)
    predictions, scoring, groups = predicted(offered, "test", what), scoring_of(offered), groups_of(offered)
    if len(groups) < 2 or max(map(len, groups.values())) < 2:
        raise NotEnough(f"{what} needs 2 groups or more, one of them of 2 models or more; name what belongs together")
    metrics, models = compared(scoring), models_of(predictions)
    found = [moments(values_of(predictions, models, scoring, metric)) for metric in metrics]
    names = list(groups)
    kinds = {"": NEW_RUNS} | {name: THESE_MODELS for name, runs in groups.items() if len(runs) == 1}
    return make_result(
        {
            **_means(found, list(groups.values()), metrics),
            **_differences(found, list(groups.values()), metrics),
            "runs": (("approach",), np.array([*map(len, groups.values())]), "1", "models of the group"),
        },
        {"approach": names, "other_approach": names, "metric": metrics},
        title="Groups of models against each other",
        intervals=INTERVALS,
        covers={"": NEW_RUNS, "mean": kinds},
        provenance=offered.provenance(examples=len(predictions.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        pairs=len(groups) * (len(groups) - 1) // 2,
    )


def _means(found: list[Moments], groups: list[list[int]], metrics: list[str]) -> Variables:
    values = np.array([[of_runs(one, runs) for runs in groups] for one in found])  # [metric, group, field]
    smallest, largest = (ends[:, None] for ends in ranges_of(metrics))
    values[..., 1], values[..., 2] = np.maximum(values[..., 1], smallest), np.minimum(values[..., 2], largest)
    return {
        name: (("metric", "approach"), values[..., at], units_of(metrics), text)
        for at, (name, text) in enumerate(OF_GROUP.items())
    }


def _differences(found: list[Moments], groups: list[list[int]], metrics: list[str]) -> Variables:
    count = len(groups)
    values = np.full((len(OF_PAIR), len(found), count, count), np.nan)
    values[0, :, range(count), range(count)] = 0.0
    pairs = list(combinations(range(count), 2))
    for metric, one in enumerate(found):
        rows = []
        for first, second in pairs:
            difference = between_runs(one, groups[first], groups[second])
            alone, every = student_interval(difference), student_interval(difference, len(pairs))
            rows.append([difference.value, *alone, *every, student_p(difference)])
        table = np.array(rows)
        table = np.concatenate([table, holm(table[:, 5])[:, None]], 1)
        for (first, second), row in zip(pairs, table, strict=True):
            values[:, metric, first, second] = row
            values[:, metric, second, first] = [-row[0], -row[2], -row[1], -row[4], -row[3], *row[5:]]
    units = units_of(metrics)
    return {
        name: (("metric", "approach", "other_approach"), values[at], "1" if name.startswith("p_") else units, text)
        for at, (name, text) in enumerate(OF_PAIR.items())
    }
