"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.analyses.solution_similarity.words import MAPS, TOGETHER
from modescape.covers import covers_of, headed
from modescape.wording.numbers import count, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import for_whom, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SHOWN = (
    "For every pair of members, at their last checkpoints: the cosine similarity of their weights and the root mean "
    "square distance between their predictions, also divided by their error."
)
READING = (
    "A cosine near 0 means that two weight vectors are nearly orthogonal; as hidden units can be permuted, this alone "
    "does not make the two functions different. The distance does: divided by the error it is 0 for equal "
    "predictions, and about 1.4 for networks whose errors are uncorrelated, where averaging gains most."
)

TEXT = Text(
    "Independent solutions compared",
    SHOWN,
    READING,
    Text(
        TOGETHER,
        f"{SHOWN} Then the way there: each point is a checkpoint, placed by its predictions for test images, in "
        "standard deviations of the targets, once with t-SNE and once with PCA; the points of one run are joined in "
        "the order of epochs.",
        f"{READING} {MAPS}",
    ),
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows = []
    for metric in dataset["metric"].values:
        low, mean, high = (pick(dataset, key, metric=metric) for key in ("pair_low", "pair_mean", "pair_high"))
        name = str(metric).replace("_", " ").replace("batch norm", "normalisation layers")
        rows.append((name, significant(mean, 3), f"{significant(low, 3)} to {significant(high, 3)}"))
    within = pick(dataset, "last_epochs_distance")
    rows.append(("distance of late snapshots of one run", significant(within, 3), ""))
    across, over = (
        pick(dataset, "pair_mean", metric=metric) for metric in ("prediction_distance", "normalized_distance")
    )
    text = (
        f"Square heat maps over pairs of {count(dataset.sizes['member'], 'member')}. Mean over pairs: distance of "
        f"predictions {significant(across)}, over the error {significant(over)}. Late snapshots of one run are "
        f"{significant(within)} apart."
    )
    return Summary(
        text,
        ("over pairs of members", "mean", headed("interval", covers_of(dataset, "pair"))),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """How far apart two members predict, beside two snapshots."""
    low, value, high = (pick(dataset, f"pair_{name}", metric="normalized_distance") for name in ("low", "mean", "high"))
    within = pick(dataset, "last_epochs_distance")
    across = pick(dataset, "pair_mean", metric="prediction_distance")
    if not math.isfinite(value):
        return ""
    members = dataset.sizes["member"]
    whom = for_whom(covers_of(dataset, "pair"))
    ends = f", 95 % interval {significant(low, 3)} to {significant(high, 3)}{whom}"
    bounds = ends if math.isfinite(low + high) else ""
    text = (
        f"The predictions of two independent members differ by {significant(value, 3)} times their error (mean over "
        f"{count(members * (members - 1) // 2, 'pair')}{bounds}; {sample(dataset)})"
    )
    if math.isfinite(within) and across > 0:
        text += f"; those of two late snapshots of one run by {significant(value * within / across)} times"
    return f"{text}."
