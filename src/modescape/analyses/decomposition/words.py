"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.covers import covers_of, headed
from modescape.wording.numbers import ABSENT, decimals_for, fixed, listing
from modescape.wording.reading import pick
from modescape.wording.summary import PLACED, Summary, placed
from modescape.wording.tables import name_of, names_of
from modescape.wording.takeaways import ends, for_whom, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("wood2023",)

TEXT = Text(
    "Where the gain comes from",
    "For each method, the mean score of its networks and the score of their average, for the Brier score and the "
    "negative log-likelihood, averaging either probabilities or log-probabilities (normalised geometric mean).",
    "The distance between ring and mark is the diversity term: the ensemble's score is exactly the mean network's "
    "minus it, so a method can win by better networks or by more diverse ones, and the figure shows which. Confidence "
    "enters the term: confident networks that differ count more than uncertain ones. Two terms need no labels: that "
    "of the Brier score of the mean probability, which is the variance of the networks' probabilities, and that of "
    "the log-likelihood of the geometric mean. The term of the log-likelihood of the mean probability needs them and "
    "is not the Jensen-Shannon divergence.",
)

DECOMPOSED = {
    "brier": "Brier",
    "nll": "NLL (nats)",
    "brier_geometric": "Brier, geometric mean",
    "nll_geometric": "NLL, geometric mean (nats)",
}


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, shares = [], []
    for metric in names_of(dataset, "metric"):
        for method in names_of(dataset):
            mean, gap, low, high, whole = (
                pick(dataset, key, approach=method, metric=metric)
                for key in ("mean_score", "diversity", "diversity_low", "diversity_high", "ensemble_score")
            )
            bounds = f"{fixed(low, 3)} to {fixed(high, 3)}"
            rows.append(
                (
                    *(DECOMPOSED.get(metric, metric), name_of(method), *placed(dataset, method)),
                    *(fixed(mean, 3), fixed(gap, 3), bounds, fixed(whole, 3)),
                )
            )
    for method in names_of(dataset):
        gap = pick(dataset, "diversity", approach=method, metric="brier")
        if math.isfinite(gap):
            shares.append(f"{name_of(method)} {fixed(gap, 3)}")
    text = (
        "Dumbbells from the mean network's score to the ensemble's, one a method, in four scores. "
        f"Diversity term of the Brier score: {listing(shares) or ABSENT}."
    )
    covers = covers_of(dataset, "diversity")
    header = (
        "score",
        "method",
        *PLACED,
        "mean network",
        "diversity term",
        headed("interval", covers),
        "ensemble",
    )
    seen = f" ({sample(dataset)})"
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset, seen), behind=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset, seen: str = "") -> str:
    """What diversity takes off the Brier score of independent networks, and of snapshots."""
    parts = []
    for method in ("independent", "trajectory"):
        if method in names_of(dataset):
            found = ends(dataset, "diversity", approach=method, metric="brier")
            mean = pick(dataset, "mean_score", approach=method, metric="brier")
            if math.isfinite(found.value):
                places = decimals_for(*found, least=3, most=6)
                whom = for_whom(covers_of(dataset, "diversity", method))
                bounds = f", 95 % interval {fixed(found.low, places)} to {fixed(found.high, places)}{whom}"
                shown = f"{fixed(found.value, places)} off {fixed(mean, 3)} for {_NETWORKS[method]}"
                parts.append(shown + (bounds if found.known else ""))
    said = "; ".join(parts)
    return f"Averaging takes the diversity term off the mean Brier score: {said}{seen}." if parts else ""


_NETWORKS = {"independent": "independent networks", "trajectory": "snapshots of one run"}
