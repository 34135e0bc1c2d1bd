"""Realistic made-up results of the analyses, in the schema of docs/results.md, for tests of plots and report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.analyses import ANALYSES, BESIDE, suits
from modescape.analyses.examples_of_numbers import as_numbers

if TYPE_CHECKING:
    import xarray as xr

OF_NUMBERS = sorted(name for name in ANALYSES if suits(name, "regression"))


def example_result(name: str, members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A made-up result of one analysis; the same arguments give the same numbers."""
    return ANALYSES[name].part("example").example(members, epochs)


def example_of_numbers(name: str, members: int = 10, epochs: int = 10) -> xr.Dataset:
    """The same for a regression on rows of a table, for analyses that have such an example (`OF_NUMBERS`)."""
    made = ANALYSES[name].part("example", "regression").example(members, epochs)
    return made if ANALYSES[name].numbers == BESIDE else as_numbers(made)
