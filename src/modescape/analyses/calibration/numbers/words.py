"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.covers import covers_of, headed
from modescape.wording.numbers import fixed, percent
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import names_of
from modescape.wording.takeaways import ends, for_whom, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Whether the predicted variances are right",
    "The share of test targets within the central 95 % intervals of the predicted distribution, the width of these "
    "intervals and the negative log-likelihood, against the number of networks: with variances as predicted, and with "
    "all variances multiplied by one factor fitted on validation examples.",
    "Intervals that contain fewer than 95 % of the targets are too narrow: the networks are overconfident. A mixture "
    "of networks is wider than each of them, by the variance of their means; what the factor achieves as well is not "
    "a gain of averaging. Where the networks predict no variance, it is a constant, their mean squared error on "
    "validation examples, so that single networks have about the right coverage.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows = []
    for approach in names_of(dataset):
        for size in (int(value) for value in dataset["size"].values):
            share, low, high, width, nll = (
                pick(dataset, name, approach=approach, size=size)
                for name in ("coverage", "coverage_low", "coverage_high", "width", "nll")
            )
            bounds = f"{fixed(100 * low, 1)} to {fixed(100 * high, 1)}"
            rows.append((approach, str(size), fixed(100 * share, 1), bounds, fixed(width, 3), fixed(nll, 3)))
    last = int(dataset["size"].values.max())
    one, together = (pick(dataset, "coverage", approach="as predicted", size=size) for size in (1, last))
    factor = pick(dataset, "variance_factor", size=last)
    text = (
        f"Lines against the number of networks. 95 % intervals hold {percent(one)} of the targets for one network and "
        f"{percent(together)} for {last}; the factor of variances fitted for all is {fixed(factor, 3)}."
    )
    return Summary(
        text,
        (
            "variances",
            "networks",
            "inside (%)",
            headed("interval", covers_of(dataset, "coverage")),
            "width",
            "NLL (nats)",
        ),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """Whether intervals of all networks cover what they should."""
    last = int(dataset["size"].values.max())
    low, share, high = ends(dataset, "coverage", approach="as predicted", size=last)
    if not np.isfinite([low, share, high]).all():
        return ""
    who = f"{last} networks averaged" if last > 1 else "one network"
    intervals = f"the 95 % prediction intervals of {who} are too"
    if low <= NOMINAL <= high:
        said = f"Whether {intervals} narrow or too wide is unclear"
    else:
        said = f"T{intervals[1:]} {'narrow' if high < NOMINAL else 'wide'}"
    whom = for_whom(covers_of(dataset, "coverage"))
    return (
        f"{said}: they contain {fixed(100 * share, 1)} % of the targets "
        f"(95 % interval {fixed(100 * low, 1)} to {fixed(100 * high, 1)} %{whom}; {sample(dataset)})."
    )


NOMINAL = 0.95  # what central 95 % intervals should contain
