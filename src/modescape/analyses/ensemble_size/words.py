"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.covers import covers_of, headed, short
from modescape.wording import scores
from modescape.wording.reading import full_gain, full_size, pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import Ends, effect, for_whom
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("lakshminarayanan2017", "brier1950")

TEXT = Text(
    "How many networks to average",
    "Accuracy, negative log-likelihood, Brier score and calibration error of the averaged probabilities, against "
    "the number of networks averaged: independent networks, and the last snapshots of one run.",
    "Size 1 is the mean single network. Each point is the mean over subsets of that size. The band is a 95 % "
    "interval for new members on new examples; the data also have the narrower one for these members on new "
    "examples. A curve for "
    "snapshots that stays flat next to one for independent networks that climbs says that the diversity comes "
    "from different runs, not from averaging as such.",
)

NUMBERS = Text(  # of a regression
    "How many networks to average",
    "Root mean squared error of the mean prediction, and negative log-likelihood and continuous ranked probability "
    "score of the mixture of the predicted distributions, against the number of networks: independent networks, and "
    "the last snapshots of one run.",
    "Size 1 is the mean single network. Each point is the mean over subsets of that size. The band is a 95 % interval "
    "for new members on new examples; the data also have the narrower one for these members on new examples. Lower "
    "is better. The squared error of k networks is exactly E1 - (1 - 1/k) V with the variance V between networks, so "
    "the curve of its root shows at once how far more networks would bring it.",
)

GIVEN = Text(  # of predictions that others made
    "How many networks to average",
    "Every score of the averaged predictions against the number of networks averaged: the mean over subsets of the "
    "given networks, for each size.",
    "Size 1 is the mean single network. Where each network gives only a class, the average is a vote: the class with "
    "the most votes, the first of several in a tie. The band is a 95 % interval for new models on new "
    "examples; the data also have the narrower one for these models on new examples. A subset selected for being good "
    "is not on this curve: its own section shows what selection gains.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows = []
    parts = []
    first = str(dataset["metric"].values[0])  # accuracy, or the RMSE of a regression
    for method in (str(method) for method in dataset["approach"].values):
        full = full_size(dataset, method, first)
        own, name = covers_of(dataset, "score", method), _called(dataset, method)
        name = name if own == covers_of(dataset, "score") else f"{name} ({short(own)})"
        gain = full_gain(dataset, method, first)
        for size in (int(size) for size in dataset["size"].values if size <= full):
            cells = [_with_interval(dataset, method, str(key), size) for key in dataset["metric"].values]
            rows.append((name, str(size), *cells))
        if gain is not None:
            single, together = (
                scores.written(first, pick(dataset, "score", approach=method, metric=first, size=size))
                for size in (1, gain.size)
            )
            parts.append(f"{_called(dataset, method)}: from {single} alone to {together} with {gain.size}")
    name = score.name if (score := scores.known(dataset).get(first)) else first
    text = (
        f"Line charts of scores against the number of networks averaged. {name}, {'; '.join(parts) or 'one size'}. "
        f"In the table: score and 95 % interval{for_whom(covers_of(dataset, 'score'))}; the other kind is in the data."
    )
    named = [headed(one, covers_of(dataset, "score")) for one in scores.header(dataset["metric"].values, dataset)]
    header = ("networks", "size", *named)
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _called(dataset: xr.Dataset, method: str) -> str:
    return "given" if method == "independent" and dataset.attrs.get("given") else method


def _with_interval(dataset: xr.Dataset, method: str, metric: str, size: int) -> str:
    """A score and its interval for new members on new examples."""

    def written(name: str) -> str:
        return scores.written(metric, pick(dataset, name, approach=method, metric=metric, size=size))

    return f"{written('score')}, {written('score_low')} to {written('score_high')}"


def _takeaway(dataset: xr.Dataset) -> str:
    """What averaging all networks changes of the first score."""
    metric, method = str(dataset["metric"].values[0]), str(dataset["approach"].values[0])
    gain = full_gain(dataset, method, metric)
    if gain is None:
        return ""
    networks = "networks" if dataset.attrs.get("given") else "independent networks"
    what = f"Averaging {gain.size} {'snapshots of one run' if method == 'snapshots' else networks}"
    return effect(what, metric, Ends(gain.low, gain.value, gain.high), dataset, covers_of(dataset, "gain", method))
