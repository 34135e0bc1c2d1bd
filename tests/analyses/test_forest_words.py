"""The sentence over rows of differences: numbers and verbs agree."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from modescape.analyses.forest import Row, takeaway
from modescape.wording.numbers import SPACE

COVERS = "these members on new examples"


def row(name: str, value: float) -> Row:
    return Row(name=name, group=name, value=value, low=value - 0.01, high=value + 0.01, colour="", marker=("o", "o"))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((0.05, -0.05), "1 of 2 is better than one network, 1 is worse, and 0 are inconclusive."),
        ((0.05, 0.04, 0.0), "2 of 3 are better than one network, 0 are worse, and 1 is inconclusive."),
    ],
)
def test_the_verb_follows_the_number(values, told):
    rows = [row(str(at), value) for at, value in enumerate(values)]
    said = takeaway("accuracy", xr.Dataset(), [*rows, row("none", np.nan)], "one network", COVERS).replace(SPACE, " ")
    assert said.startswith("Best: 0, accuracy +5.0 points")
    assert said.endswith(told)


def test_the_largest_difference_is_not_called_the_best_where_its_interval_includes_0():
    wide = Row(name="wide", group="wide", value=0.08, low=-0.08, high=0.23, colour="", marker=("o", "o"))
    said = takeaway("accuracy", xr.Dataset(), [wide, row("clear", 0.03)], "one network", COVERS)
    assert said.startswith("Largest difference, inconclusive: wide, accuracy +8")
    assert said.endswith("1 of 2 is better than one network, 0 are worse, and 1 is inconclusive.")
