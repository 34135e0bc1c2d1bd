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
    "One run and its branches: each shares the first epochs of the run, weights and optimiser state, and then sees "
    "the training examples in its own order to the end. How far the loss and the error rise on the straight line "
    "between two of them, how much their predictions differ, and what averaging two gains: averaging their "
    "predictions, or their weights.",
    "Read down the rows: the more epochs are shared, the lower the barrier. Where there is none, the run has by then "
    "determined in which basin its branches end: averaging their weights does no harm, and may gain part of what "
    "averaging their predictions gains, in one forward pass. Connected does not mean equal: see how much the branches "
    "still differ, and compare with the independent networks. Alignment lowers the barrier between independent "
    "networks; the units of branches are mostly in the same order already. Epochs between the rows were not tested, "
    "and this is one run of one recipe.",
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
