"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import accuracy, count, listing
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Which classes are confused",
    "Test images by true class (rows) and predicted class (columns), for one member, for the mean member and for the "
    "ensemble.",
    "Correct predictions are on the diagonal. Off the diagonal, compare the same cell between panels: a confusion "
    "that fades in the ensemble was made by some members and outvoted by the others; one that stays is shared by most "
    "of them.",
)

GIVEN = Text(  # of predictions that others made
    TEXT.title,
    "Test images by true class (rows) and predicted class (columns), for the first network given, for the mean "
    "network and for the average of all.",
    "Correct predictions are on the diagonal. Off the diagonal, compare the same cell between panels: a confusion "
    "that fades in the average was made by some networks and outvoted by the others; one that stays is shared by most "
    "of them.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    methods = [str(method) for method in dataset["approach"].values]
    shares = [f"{method} {accuracy(pick(dataset, 'accuracy', approach=method))}" for method in methods]
    count_of = dataset["count"].values  # [method, class, predicted_class]
    right = np.einsum("mcc->mc", count_of)
    total = count_of.sum(-1)
    recall = np.divide(right, total, out=np.full(right.shape, np.nan), where=total > 0)
    classes = [str(value) for value in dataset["class"].values]
    rows = tuple((label, *(accuracy(value) for value in recall[:, at])) for at, label in enumerate(classes))
    text = (
        f"Matrices of true against predicted class, {count(len(classes), 'class', 'classes')}. "
        f"Share on the diagonal (accuracy): {listing(shares)}."
    )
    return Summary(text, ("true class: share recognised", *methods), rows, takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """Accuracy of the average, and its most frequent error."""
    methods = [str(method) for method in dataset["approach"].values]
    before, after = (accuracy(pick(dataset, "accuracy", approach=method)) for method in methods[-2:])
    wrong = dataset["count"].sel({"approach": methods[-1]}).transpose("class", "predicted_class").values.copy()
    np.fill_diagonal(wrong, 0)
    said = f"Accuracy is {before} for the {methods[-2]} and {after} for the {methods[-1]} ({sample(dataset)})"
    if not wrong.max(initial=0) > 0:
        return f"{said}."
    true, predicted = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    classes = [str(value) for value in dataset["class"].values]
    return (
        f"{said}; the most frequent error of the {methods[-1]} is {classes[true]} predicted as {classes[predicted]} "
        f"({count(round(float(wrong.max())), 'image')})."
    )
