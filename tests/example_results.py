"""Realistic made-up results of the analyses, in the schema of docs/results.md, for tests of plots and report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.analyses import ANALYSES

if TYPE_CHECKING:
    import xarray as xr


def example_result(name: str, members: int = 10, epochs: int = 10) -> xr.Dataset:
    """A made-up result of one analysis; the same arguments give the same numbers."""
    return ANALYSES[name].part("example").example(members, epochs)
