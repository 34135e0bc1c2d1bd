"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.covers import covers_of
from modescape.wording import scores
from modescape.wording.numbers import accuracy, count, significant
from modescape.wording.reading import full_size, pick
from modescape.wording.summary import PLACED, Summary, placed
from modescape.wording.tables import best_name, name_of, names_of, whole_number
from modescape.wording.takeaways import effect, ends, for_whom, joined
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "8"  # its figures there
SOURCES = ("fort2019", "izmailov2018", "maddox2019")

ENTRIES = (
    "What averaging gains over one network, against the number of entries averaged. An entry is an independent "
    "network, the average of the late weights of a run, or the mean prediction of many samples around its solution"
)
SHOWN = f"{ENTRIES}. Below: how diverse the networks of each method are, what one entry gains, and what it costs."
SHOWN_NUMBERS = (
    f"{ENTRIES}, with the variance of their mixture. Below: how far apart the networks of each method predict, what "
    "one entry gains, and what it costs."
)
CURVES = (
    "A band is the 95 % interval of the difference from one network on the same images: where it leaves out 0, the "
    "method is better or worse than one network. At size 1 the methods show what they gain inside one solution; "
    "independent networks start at 0. To the right everything also averages over solutions: curves that meet there say "
    "that sampling around each solution adds little to independent networks."
)
DIVERGENCE = (
    "The divergence depends on confidence as well as on function, so it is given again with every network's "
    "temperature fitted on validation."
)
COST = (
    "Compare at equal cost: an entry of samples takes many forward passes, an independent network its own training. "
    "A method's place depends on how far it steps: hollow marks put all methods at one distance, where their "
    "directions alone differ."
)
TERM = (
    "The line between ring and mark is what averaging takes off the mean network's score, the diversity term: a method "
    "wins by better networks (the ring) or by more diverse ones (the line)."
)
TITLE, TOGETHER = (
    "Within one solution, across solutions, and both",
    "What each method gains, from what, and at what price",
)

TEXT = Text(
    TITLE,
    SHOWN,
    f"{CURVES} {DIVERGENCE} {COST}",
    Text(
        TOGETHER,
        f"{SHOWN} Then where the gain comes from: the mean score of each method's networks and the score of their "
        "average, for the Brier score and the negative log-likelihood, averaging either probabilities or "
        "log-probabilities (normalised geometric mean).",
        f"{CURVES} {TERM} Confidence enters both the term and the divergence between networks: confident networks that "
        "differ count more than uncertain ones, so the divergence is given again with every network's temperature "
        "fitted on validation. It is not the term of the log-likelihood of the mean probability. "
        f"{COST}",
    ),
)

NUMBERS = Text(  # of a regression
    TITLE,
    SHOWN_NUMBERS,
    f"{CURVES} {COST}",
    Text(
        TOGETHER,
        f"{SHOWN_NUMBERS} Then where the gain comes from: the mean score of single networks and the score of their "
        "mixture, for the squared error of the mean, the negative log-likelihood and the continuous ranked "
        "probability score.",
        f"{CURVES} {TERM} That of the squared error is the variance of the networks' predictions (the ambiguity), "
        f"which needs no targets. {COST}",
    ),
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, alone, together = [], {}, {}
    metrics = [str(metric) for metric in dataset["metric"].values]
    first, spread = metrics[0], "jensen_shannon" if "jensen_shannon" in dataset else "pair_distance"
    best = scores.known(dataset)[first]
    for method in names_of(dataset):
        full = full_size(dataset, method, first)
        for size in sorted({1, full} - {0}):
            own = {key: pick(dataset, "score", approach=method, metric=key, size=size) for key in metrics}
            cells = [scores.written(key, value) for key, value in own.items()]
            divergence = significant(pick(dataset, spread, approach=method), 3)
            each = (pick(dataset, key, approach=method) for key in ("training_epochs", "forward_passes"))
            cost = [whole_number(size * value) for value in each]
            rows.append((name_of(method), str(size), *placed(dataset, method), *cells, divergence, *cost))
        alone[method] = pick(dataset, "score", approach=method, metric=first, size=1)
        together[method] = pick(dataset, "score", approach=method, metric=first, size=full)
    rows += _at_one_distance(dataset, metrics, spread)
    most, highest = ("highest", True) if best.higher_is_better else ("lowest", False)
    single = alone.get("independent", math.nan)
    text = (
        "Line charts of gains over one network against the number of entries averaged, for "
        f"{count(len(alone), 'method')}, and dots for their diversity and cost. A single network has "
        f"{_having(first, single)}; the {most} of one entry is that of "
        f"{best_name(alone, highest=highest)} ({_extreme(alone, first, highest)}), with all entries averaged "
        f"that of {best_name(together, highest=highest)} ({_extreme(together, first, highest)}); methods are not "
        "tested against each other."
    )
    diverse = "Jensen-Shannon (nats)" if spread == "jensen_shannon" else "distance of two networks"
    cost = (diverse, "training epochs", "forward passes")
    return Summary(
        text,
        ("method", "entries", *PLACED, *scores.header(metrics, dataset), *cost),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _having(metric: str, value: float) -> str:
    if metric == "accuracy":
        return f"{accuracy(value)} accuracy"
    return f"an {scores.short(metric)} of {significant(value, 3)}"


def _extreme(values: dict[str, float], metric: str, highest: bool) -> str:
    known = [value for value in values.values() if math.isfinite(value)]
    return scores.written(metric, (max if highest else min)(known, default=math.nan))


def _at_one_distance(dataset: xr.Dataset, metrics: list[str], spread: str) -> list[tuple[str, ...]]:
    """A row for every method that can be put at any distance, all at the same."""
    rows = []
    for method in names_of(dataset, "other_approach"):
        at = {"other_approach": method}
        cells = [scores.written(key, pick(dataset, "equal_distance_score", metric=key, **at)) for key in metrics]
        setting, reached, divergence = (
            significant(pick(dataset, f"equal_distance_{key}", **at), 3) for key in ("scale", "reached", spread)
        )
        cost = [whole_number(pick(dataset, key, approach=method)) for key in ("training_epochs", "forward_passes")]
        name = f"{name_of(method)}, all at {significant(float(dataset.attrs['equal_distance']))}"
        rows.append((name, "1", setting, reached, *cells, divergence, *cost))
    return rows


def _takeaway(dataset: xr.Dataset) -> str:
    """What independent networks gain, and how many methods gain inside one solution."""
    metric, size = str(dataset["metric"].values[0]), full_size(dataset, "independent", str(dataset["metric"].values[0]))
    gain = ends(dataset, "gain", approach="independent", metric=metric, size=size)
    others = [name for name in names_of(dataset) if name not in ("independent", "weight_average")]
    found = [ends(dataset, "gain", approach=name, metric=metric, size=1) for name in others]
    found = [one for one in found if one.known]
    better = 1 if scores.known(dataset)[metric].higher_is_better else -1
    whom = for_whom(covers_of(dataset, "gain"))
    inside = (
        f"Inside one solution, {sum(one.sign == better for one in found)} of {count(len(found), 'method')} have a "
        f"gain in {scores.short(metric)} over the single network whose 95 % interval{whom} excludes 0."
        if found
        else ""
    )
    averaged = (
        effect(
            f"Averaging {size} independent networks", metric, gain, dataset, covers_of(dataset, "gain", "independent")
        )
        if size > 1
        else ""
    )
    return joined(averaged, inside)
