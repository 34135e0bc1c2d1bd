"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.wording.numbers import ABSENT, accuracy, fixed, listing, significant
from modescape.wording.reading import pick
from modescape.wording.summary import Summary
from modescape.wording.tables import names_of
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "A"  # its figures there
SOURCES = ("fort2019",)

TEXT = Text(
    "The search for a low-loss path between two solutions",
    "Loss, accuracy and similarity to the solutions along the straight line between two solutions and along a path "
    "that was optimised to keep the loss low; and accuracy and similarity below and beyond that path, on the "
    "triangles between the origin and its segments.",
    "If the loss is high on the straight line and low along the tunnel, the solutions are connected in weight space. "
    "Then look at the similarity: where it falls for one end and rises for the other, the function changes along the "
    "path although the loss does not. The middle of a tunnel is a network that was trained to get there, so being "
    "unlike both ends alone says little: compare it with the third solution, which is unrelated to the path. A middle "
    "that differs from both ends as much as that one does is simply another solution. Hidden units can be permuted, "
    "which raises the straight line's barrier: it is that of these two weight vectors, not the lowest over all "
    "permutations.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    TEXT.shown.replace("Loss, accuracy", "Loss, error").replace("; and accuracy", "; and error"),
    TEXT.reading,
)
_WAYS = {"straight": "straight line", "tunnel": "way through the tunnel"}


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, middle, numbers = [], {}, "rmse" in dataset
    for way in names_of(dataset):
        for t in (0.0, 0.25, 0.5, 0.75, 1.0):
            at = dataset.sel({"approach": way}).sel(t=t, method="nearest")
            similar = [fixed(float(value), 2) for value in at["similarity"].values]
            similar += [ABSENT] * (3 - len(similar))
            quality = significant(float(at["rmse"]), 3) if numbers else accuracy(float(at["accuracy"]))
            cells = (fixed(float(at["t"]), 2), fixed(float(at["loss"]), 3), quality)
            rows.append((way, *cells, *similar))
            if t == 0.5:
                middle[way] = similar
    heights = {way: pick(dataset, "barrier", approach=way, metric="train_loss") for way in names_of(dataset)}
    barriers = [f"{significant(height)} nats on the {_WAYS.get(way, way)}" for way, height in heights.items()]
    shown = middle.get("tunnel", [ABSENT] * 3)
    text = (
        "Line charts along two paths between two solutions, and maps of the triangles between the origin and the "
        f"tunnel. Barrier of the training loss: {listing(barriers)}. Half-way in the tunnel the similarity is "
        f"{shown[0]} to the start, {shown[1]} to the end and {shown[2]} to an unrelated solution"
        f"{' (there is none)' if dataset.sizes['member'] < 3 else ''}."
    )
    quality = "RMSE" if numbers else "accuracy"
    header = ("path", "position", "test loss (nats)", quality, "similarity to the start", "to the end", "to another")
    return Summary(text, header, tuple(rows[:15]), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """Whether the path keeps the loss low, and whether the function changes on it."""
    ways = names_of(dataset)
    heights = {way: pick(dataset, "barrier", approach=way, metric="train_loss") for way in ways}
    if not {"straight", "tunnel"} <= set(ways):
        return ""
    middle = dataset["similarity"].sel({"approach": "tunnel"}).sel(t=0.5, method="nearest").values
    text = (
        f"The barrier of the training loss is {significant(heights['straight'])} nats on the straight line and "
        f"{significant(heights['tunnel'])} nats on the optimised path; half-way along that path the similarity is "
        f"{fixed(float(middle[0]), 2)} and {fixed(float(middle[1]), 2)} to its ends"
    )
    if len(middle) > 2 and np.isfinite(middle[2]):
        text += f", {fixed(float(middle[2]), 2)} to an unrelated solution"
    return f"{text} (one pair, {sample(dataset)}, no interval)."
