"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.wording import scores
from modescape.wording.numbers import accuracy, count, significant
from modescape.wording.reading import full_size, pick
from modescape.wording.summary import PLACED, Summary, placed
from modescape.wording.tables import best_name, name_of, names_of, whole_number
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Within one solution, across solutions, and both",
    "Scores against the number of entries averaged. An entry is an independent network, the average of the late "
    "weights of a run, or the mean prediction of many samples around its solution. Below: how diverse the networks "
    "of each method are, and what one entry costs.",
    "At size 1 the methods show what they gain inside one solution; independent networks start at the single "
    "network. To the right everything also averages over solutions: curves that meet there say that sampling "
    "around each solution adds little to independent networks. The divergence depends on confidence as well as on "
    "function, so it is given again with every network's temperature fitted on validation. Compare at equal cost: "
    "an entry of samples takes many forward passes, an independent network its own training. A method's place "
    "depends on how far it steps: hollow marks put all methods at one distance, where their directions alone "
    "differ.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, alone, together = [], {}, {}
    metrics = [str(metric) for metric in dataset["metric"].values]
    for method in names_of(dataset):
        full = full_size(dataset, method)
        for size in sorted({1, full} - {0}):
            own = {key: pick(dataset, "score", approach=method, metric=key, size=size) for key in metrics}
            cells = [scores.written(key, value) for key, value in own.items()]
            divergence = significant(pick(dataset, "jensen_shannon", approach=method), 3)
            each = (pick(dataset, key, approach=method) for key in ("training_epochs", "forward_passes"))
            cost = [whole_number(size * value) for value in each]
            rows.append((name_of(method), str(size), *placed(dataset, method), *cells, divergence, *cost))
        alone[method] = pick(dataset, "score", approach=method, metric="accuracy", size=1)
        together[method] = pick(dataset, "score", approach=method, metric="accuracy", size=full)
    rows += _at_one_distance(dataset, metrics)
    single = alone.get("independent", math.nan)
    text = (
        f"Line charts of scores against the number of entries averaged, for {count(len(alone), 'method')}, and dots "
        f"for their diversity and cost. A single network has {accuracy(single)} accuracy; the highest of one entry is "
        f"that of {best_name(alone, highest=True)} ({_highest(alone)}), with all entries averaged that of "
        f"{best_name(together, highest=True)} ({_highest(together)}); methods are not tested against each other."
    )
    cost = ("Jensen-Shannon (nats)", "training epochs", "forward passes")
    return Summary(text, ("method", "entries", *PLACED, *scores.header(metrics), *cost), tuple(rows))


def _highest(values: dict[str, float]) -> str:
    return accuracy(max((value for value in values.values() if math.isfinite(value)), default=math.nan))


def _at_one_distance(dataset: xr.Dataset, metrics: list[str]) -> list[tuple[str, ...]]:
    """A row for every method that can be put at any distance, all at the same."""
    rows = []
    for method in names_of(dataset, "other_approach"):
        at = {"other_approach": method}
        cells = [scores.written(key, pick(dataset, "equal_distance_score", metric=key, **at)) for key in metrics]
        setting, reached, divergence = (
            significant(pick(dataset, f"equal_distance_{key}", **at), 3)
            for key in ("scale", "reached", "jensen_shannon")
        )
        cost = [whole_number(pick(dataset, key, approach=method)) for key in ("training_epochs", "forward_passes")]
        name = f"{name_of(method)}, all at {significant(float(dataset.attrs['equal_distance']))}"
        rows.append((name, "1", setting, reached, *cells, divergence, *cost))
    return rows
