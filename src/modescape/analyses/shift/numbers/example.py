"""A made-up result of a regression, for tests of the figure and of the words."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.examples_of_numbers import ABOUT, UNIT, held
from modescape.analyses.shift.numbers.measure import measure
from modescape.data.corruptions import SEVERITIES
from modescape.offered import Offered, Shifted

if TYPE_CHECKING:
    import xarray as xr

EXAMPLES = 60


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Errors that grow with the severity, under two corruptions and of a selection of rows."""
    random = np.random.default_rng(4)
    target = random.normal(0, 3, (EXAMPLES, 1))
    sets = {"test": held(random, members, target, 0.5)}
    sets |= {f"shift {severity}": held(random, members, target, 0.5 + severity) for severity in SEVERITIES}
    place = np.argsort(np.argsort(-target[:, 0]))
    shape = (2, len(SEVERITIES))
    about = Shifted(
        parts={"noise": np.arange(0, EXAMPLES, 2), "missing_cells": np.arange(1, EXAMPLES, 2)},
        selections={"covariate_shift": place < np.linspace(50, 15, len(SEVERITIES))[:, None]},
        selected="covariate shift: the rows with the highest values",
        unit="training standard deviations",
        change=np.ones(shape),
        share=np.ones(shape),
        there=np.ones(shape, dtype=bool),
        images=EXAMPLES,
    )
    given = Offered(
        members=range(members),
        sampled=MappingProxyType(sets),
        shifted=about,
        task="regression",
        target_unit=UNIT,
        word="rows",
    )
    return measure(given).assign_attrs(ABOUT)
