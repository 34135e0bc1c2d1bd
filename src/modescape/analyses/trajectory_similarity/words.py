"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import count, percent, significant
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Along one training run",
    "For every pair of epochs of one run: the cosine of the weights and the share of test images on which the two "
    "checkpoints predict different labels. Epoch 0 is the initialisation.",
    "Read along a row: how far an epoch is from all others. A large patch of high cosine and low disagreement in "
    "the late corner means that the run has settled into one function, and snapshots from there have little to "
    "add to each other. Colours mean the same in every panel of a kind.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    last = dataset.isel(other_epoch=-1)
    wanted = ("cosine", "cosine_without_batch_norm", "disagreement")
    parts, rows = [], []
    for member in dataset["member"].values:
        one = last.sel(member=member)
        epochs = one["epoch"].values
        for epoch in sorted({int(epochs[round(share * (len(epochs) - 1))]) for share in (0, 0.25, 0.5, 0.75, 1)}):
            at = one.sel(epoch=epoch)
            cells = [significant(float(at[key]), 3) for key in wanted]
            rows.append((str(member), str(epoch), *cells))
        early = float(one["disagreement"].isel(epoch=0))
        late = float(one["disagreement"].isel(epoch=-2)) if len(epochs) > 1 else np.nan
        parts.append(f"member {member}: {percent(early)} at the first, {percent(late)} at the last but one checkpoint")
    text = (
        f"Heat maps over pairs of epochs for {count(len(parts), 'trajectory', 'trajectories')}: cosine of weights and "
        f"disagreement of predicted labels. Disagreement with the solution: {'; '.join(parts)}."
    )
    if "displacement_cosine" in dataset:
        early = dataset["displacement_cosine"].isel(epoch=1, other_epoch=-1).mean()
        text += (
            " All members start from one checkpoint; what the weights have moved from it in the first epoch has a "
            f"cosine of {significant(float(early), 3)} with what they have moved in the end."
        )
    header = ("member", "epoch", "cosine with the last", "without normalisation layers", "disagreement with the last")
    return Summary(text, header, tuple(rows))
