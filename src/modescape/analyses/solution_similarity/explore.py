"""What this analysis adds to the explorer: its matrices, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses import task_of
from modescape.plots.explored import Explored, View

if TYPE_CHECKING:
    import xarray as xr


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """The figure as it stands below, a panel at a time; of classes the disagreement first."""
    dataset = results["solution_similarity"]
    first = 0
    if task_of(dataset) == "classification":
        from modescape.analyses.solution_similarity.draw import quantities

        first = quantities(dataset).index("disagreement")
    title = "How far solutions differ"
    view = View(tab="members", title=title, figure="solution_similarity", layers=True, first=first)
    return Explored(views=[view])
