"""What candidates add to the explorer: gains against costs, and all of them in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.equal_cost.draw import LOOKS, against, how_chosen, off_scale, shown
from modescape.analyses.forest import Row, forest
from modescape.decision.candidates import Table
from modescape.decision.labelled import table_of_result
from modescape.decision.prices import price_words
from modescape.decision.rules import Machine
from modescape.decision.words import baseline
from modescape.plots.charts import Chart
from modescape.plots.explored import Choice, Explored, Picture, View, explored_scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

COSTS = (("training", "training"), ("passes", "forward passes"))
ORDER = "order"  # in the place of a cost
THESE = "Intervals: these networks on new examples."
PICTURED = 9  # rows of the picture


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """Every candidate's gain, against its costs or in order."""
    dataset = results["equal_cost"]
    table = table_of_result(dataset)
    if len(table.candidates) < 2:
        return Explored()
    unit = str(dataset.attrs.get("target_unit", ""))
    named = {name: score.in_unit(unit) for name, score in table.scores.items()}
    charts = {(name, cost): _against(table, name, score, cost) for name, score in named.items() for cost, _ in COSTS}
    rows = {(name, ORDER): _forest(table, name, score) for name, score in named.items()}
    first = _forest(table, table.deciding, named[table.deciding], PICTURED)
    costs = Choice(name="cost", label="Against", options=[*COSTS, (ORDER, "each other, the best on top")])
    return Explored(
        views=[
            View(
                tab="size",
                title="What the same cost buys otherwise",
                choices=[explored_scores(named), costs],
                charts=charts | rows,
                about=f"{how_chosen(table)}, judged on {table.judged_on}. {off_scale(dataset)} {THESE}",
                place=20,
            ),
        ],
        pictures=[Picture(chart=first, place=20, words=f"Candidates by their gain in {table.score.short}. {THESE}")],
    )


def _against(table: Table, metric: str, score: Score, cost: str) -> Chart:
    panel = against(table, metric, score, cost)
    return Chart(title=panel.title, panels=[panel], columns=1, panel_height=330)


def _forest(table: Table, metric: str, score: Score, most: int = 40) -> Chart:
    rows = []
    for place in shown(table)[0]:
        candidate, found = table.candidates[place], table.difference(place, 0, metric)
        label, colour, marker = LOOKS[candidate.advice]
        rows.append(
            Row(
                name=candidate.label,
                group=label,
                value=found.value,
                low=found.low,
                high=found.high,
                colour=colour,
                marker=marker,
                note=price_words(candidate, Machine()),
            )
        )
    return forest(f"{score.label}: every candidate", score, rows, baseline(table), most)
