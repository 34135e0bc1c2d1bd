"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.member_predictions.draw import disagreement, labels, members_right
from modescape.wording.numbers import count, fixed, percent
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Predictions of each member, image by image",
    "The probabilities of each member on test images that are evenly spaced over the split, the most disputed first. "
    "The explorer averages any members of these and recalibrates them; this figure shows how many members are right "
    "on how many images, and how often two of them disagree.",
    "Where all members are right, so is every average of them; where some are right, averaging can gain or lose the "
    "image; where all are wrong, it gains only if they are wrong in different ways. These are a part of the test "
    "images: scores of all of them are in the other sections.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """A row a member; the figure in a sentence."""
    said, label = labels(dataset), dataset["label"].values
    pairs = disagreement(dataset)
    rows = []
    for at, member in enumerate(dataset["member"].values):
        others = pairs[at][np.isfinite(pairs[at])]
        rows.append((str(member), percent((said[at] == label).mean()), percent(others.mean()) if others.size else ""))
    right = members_right(dataset)
    every, none = float((right == len(said)).mean()), float((right == 0).mean())
    images = count(len(label), "image")
    text = (
        f"Of {images}, {percent(every)} are right in every member, {percent(none)} in none, "
        f"{percent(1 - every - none)} in some. Two members disagree on {percent(float(np.nanmean(pairs)))} on average."
        if np.isfinite(pairs).any()
        else f"Of {images}, {percent(every)} are right in the one member."
    )
    takeaway = (
        f"Members differ in whether they are right on {fixed(100 * (1 - every - none))} % of {images}; where all are "
        f"right, {percent(every)}, so is every average of them."
    )
    takeaway = takeaway if len(said) > 1 else ""
    return Summary(text, ("member", "right", "disagrees with others"), tuple(rows), takeaway=takeaway)
