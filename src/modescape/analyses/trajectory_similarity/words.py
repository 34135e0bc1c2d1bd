"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import count, percent, significant
from modescape.wording.summary import Summary
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "2a and 2b"  # its figures there
SOURCES = ("fort2019",)

TEXT = Text(
    "Along one training run",
    "For every pair of epochs of one run: the cosine similarity of the weights and the share of test images on which "
    "the two checkpoints predict different labels. Epoch 0 is the initialisation.",
    "Read along a row to see how far an epoch is from all others. A large block of high cosine and low disagreement "
    "at late epochs means that the run has settled on one function, and that its late snapshots add little to each "
    "other. The same colour means the same value in all panels of a kind.",
)

NUMBERS = Text(  # of a regression
    "Along one training run",
    "For every pair of epochs of one run: the cosine similarity of the weights and the root mean square distance "
    "between the predictions of the two checkpoints, also divided by their error. Epoch 0 is the initialisation.",
    "Read along a row to see how far an epoch is from all others. A large block of high cosine and small distance at "
    "late epochs means that the run has settled on one function, and that its late snapshots add little to each "
    "other. Divided by the error, a distance is 0 for equal predictions and about 1.4 for uncorrelated errors. The "
    "same colour means the same value in all panels of a kind.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    last = dataset.isel(other_epoch=-1)
    numbers = "disagreement" not in dataset
    compared = "normalized_distance" if numbers else "disagreement"
    wanted = ("cosine", "cosine_without_batch_norm", *(("prediction_distance",) if numbers else ()), compared)
    written = significant if numbers else percent
    parts, rows = [], []
    for member in dataset["member"].values:
        one = last.sel(member=member)
        epochs = one["epoch"].values
        for epoch in sorted({int(epochs[round(share * (len(epochs) - 1))]) for share in (0, 0.25, 0.5, 0.75, 1)}):
            at = one.sel(epoch=epoch)
            cells = [significant(float(at[key]), 3) for key in wanted]
            rows.append((str(member), str(epoch), *cells))
        early = float(one[compared].isel(epoch=0))
        late = float(one[compared].isel(epoch=-2)) if len(epochs) > 1 else np.nan
        parts.append(f"member {member}: {written(early)} at the first, {written(late)} at the last but one checkpoint")
    text = (
        f"Heat maps over pairs of epochs for {count(len(parts), 'trajectory', 'trajectories')}: cosine of weights and "
        f"{'distance of predictions' if numbers else 'disagreement of predicted labels'}. "
        f"{'Distance from the solution over the error' if numbers else 'Disagreement with the solution'}: "
        f"{'; '.join(parts)}."
    )
    if "displacement_cosine" in dataset:
        early = dataset["displacement_cosine"].isel(epoch=1, other_epoch=-1).mean()
        text += (
            " All members start from one checkpoint; what the weights have moved from it in the first epoch has a "
            f"cosine of {significant(float(early), 3)} with what they have moved in the end."
        )
    differing = ("distance from the last", "over the error") if numbers else ("disagreement with the last",)
    header = ("member", "epoch", "cosine with the last", "without normalisation layers", *differing)
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """How far the first and the last snapshot but one are from the solution, mean over runs."""
    compared = "disagreement" if "disagreement" in dataset else "normalized_distance"
    own = dataset[compared].isel(other_epoch=-1).transpose("member", "epoch").values
    if own.shape[1] < 3:
        return ""
    runs, epochs = count(len(own), "run"), [int(epoch) for epoch in dataset["epoch"].values]
    first, last = (float(np.nanmean(own[:, at])) for at in (0, -2))
    if compared == "disagreement":
        return (
            f"The snapshot at epoch {epochs[-2]} disagrees with the final network on {percent(last)} of the test "
            f"images, that at epoch {epochs[0]} on {percent(first)} (mean of {runs}; {sample(dataset)}, no interval)."
        )
    return (
        f"The predictions at epoch {epochs[-2]} differ from the final ones by {significant(last)} times their error, "
        f"those at epoch {epochs[0]} by {significant(first)} times (mean of {runs}; {sample(dataset)}, no interval)."
    )
