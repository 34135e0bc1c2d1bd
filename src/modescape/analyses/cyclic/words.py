"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modescape.wording.numbers import ABSENT, accuracy, count, decimals_for, fixed, listing, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import name_of, names_of, score_header, score_text, whole_number
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Equal training cost: cyclical runs and long runs against independent networks",
    "Ensembles made in one run with a cyclical learning rate, of snapshots or of samples with noise at two "
    "temperatures, against independent networks and against one network trained as long as all of them together. "
    "Below them the ensemble of all members of this study against one network trained as long as all members. "
    "Scores, differences at equal cost, diversity, and each network's place in the plane of accuracy and "
    "diversity.",
    "Rings are single networks, marks their ensembles. Methods are compared with the independent networks that "
    "cost as many epochs of training: where the interval of a difference holds 0, the two cannot be told apart. "
    "One long run needs a single forward pass for a prediction, an ensemble one for each of its networks. The "
    "calibrated log-likelihood is that at the temperature that suits the validation images best: what is left of "
    "a difference there is not one of confidence. A short ring-to-mark distance with a good ring says that a run "
    "makes good networks that are too alike.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, parts = [], []
    metrics = [str(metric) for metric in dataset["metric"].values]
    for method in names_of(dataset):
        whole = [score_text(key, pick(dataset, "score", method=method, metric=key)) for key in metrics]
        single, together = (
            accuracy(pick(dataset, key, method=method, metric="accuracy")) for key in ("member_score", "score")
        )
        divergence = significant(pick(dataset, "jensen_shannon", method=method), 3)
        cost = [whole_number(pick(dataset, key, method=method)) for key in ("training_epochs", "forward_passes")]
        than = [_difference(dataset, method, key) for key in ("accuracy", "nll", "calibrated_nll", "brier")]
        rows.append((name_of(method), single, *whole, *than, divergence, *cost))
        parts.append(f"{name_of(method)} from {single} to {together}")
    text = (
        f"Dot plots of scores, differences at equal training cost and diversity for {count(len(rows), 'method')}, and "
        "each network's place in the plane of accuracy and diversity. Accuracy, mean network to ensemble: "
        f"{listing(parts)}."
    )
    scores = ("accuracy (points)", "NLL (nats)", "calibrated NLL (nats)", "Brier")
    than = [f"difference: {score}" for score in scores]
    cost = ("Jensen-Shannon (nats)", "training epochs", "forward passes")
    return Summary(text, ("method", "mean network", *_ensembles(score_header(dataset)), *than, *cost), tuple(rows))


def _difference(dataset: xr.Dataset, method: str, metric: str) -> str:
    """From the reference at equal cost, with its interval; a dash where a method is the reference itself."""
    low, value, high = (
        pick(dataset, f"difference{end}", method=method, metric=metric) for end in ("_low", "", "_high")
    )
    if not math.isfinite(value):
        return ABSENT
    factor, least = (100, 1) if metric == "accuracy" else (1, 3)
    low, value, high = (factor * number for number in (low, value, high))
    decimals = decimals_for(low, value, high, least=least, most=4)  # an end at -0.03 is no 0.0
    bounds = f"{fixed(low, decimals)} to {fixed(high, decimals)}"
    return f"{fixed(value, decimals, signed=True)} ({bounds if math.isfinite(low) else 'no interval'})"


def _ensembles(scores: Sequence[str]) -> list[str]:
    return [f"ensemble: {score}" for score in scores]
