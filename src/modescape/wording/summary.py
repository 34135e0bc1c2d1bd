"""A figure in a sentence and a small table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modescape.wording.numbers import significant
from modescape.wording.reading import pick

if TYPE_CHECKING:
    import xarray as xr

PLACED = ("setting", "distance / length")  # header of `placed`


@dataclass(frozen=True)
class Summary:
    """A sentence and a table."""

    text: str  # the text alternative of the figure
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    left_out: int = 0  # rows that did not fit
    takeaway: str = ""  # what the numbers allow to be concluded, in one sentence
    behind: str = ""  # the same behind the takeaway of the analysis it is told with; "": the same words


def placed(dataset: xr.Dataset, method: str, dim: str = "approach") -> tuple[str, str]:
    """Cells that stand beside a method's numbers: its setting, and how far its networks lie from the solution."""
    setting, distance = (significant(pick(dataset, key, **{dim: method}), 3) for key in ("scale", "distance"))
    return setting, distance
