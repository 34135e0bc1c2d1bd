"""A made-up result of a regression, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.calibration.numbers.measure import APPROACHES, LONG_NAMES, MOST_SUBSETS, UNITS
from modescape.analyses.examples import about
from modescape.analyses.examples_of_numbers import ABOUT
from modescape.covers import THESE

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Intervals of single networks are too narrow, those of many about right; one factor mends both."""
    size, dims = np.arange(1, members + 1), ("approach", "size")
    share = np.stack([0.95 - 0.15 / size, np.full(members, 0.95)])
    values = {"coverage": share, "width": 400 * share, "nll": 5.4 + (0.95 - share)}
    return results.make_result(
        {
            **{name: (dims, values[name], UNITS[name], text) for name, text in LONG_NAMES.items()},
            "coverage_low": (dims, share - 0.03, "1", "lower end of the 95 % interval of the coverage"),
            "coverage_high": (dims, np.minimum(share + 0.03, 1), "1", "upper end of it"),
            "variance_factor": (("size",), 1 + 0.6 / size, "1", "factor of the variances fitted on validation"),
        },
        {"approach": list(APPROACHES), "size": size},
        title="Coverage and width of predicted intervals",
        **about(members, intervals="95 %: these members on new examples"),
        covers=THESE,
        most_subsets=MOST_SUBSETS,
    ).assign_attrs(ABOUT)
