"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.covers import covers_of, short
from modescape.wording import scores
from modescape.wording.numbers import count, listing, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import name_of, names_of, whole_number
from modescape.wording.takeaways import comparison, ends
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "C"  # its figures there
SOURCES = ("fort2019", "zhang2020", "huang2017")

TEXT = Text(
    "Equal training cost: cyclical runs and long runs against independent networks",
    "Ensembles from one run with a cyclical learning rate, of snapshots or of samples with noise at two temperatures, "
    "against independent networks and against one network trained as long as all of them together. Below, the "
    "ensemble of all members of this study against one network trained as long as all members. Scores, differences at "
    "equal cost, diversity, and each network's position in the plane of accuracy and diversity.",
    "Rings are single networks, marks their ensembles. Methods are compared with the independent networks that cost "
    "as many epochs of training: where the interval of a difference includes 0, the two cannot be told apart. One "
    "long run needs a single forward pass for a prediction, an ensemble one for each of its networks. The calibrated "
    "log-likelihood is taken at the best temperature on the validation images: a difference that remains there is not "
    "one of confidence. A short distance from ring to mark at a good ring means that a run makes good networks that "
    "are too similar.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    TEXT.shown.replace("plane of accuracy and", "plane of error and"),
    TEXT.reading.replace("at the best temperature on", "with all variances multiplied by the best factor on"),
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, parts = [], []
    metrics = [str(metric) for metric in dataset["metric"].values]
    first, numbers = metrics[0], "jensen_shannon" not in dataset  # accuracy, or the RMSE of a regression
    spread = "pair_distance" if numbers else "jensen_shannon"
    for method in names_of(dataset):
        whole = [scores.written(key, pick(dataset, "score", approach=method, metric=key)) for key in metrics]
        both = (pick(dataset, key, approach=method, metric=first) for key in ("member_score", "score"))
        single, together = (scores.written(first, value) for value in both)
        divergence = significant(pick(dataset, spread, approach=method), 3)
        cost = [whole_number(pick(dataset, key, approach=method)) for key in ("training_epochs", "forward_passes")]
        than = [_difference(dataset, method, key) for key in metrics]
        rows.append((name_of(method), single, *whole, *than, divergence, *cost))
        parts.append(f"{name_of(method)} from {single} to {together}")
    short = scores.short(first)
    text = (
        f"Dot plots of scores, differences at equal training cost and diversity for {count(len(rows), 'method')}, and "
        f"each network's place in the plane of {short} and diversity. {short[:1].upper()}{short[1:]}, mean network to "
        f"ensemble: {listing(parts)}."
    )
    than = [f"{name}, 95 %" for name in scores.difference_header(metrics, dataset)]
    cost = ("distance of two networks" if numbers else "Jensen-Shannon (nats)", "training epochs", "forward passes")
    header = (
        "method",
        "mean network",
        *(f"ensemble: {score}" for score in scores.header(metrics, dataset)),
        *than,
        *cost,
    )
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _difference(dataset: xr.Dataset, method: str, metric: str) -> str:
    """From the reference at equal cost, with its interval; a dash where a method is the reference itself."""
    low, value, high = (
        pick(dataset, f"difference{end}", approach=method, metric=metric) for end in ("_low", "", "_high")
    )
    change, bounds = scores.difference(metric, low, value, high)
    whom = short(covers_of(dataset, "difference", method))
    return (
        f"{change} ({bounds}, {whom})"
        if bounds and bounds != "no interval"
        else f"{change} ({bounds})"
        if bounds
        else change
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """What one long run, or cycles, gets at the cost of independent networks."""
    metric = str(dataset["metric"].values[0])
    long = ends(dataset, "difference", approach="whole long run", metric=metric)
    if math.isfinite(long.value):
        return comparison(
            "One network trained as long as all members",
            "the ensemble of all members",
            metric,
            long,
            dataset,
            covers_of(dataset, "difference", "whole long run"),
        )
    for method in names_of(dataset):
        found = ends(dataset, "difference", approach=method, metric=metric)
        if math.isfinite(found.value):
            name = f"At equal training cost, {name_of(method)}"
            whom = covers_of(dataset, "difference", method)
            return comparison(name, "independent networks", metric, found, dataset, whom)
    return ""
