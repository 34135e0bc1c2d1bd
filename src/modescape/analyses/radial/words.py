"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.wording.numbers import accuracy, fixed, percent, significant
from modescape.wording.summary import Summary
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

TEXT = Text(
    "Between two solutions and the origin",
    "Networks on the plane through the origin (all weights 0) and two independent solutions, at all directions and "
    "radii of a sector: how accurate they are, and how much they agree with either solution.",
    "A bright wedge around each ray in the panel of accuracy, bright in the panel of similarity around one "
    "solution alone: both are good, and they are different functions. The similarity is the one to read; raw "
    "agreement is high between any two good networks. Part of the wedge is no finding: without biases a ReLU "
    "network's labels do not change along a ray, as scaling the weights only scales its logits, and with batch "
    "norm the outcome depends on how the statistics are made. So the loss is shown at the temperature that suits "
    "each point best, which takes the scale of the logits out. A plane is a thin cut: what lies between the "
    "solutions in it is not what lies between them on every path.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """Values at the solutions, half-way between their directions, and along the rays."""
    rows = []
    for label, radius, angle in (
        ("solution 1", 1.0, 0.0),
        ("solution 2", 1.0, 90.0),
        ("between their directions", 1.0, 45.0),
        ("direction of 1, half as long", 0.5, 0.0),
        ("direction of 1, 1.5 times as long", 1.5, 0.0),
        ("direction of 2, 1.5 times as long", 1.5, 90.0),
    ):
        at = dataset.sel(x=radius, y=angle, method="nearest")
        similar = [fixed(float(value), 2) for value in at["similarity"].values]
        agree = [percent(float(value)) for value in at["agreement"].values]
        loss = significant(float(at["nll_best_temperature"]), 3)
        place = f"radius {float(at['x']):.3g}, {float(at['y']):.3g} degrees"
        rows.append((label, place, accuracy(float(at["accuracy"])), *similar, *agree, loss))
    text = (
        "Six maps of a sector of the plane through the origin and two solutions. "
        f"Accuracy is {rows[0][2]} near solution 1, {rows[1][2]} near solution 2 and {rows[2][2]} between their "
        f"directions; similarity to solution 1 is {rows[0][3]} near itself and {rows[1][3]} near solution 2."
    )
    header = ("near", "measured at", "accuracy", "similarity to 1", "to 2", "agreement with 1", "with 2", "loss (nats)")
    return Summary(text, header, tuple(rows))
