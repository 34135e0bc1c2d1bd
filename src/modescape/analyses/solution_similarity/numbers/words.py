"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.wording.numbers import count, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Independent solutions compared",
    "For every pair of members, at their last checkpoints: the cosine of their weights and the root mean square "
    "distance of what they predict, also divided by their error.",
    "A cosine near 0 says that two weight vectors are perpendicular; as hidden units can be permuted, this alone does "
    "not make two functions different. The distance does: over the error it is 0 for equal predictions, and about 1.4 "
    "for networks whose errors have nothing in common, which averaging would cancel best.",
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
    return Summary(text, ("over pairs of members", "mean", "95 % interval"), tuple(rows))
