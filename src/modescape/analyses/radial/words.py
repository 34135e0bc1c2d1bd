"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.wording.numbers import accuracy, fixed, percent, significant
from modescape.wording.summary import Summary
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "5"  # its figures there
SOURCES = ("fort2019",)

TEXT = Text(
    "Between two solutions and the origin",
    "Networks on the plane through the origin (all weights 0) and two independent solutions, at all directions and "
    "radii of a sector: their accuracy, and their agreement with either solution.",
    "A bright wedge around each ray in the panel of accuracy that is bright around one solution alone in the panel of "
    "similarity means that both regions are good and hold different functions. Read the similarity: raw agreement is "
    "high between any two good networks. Part of the wedge is no finding: without biases the labels of a ReLU network "
    "do not change along a ray, as scaling the weights only scales its logits, and with batch norm the result depends "
    "on how the statistics are computed. The loss is therefore shown at the best temperature of each point, which "
    "removes the scale of the logits. A plane is a thin cut: what lies between the solutions in it need not lie "
    "between them on other paths.",
)

NUMBERS = Text(  # of a regression
    TEXT.title,
    "Networks on the plane through the origin (all weights 0) and two independent solutions, at all directions and "
    "radii of a sector: their error, and the distance of their predictions from those of either solution.",
    "A wedge of low error around each ray that is bright around one solution alone in the panel of similarity means "
    "that both regions are good and hold different functions. Read the similarity: the distance between any two good "
    "networks is small. The loss is shown with all variances multiplied by the best factor of each point, which "
    "removes over- and underconfidence. Far from the solutions the weights, and with them the predictions, are too "
    "large. A plane is a thin cut: what lies between the solutions in it need not lie between them on other paths.",
)


def summarize(dataset: xr.Dataset) -> Summary:
    """Values at the solutions, half-way between their directions, and along the rays."""
    rows = []
    numbers = "agreement" not in dataset
    agreement, loss_name = (
        ("prediction_distance", "nll_best_scale") if numbers else ("agreement", "nll_best_temperature")
    )
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
        agree = [significant(value, 3) if numbers else percent(value) for value in map(float, at[agreement].values)]
        loss = significant(float(at[loss_name]), 3)
        quality = significant(float(at["rmse"]), 3) if numbers else accuracy(float(at["accuracy"]))
        place = f"radius {float(at['x']):.3g}, {float(at['y']):.3g} degrees"
        rows.append((label, place, quality, *similar, *agree, loss))
    text = (
        "Six maps of a sector of the plane through the origin and two solutions. "
        f"{'RMSE' if numbers else 'Accuracy'} is {rows[0][2]} near solution 1, {rows[1][2]} near solution 2 and "
        f"{rows[2][2]} between their directions; similarity to solution 1 is {rows[0][3]} near itself and {rows[1][3]} "
        "near solution 2."
    )
    raw = ("distance from 1", "from 2") if numbers else ("agreement with 1", "with 2")
    quality = "RMSE" if numbers else "accuracy"
    header = ("near", "measured at", quality, "similarity to 1", "to 2", *raw, "loss (nats)")
    return Summary(text, header, tuple(rows), takeaway=_takeaway(rows, quality, dataset))


def _takeaway(rows: list[tuple[str, ...]], quality: str, dataset: xr.Dataset) -> str:
    """What lies between the two solutions on the plane."""
    return (
        f"{quality[:1].upper()}{quality[1:]} is {rows[0][2]} and {rows[1][2]} near the two solutions and {rows[2][2]} "
        f"between their directions, and similarity to solution 1 is {rows[0][3]} near itself and {rows[1][3]} near "
        f"solution 2 (one plane, {sample(dataset)}, no interval)."
    )
