"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.analyses.branching.draw import connected
from modescape.wording.numbers import fixed, percent, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import names_of
from modescape.wording.takeaways import joined
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("frankle2020",)

TEXT = Text(
    "When one run becomes several functions",
    "One run and branches of it: each has its first epochs in common with the run, weights and optimiser, then sees "
    "the training examples in an order of its own to the end. How high the loss and the error rise on the straight "
    "line between two of them, how much their predictions differ, and what averaging two gains: their predictions, "
    "or their weights.",
    "Read down the rows: the more epochs are in common, the lower the barrier. Where it is gone, the run so far has "
    "decided in which basin its branches end: averaging their weights no longer hurts, and may gain some of what the "
    "average of their predictions gains, in one forward pass. Connected is not the same: look how much the branches "
    "still differ, and compare with the independent networks. Alignment lowers the barrier between "
    "independent networks; the units of branches mostly stand in one order already. Epochs between the rows were not "
    "tried, and this is one run of one recipe.",
)

NUMBERS = TEXT  # of a regression, too


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    numbers = "normalized_distance" in dataset
    over = "normalized_distance" if numbers else "normalized_disagreement"
    rows = []
    for method in names_of(dataset):
        loss, error, aligned, differ, ensemble, average, distance = (
            pick(dataset, name, approach=method)
            for name in (
                *("barrier", "error_barrier", "aligned_error_barrier", over),
                *("ensemble_gain", "average_gain", "distance"),
            )
        )
        heights = [significant(one, 3) if numbers else percent(one) for one in (error, aligned)]
        gains = [fixed(one, 4, signed=True) for one in (ensemble, average)]
        rows.append((method, significant(loss), *heights, significant(differ), *gains, significant(distance)))
    text = (
        f"Barriers, differences and gains of pairs of networks, {len(rows)} rows. {connected(dataset)}"
        if rows
        else "There are no pairs."
    )
    header = ("networks with", "barrier (nats)", "of the error", "aligned", "differ / error")
    return Summary(
        text,
        (*header, "gain of predictions (nats)", "of weights", "distance / length"),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """From when on branches are connected."""
    return joined(connected(dataset), "One run of one recipe.")
