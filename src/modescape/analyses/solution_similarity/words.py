"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.covers import covers_of, headed
from modescape.wording.numbers import count, percent, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import Ends, for_whom, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "3"  # its figures there
SOURCES = ("fort2019",)

SHOWN = (
    "For every pair of members, at their last checkpoints: the cosine similarity of their weights and the share of "
    "test images on which they predict different labels, also divided by their mean error."
)
READING = (
    "A cosine near 0 means that two weight vectors are nearly orthogonal; as hidden units can be permuted, this alone "
    "does not make the two functions different. Disagreement does: divided by the error rate it is 0 for equal "
    "predictions, and 1 for networks that disagree as often as one of them is wrong."
)
TOGETHER = "How different the solutions are"  # with where they came from
MAPS = (
    "The maps show how they became so: networks that predict alike lie side by side, so see whether runs that start in "
    "different places end in the same place. The axes have no unit, and their direction is arbitrary."
)

TEXT = Text(
    "Independent solutions compared",
    SHOWN,
    READING,
    Text(
        TOGETHER,
        f"{SHOWN} Then the way there: each point is a checkpoint, placed by its predicted probabilities on test "
        "images, once with t-SNE and once with PCA; the points of one run are joined in the order of epochs.",
        f"{READING} {MAPS}",
    ),
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows = []
    for metric in dataset["metric"].values:
        low, mean, high = (pick(dataset, key, metric=metric) for key in ("pair_low", "pair_mean", "pair_high"))
        cells = (significant(mean, 3), f"{significant(low, 3)} to {significant(high, 3)}")
        rows.append((str(metric).replace("_", " ").replace("batch norm", "normalisation layers"), *cells))
    within = pick(dataset, "last_epochs_disagreement")
    rows.append(("disagreement of late snapshots of one run", significant(within, 3), ""))
    text = (
        f"Square heat maps over pairs of {count(dataset.sizes['member'], 'member')}. "
        f"Mean over pairs: disagreement {percent(pick(dataset, 'pair_mean', metric='disagreement'))}, "
        f"normalised by error {significant(pick(dataset, 'pair_mean', metric='normalized_disagreement'))}, "
        f"cosine of weights {significant(pick(dataset, 'pair_mean', metric='cosine'))}. "
        f"Late snapshots of one run disagree on {percent(within)}."
    )
    moved = pick(dataset, "pair_mean", metric="displacement_cosine")
    if not math.isnan(moved):
        text += (
            " All members start from one checkpoint, so their weights are alike whatever they learn; what they have "
            f"moved from it has a mean cosine of {significant(moved, 3)}: 1 would be the same way, 0 ways that have "
            "nothing in common."
        )
    return Summary(
        text,
        ("over pairs of members", "mean", headed("interval", covers_of(dataset, "pair"))),
        tuple(rows),
        takeaway=_takeaway(dataset),
    )


def _takeaway(dataset: xr.Dataset) -> str:
    """How often two members disagree, beside two snapshots."""
    found = _pair(dataset, "disagreement")
    if not math.isfinite(found.value):
        return ""
    members, ratio = dataset.sizes["member"], pick(dataset, "pair_mean", metric="normalized_disagreement")
    within = pick(dataset, "last_epochs_disagreement")
    whom = for_whom(covers_of(dataset, "pair"))
    bounds = f", 95 % interval {percent(found.low, 3)} to {percent(found.high, 3)}{whom}" if found.known else ""
    text = (
        f"Two independent members disagree on {percent(found.value, 3)} of the test images (mean over "
        f"{count(members * (members - 1) // 2, 'pair')}{bounds}; {sample(dataset)})"
    )
    if math.isfinite(ratio):
        text += f": their disagreement rate is {significant(ratio)} times their error rate"
    return text + (f". Two late snapshots of one run disagree on {percent(within)}." if math.isfinite(within) else ".")


def _pair(dataset: xr.Dataset, metric: str) -> Ends:
    return Ends(*(pick(dataset, f"pair_{name}", metric=metric) for name in ("low", "mean", "high")))
