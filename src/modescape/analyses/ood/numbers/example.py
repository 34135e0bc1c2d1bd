"""A made-up result of a regression, for tests of the figure and of the words."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.examples_of_numbers import ABOUT, UNIT, held
from modescape.analyses.ood.numbers.measure import measure
from modescape.offered import Offered

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Networks that differ more on two other sets of data than on the test rows."""
    random = np.random.default_rng(5)
    nowhere = np.zeros((40, 1))
    sets = {
        "test": held(random, members, random.normal(0, 3, (60, 1)), 0.5),
        "other near": held(random, members, nowhere, 0.8, known=False),
        "other far": held(random, members, nowhere, 4.0, known=False),
    }
    given = Offered(
        members=range(members),
        sampled=MappingProxyType(sets),
        task="regression",
        target_unit=UNIT,
        word="rows",
        other_words="near: rows moved a little; far: rows moved far",
    )
    return measure(given).assign_attrs(ABOUT)
