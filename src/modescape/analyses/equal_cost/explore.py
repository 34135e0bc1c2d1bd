"""What candidates add to the explorer: gains against costs, and all of them in order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from modescape.analyses.equal_cost.draw import BEST, CALIBRATED, LOOKS, RAW, against, how_chosen, off_scale, shown
from modescape.analyses.forest import Row, forest, takeaway
from modescape.decision.budgets import Machine
from modescape.decision.candidates import Table
from modescape.decision.labelled import table_of_result
from modescape.decision.prices import price_words
from modescape.decision.words import baseline, called, changes
from modescape.plots.charts import Chart
from modescape.plots.explored import Choice, Explored, Picture, View, explored_scores

if TYPE_CHECKING:
    import xarray as xr

    from modescape.metrics.scores import Score

COSTS = {  # name -> in the choice, on the axis, in a sentence
    "training": ("Training", "Training (times one network's)", "the training"),
    "passes": ("Forward passes", "Passes (times one network's)", "the forward passes"),
}
WAYS = ((BEST, "what was best where it was chosen"), (RAW, "raw"), (CALIBRATED, "calibrated"))
PICTURED = 8  # rows of the picture


def explore(results: Mapping[str, xr.Dataset]) -> Explored:
    """Every candidate's gain against its costs, and a row each, raw or calibrated."""
    dataset = results["equal_cost"]
    table = table_of_result(dataset)
    if len(table.candidates) < 2:
        return Explored()
    unit = str(dataset.attrs.get("target_unit", ""))
    named = {name: score.in_unit(unit) for name, score in table.scores.items()}
    calibrated = any(one.calibration != "none" for one in table.candidates)
    way = Choice(name="calibration", label="Predictions", options=WAYS if calibrated else WAYS[:1])
    drawn, off = shown(table)
    first = _forest(table, table.deciding, named[table.deciding], drawn, PICTURED, len(drawn) + len(off))
    words = f"Candidates by their gain in {table.score.short}. Intervals: {table.covers}."
    return Explored(
        views=[*_costs(dataset, table, way), _rows(dataset, table, named, way)],
        pictures=[Picture(chart=first, place=20, words=words)],
    )


def _costs(dataset: xr.Dataset, table: Table, way: Choice) -> list[View]:
    """The deciding score against each cost that is known: what training cost is not, of files that were given."""
    known = [cost for cost in COSTS if any(math.isfinite(getattr(one.price, cost)) for one in table.candidates)]
    charts, sentences = {}, {}
    for cost in known:
        _, label, words = COSTS[cost]
        for key, _ in way.options:
            panel = against(table, shown(table, key)[0], cost, label)
            charts[cost, key] = Chart(
                title=panel.title, panels=[panel], columns=1, panel_height=330, covers=table.covers
            )
            sentences[cost, key] = _frontier(dataset, table, cost, words, key)
    view = View(
        tab="size",
        title="What else the same cost buys",
        choices=[Choice(name="cost", label="Cost", options=[(cost, COSTS[cost][0]) for cost in known]), way],
        charts=charts,
        sentences=sentences,
        about=f"Every candidate against what it costs. Intervals: {table.covers}.",
        place=20,
    )
    return [view] if known else []


def _frontier(dataset: xr.Dataset, table: Table, cost: str, words: str, way: str) -> str:
    """The best candidate that costs no more than one network does, and the best of all."""
    known = [at for at in shown(table, way)[0] if math.isfinite(getattr(table.candidates[at].price, cost))]
    cheap = [at for at in known if getattr(table.candidates[at].price, cost) <= 1]
    found = []
    for places, where in ((cheap, f"With {words} of one network"), (known, "At any cost")):
        if places and (best := places[0]) not in [at for at, _ in found]:  # they are in order
            found.append((best, where))
    unit = str(dataset.attrs.get("target_unit", ""))
    return " ".join(
        f"{where}, the best measured is {called(table, at)}: {changes(table, at, 0, unit)}, for {table.covers}."
        for at, where in found
    )


def _rows(dataset: xr.Dataset, table: Table, named: Mapping[str, Score], way: Choice) -> View:
    """All candidates, a row each, the best on top."""
    charts, sentences = {}, {}
    for name, score in named.items():
        for key, _ in way.options:
            drawn, off = shown(table, key)
            charts[name, key] = _forest(table, name, score, drawn)
            rows = [_row(table, place, name) for place in [*drawn, *off]]
            sentences[name, key] = takeaway(name, dataset, rows, baseline(table), table.covers)
    return View(
        tab="methods",
        title="All candidates, the best on top",
        choices=[explored_scores(named), way],
        charts=charts,
        sentences=sentences,
        about=f"{how_chosen(table)}, judged on {table.judged_on}. {off_scale(dataset)} Intervals: {table.covers}.",
        place=10,
    )


def _row(table: Table, place: int, metric: str) -> Row:
    candidate, found = table.candidates[place], table.difference(place, 0, metric)
    label, colour, marker = LOOKS[candidate.advice]
    return Row(
        name=candidate.label,
        group=label,
        value=found.value,
        low=found.low,
        high=found.high,
        colour=colour,
        marker=marker,
        note=price_words(candidate, Machine()),
    )


def _forest(
    table: Table, metric: str, score: Score, places: Sequence[int], most: int = 40, among: int | None = None
) -> Chart:
    """Candidates, a row each: the best ``most`` of those at ``places``, out of ``among`` (default: all of these)."""
    rows = [_row(table, place, metric) for place in places]
    count, among = min(most, len(rows)), among or len(rows)
    which = "every candidate" if count == among else f"the best {count} of {among} candidates"
    return forest(f"{score.label}: {which}", score, rows, baseline(table), table.covers, most)
