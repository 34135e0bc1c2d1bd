"""A made-up result of a regression, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.analyses.diversity_plane.example import example as of_classes
from modescape.analyses.examples_of_numbers import as_numbers
from modescape.functionspace.distances import distance_bounds, distance_limits

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """The plane of classes with errors for accuracies, and the curves of numbers."""
    found = as_numbers(of_classes(members, epochs))
    error = 100 * (1 - found["x"].values)
    best = float(found.attrs["baseline_rmse"])
    curves = (*distance_limits(error, best), *distance_bounds(error, best))
    names = ("lower", "upper", "lowest", "highest")
    found = found.assign_coords(x=("x", error, found["x"].attrs))
    return found.assign({name: ("x", one, found[name].attrs) for name, one in zip(names, curves, strict=True)})
