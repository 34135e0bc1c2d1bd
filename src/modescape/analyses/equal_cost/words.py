"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.covers import covers_of
from modescape.decision.candidates import Difference, Table
from modescape.decision.labelled import table_of_result
from modescape.decision.rules import best_of
from modescape.decision.words import baseline
from modescape.wording import scores
from modescape.wording.numbers import ABSENT, count, significant
from modescape.wording.summary import Summary
from modescape.wording.takeaways import Ends, comparison
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "What the cost of several networks buys",
    "Everything that the training and the predictions of these networks could be spent on, as far as it was measured: "
    "one network as it is and calibrated, ensembles of every size, snapshots of one run, averages of weights, and, "
    "where they were trained, one network trained longer, one wider network and many short runs. Each is scored raw "
    "and calibrated, on the same test images.",
    "Each mark is the difference from one network as it is; where its interval includes 0, the two cannot be told "
    "apart. Two candidates at the same cost stand above each other in the lower panels. The calibration that is shown "
    "was chosen on validation images, so the intervals, which are of test images, are not those of a winner. They are "
    "for these members on new examples: other networks of this recipe differ more.",
)
GIVEN = Text(
    TEXT.title,
    "The best of these networks by itself, and averages of the best two, three and so on, raw and calibrated; of their "
    "weights, too, where the networks can be run. They were ranked, calibrated and chosen on half of the examples, and "
    "are judged on the other half.",
    "Each mark is the difference from the best network as it is; where its interval includes 0, the two cannot be told "
    "apart. Intervals are for these members on new examples.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    table, rows = table_of_result(dataset), []
    for place, one in enumerate(table.candidates):
        found = [scores.written(name, float(table.mean[name][place])) for name in table.scores]
        than = [_difference(table.difference(place, 0, name), name) if place else ABSENT for name in table.scores]
        cost = [_times(value) for value in (one.price.training, one.price.passes)]
        chosen = scores.written(table.deciding, float(table.chosen[place]))
        rows.append((one.label, *found, *than, chosen, *cost))
    best = best_of(table, list(range(len(table.candidates))))
    metrics = list(table.scores)
    scored = rows[best][1 + metrics.index(table.deciding)]
    text = (
        f"Dot plots of {count(len(rows), 'candidate')} against {baseline(table)}. The best where they were chosen, "
        f"{table.candidates[best].label}, has {table.score.short} {scored} on {table.judged_on}. Intervals are "
        "95 %, paired, for these members on new examples."
    )
    header = (
        "candidate",
        *scores.header(metrics, dataset),
        *scores.difference_header(metrics, dataset, covers_of(dataset, "gain")),
        f"{table.score.short} where chosen",
        "training",
        "forward passes",
    )
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset, table, best))


def _times(value: float) -> str:
    return significant(value, 3 if value >= 100 else 2) if math.isfinite(value) else ABSENT


def _difference(found: Difference, name: str) -> str:
    change, bounds = scores.difference(name, found.low, found.value, found.high)
    return f"{change} ({bounds})" if bounds else change


def _takeaway(dataset: xr.Dataset, table: Table, best: int) -> str:
    """What the candidate that is best where candidates are chosen gains over one network."""
    label, first = table.candidates[best].label, table.candidates[0].label
    if not best:
        return f"No candidate scored better than {first} where candidates were chosen."
    found = table.difference(best, 0, table.deciding)
    change = Ends(found.low, found.value, found.high)
    return comparison(
        f"The best candidate on {table.chosen_on}, {label},",
        first,
        table.deciding,
        change,
        dataset.assign_attrs(examples=table.examples),
        covers_of(dataset, "gain"),
    )
