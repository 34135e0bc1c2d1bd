"""What embeddings add to the explorer: the paths of members up to an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.plots.explored import Choice, Explored, View

if TYPE_CHECKING:
    import xarray as xr


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """The figure as it stands below, with paths that end at an epoch; at first the last one."""
    epochs = sorted({int(epoch) for epoch in results["tsne"]["epoch"].values})
    options = [(str(epoch), str(epoch)) for epoch in epochs]
    chosen = Choice(name="epoch", label="Up to epoch", options=options, slider=True, last=True)
    view = View(
        tab="members", title="Paths through function space", figure="tsne", choices=[chosen], until=True, place=60
    )
    return Explored(views=[view])
