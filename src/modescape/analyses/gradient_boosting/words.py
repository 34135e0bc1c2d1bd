"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.covers import covers_of
from modescape.wording import scores
from modescape.wording.numbers import ABSENT, SPACE, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import comparison, ends
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "The usual choice for a table: gradient boosting",
    "One network and the ensemble beside scikit-learn's histogram gradient boosting, fitted to the same training rows "
    "with its default settings: all scores on the same test rows, their differences, and the training time of each.",
    "Where the interval of a difference excludes 0, one of the two is better on such rows; otherwise this study "
    "cannot tell them apart. The trees use the columns as they are, with categories and missing cells, and as many "
    "boosting steps as minimise the validation loss; nothing else was tuned, for the trees or the networks. Times are "
    "for one thread each on this machine.",
)
NAMES = {"single": "one network", "ensemble": "ensemble", "gradient boosting": "gradient boosting"}
TIMES = {"single": "seconds_single", "ensemble": "seconds_ensemble", "gradient boosting": "seconds_trees"}


def seconds_of(dataset: xr.Dataset, approach: str) -> str:
    """Training time in words; "" where it is not known."""
    value = float(dataset.attrs.get(TIMES[approach], math.nan))
    return f"{significant(value)}{SPACE}s" if math.isfinite(value) else ""


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    metrics = [str(metric) for metric in dataset["metric"].values]
    rows = []
    for approach, name in NAMES.items():
        values = [
            scores.written(metric, pick(dataset, "score", approach=approach, metric=metric)) for metric in metrics
        ]
        than = [_difference(dataset, approach, metric) for metric in metrics]
        rows.append((name, *values, *than, seconds_of(dataset, approach) or ABSENT))
    first = scores.header(metrics)[0]
    parts = ", ".join(f"{row[0]} {row[1]}" for row in rows)
    text = f"Dot plots of scores and of their differences. {first[:1].upper()}{first[1:]}: {parts}."
    covers = covers_of(dataset, "difference")
    than = [f"trees minus it: {name}" for name in scores.header(metrics, covers=covers)]
    return Summary(
        text, ("model", *scores.header(metrics), *than, "training time"), tuple(rows), takeaway=_takeaway(dataset)
    )


def _difference(dataset: xr.Dataset, approach: str, metric: str) -> str:
    low, value, high = (
        pick(dataset, f"difference{end}", approach=approach, metric=metric) for end in ("_low", "", "_high")
    )
    change, bounds = scores.difference(metric, low, value, high)
    return f"{change} ({bounds})" if bounds else change


def _takeaway(dataset: xr.Dataset) -> str:
    """Whether trees or the ensemble are better."""
    metric = str(dataset["metric"].values[0])
    found = ends(dataset, "difference", approach="ensemble", metric=metric)
    return comparison("Gradient boosting", "the ensemble", metric, found, dataset, covers_of(dataset, "difference"))
