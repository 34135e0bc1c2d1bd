"""A made-up result of a regression, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.analyses.decomposition.example import example as of_classes
from modescape.analyses.decomposition.numbers.measure import UNITS
from modescape.analyses.examples_of_numbers import ABOUT

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Of independent networks and of snapshots of one run, in three scores."""
    found = of_classes(members, epochs).isel(metric=slice(3), approach=slice(2)).drop_vars("control")
    found = found.assign_coords(metric=["squared_error", "nll", "crps"], approach=["independent", "snapshots"])
    for name in ("metric", "approach"):
        found[name].attrs.update(units="1", long_name=name)
    for name in ("mean_score", "diversity", "ensemble_score", "diversity_low", "diversity_high"):
        found[name].attrs["units"] = UNITS
    return found.assign_attrs(ABOUT)
