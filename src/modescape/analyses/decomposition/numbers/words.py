"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.covers import covers_of, headed
from modescape.wording.numbers import fixed, percent
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import name_of, names_of
from modescape.wording.takeaways import ends, for_whom, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Where the gain comes from",
    "The mean score of single networks and the score of their mixture, for the squared error of the mean, the "
    "negative log-likelihood and the continuous ranked probability score: independent networks, and snapshots of one "
    "run.",
    "The distance between ring and mark is the diversity term: the ensemble's score is exactly the mean network's "
    "minus it. That of the squared error is the variance of the networks' predictions (the ambiguity), which needs no "
    "targets: averaging reduces the squared error by exactly this variance.",
)
NAMES = {"squared_error": "squared error", "nll": "NLL (nats)", "crps": "CRPS"}


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows = []
    for metric in names_of(dataset, "metric"):
        for approach in names_of(dataset):
            mean, gap, low, high, whole = (
                pick(dataset, key, approach=approach, metric=metric)
                for key in ("mean_score", "diversity", "diversity_low", "diversity_high", "ensemble_score")
            )
            cells = (fixed(mean, 3), fixed(gap, 3), f"{fixed(low, 3)} to {fixed(high, 3)}", fixed(whole, 3))
            rows.append((NAMES.get(metric, metric), name_of(approach), *cells))
    gap, mean = (
        pick(dataset, key, approach="independent", metric="squared_error") for key in ("diversity", "mean_score")
    )
    text = (
        "Dumbbells from the mean network's score to the mixture's, in three scores. The variance of independent "
        f"networks' predictions takes {fixed(gap, 3)} off a squared error of {fixed(mean, 3)}."
    )
    return Summary(
        text,
        (
            "score",
            "method",
            "mean network",
            "diversity term",
            headed("interval", covers_of(dataset, "diversity")),
            "ensemble",
        ),
        tuple(rows),
        takeaway=_takeaway(dataset, sample(dataset)),
        behind=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset, seen: str = "") -> str:
    """What the ambiguity takes off the squared error of independent networks."""
    found = ends(dataset, "diversity", approach="independent", metric="squared_error")
    mean = pick(dataset, "mean_score", approach="independent", metric="squared_error")
    if not (math.isfinite(found.value) and mean > 0):
        return ""
    whom = for_whom(covers_of(dataset, "diversity", "independent"))
    bounds = f"95 % interval {fixed(found.low, 3)} to {fixed(found.high, 3)}{whom}" if found.known else ""
    behind = ", ".join(filter(None, (bounds, seen)))
    return (
        f"Averaging takes the ambiguity, {fixed(found.value, 3)}{f' ({behind})' if behind else ''}, off a mean squared "
        f"error of {fixed(mean, 3)}: {percent(found.value / mean)} of it."
    )
