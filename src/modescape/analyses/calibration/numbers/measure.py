"""Coverage and width of central 95 % intervals against the number of networks, before and after one factor.

The factor is fitted on validation examples: of a single network in closed form, of a mixture by Newton's method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.requirements import left_out, predicted, trained
from modescape.covers import THESE
from modescape.metrics.crossed import subset_estimate
from modescape.metrics.gaussians import gaussian, scale_mixture, scaled
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import crossed_interval
from modescape.metrics.regression import coverage
from modescape.metrics.scoring import NUMBERS
from modescape.metrics.subsets import subsets
from modescape.offered import INDEPENDENT, Offered, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

MOST_SUBSETS = 10  # of a size: each is fitted and its quantiles are found
APPROACHES = ("as predicted", "scaled")
WHAT = "the calibration of variances"
LONG_NAMES = {
    "coverage": "share of targets within the central 95 % interval",
    "width": "mean width of that interval",
    "nll": "negative log-likelihood",
}
UNITS = {"coverage": "1", "width": "unit of the target", "nll": "nats"}


def measure(offered: Offered, *, splits: int = 5, resamples: int = 1000) -> xr.Dataset:
    """Coverage, width and NLL of mixtures of 1 .. n members, with variances as predicted and times one fitted factor.

    Args:
        offered: predictions of test and validation examples.
        splits: has no meaning here; a setting of the classification.
        resamples: likewise.

    Raises:
        NotEnough: if no member is trained.
    """
    members = trained(offered, 1, WHAT)
    test, validation = (predicted(offered, split, WHAT) for split in ("test", "validation"))
    predictive, fitting = (stacked(one, one.groups[INDEPENDENT]) for one in (test, validation))
    values = {name: np.full((len(APPROACHES), len(members)), np.nan) for name in LONG_NAMES}
    factor = np.full(len(members), np.nan)
    ends = np.full((2, len(APPROACHES), len(members)), np.nan)
    for at, size in enumerate(range(1, len(members) + 1)):
        masks = subsets(len(members), size, MOST_SUBSETS)
        factors = np.array([scale_mixture(gaussian(fitting[mask]), validation.label) for mask in masks])
        factor[at] = np.exp(np.log(factors).mean())
        for row, own in enumerate((np.ones(len(masks)), factors)):
            found = [_scored(scaled(predictive[mask], one), test.label) for mask, one in zip(masks, own, strict=True)]
            for name, column in zip(LONG_NAMES, zip(*found, strict=True), strict=True):
                values[name][row, at] = np.mean([np.mean(one) for one in column])
            share = np.mean([one[0] for one in found], 0)
            ends[:, row, at] = crossed_interval(values["coverage"][row, at], by_group(share, test.example_group), None)
    dims = ("approach", "size")
    return make_result(
        {
            **{name: (dims, values[name], UNITS[name], text) for name, text in LONG_NAMES.items()},
            "coverage_low": (dims, ends[0], "1", "lower end of the 95 % interval of the coverage"),
            "coverage_high": (dims, ends[1], "1", "upper end of it"),
            "variance_factor": (("size",), factor, "1", "factor of the variances fitted on validation"),
        },
        {"approach": list(APPROACHES), "size": np.arange(1, len(members) + 1)},
        title="Coverage and width of predicted intervals",
        intervals="95 %: these members on new examples; normal, on the variance over test examples",
        covers=THESE,
        provenance=offered.provenance(examples=len(test.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        most_subsets=MOST_SUBSETS,
    )


def _scored(predictive: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coverage, width and NLL of every example, of the mixture of all models."""
    found = coverage(predictive, target)
    every = np.ones((1, len(predictive)), dtype=bool)
    nll = subset_estimate(predictive, target, every, None, NUMBERS).example[list(NUMBERS.scores).index("nll")]
    return found.share, found.width, nll
