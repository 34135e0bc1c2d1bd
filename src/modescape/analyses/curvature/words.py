"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.curvature.draw import correlations, words
from modescape.covers import covers_of, headed
from modescape.wording.numbers import ABSENT, count, fixed, interval, significant
from modescape.wording.summary import Summary
from modescape.wording.takeaways import ends
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

SOURCES = ("ghorbani2019",)

TEXT = Text(
    "Curvature of the training loss",
    "The eigenvalues of the Hessian, the matrix of second derivatives of the training loss with respect to the "
    "weights, at every member's solution: their distribution, the largest ones and their sum (the trace), and the "
    "same along one run; and how far the loss rises within a small ball around each solution (sharpness), against "
    "test loss and disagreement.",
    "Most eigenvalues are near 0: the loss is flat along these directions. The few large ones, often about as many as "
    "there are classes, belong to the directions that the training data determine. Negative eigenvalues mean that a "
    "solution is not a minimum. Curvature depends on the parametrisation: scaling one layer up and the next one down "
    "changes it and leaves the function as it is. Relative sharpness is invariant to that. Flat solutions are often "
    "said to generalise better; the rank correlation over members, with its interval, says whether members that "
    "differ only in their random numbers show any of it. A small training loss lowers the curvature by itself, as "
    "confident predictions have small derivatives.",
)
NUMBERS = Text(  # of a regression
    TEXT.title,
    TEXT.shown.replace("test loss and disagreement", "test loss and distance of predictions"),
    TEXT.reading.replace(", often about as many as there are classes,", "").replace(
        ", as confident predictions have small derivatives", ""
    ),
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in sentences and a table."""
    other = str(dataset["other_metric"].values[1])
    name = words(dataset, other)[0]
    largest = dataset["largest"].transpose("member", "eigenvalue").values[:, 0]
    low, high = (
        float(function(largest)) if np.isfinite(largest).any() else np.nan for function in (np.nanmin, np.nanmax)
    )
    text = " ".join(
        part
        for part in (
            f"Densities of the Hessian's eigenvalues of {count(dataset.sizes['member'], 'member')}. The largest "
            f"eigenvalue {_range(low, high)} nats per squared weight.",
            _run(dataset),
            _strongest(dataset, name),
            correlations(dataset),
        )
        if part
    )
    rows = [
        (
            str(member),
            significant(float(largest[row]), 3),
            significant(float(dataset["smallest"][row])),
            significant(float(dataset["trace"][row]), 3),
            " to ".join(significant(float(dataset[f"trace_{end}"][row]), 3) for end in ("low", "high")),
            *(significant(float(value)) for value in dataset["sharpness"].transpose("member", "approach").values[row]),
            significant(float(dataset["train_loss"][row])),
            fixed(float(dataset["test_loss"][row]), 3),
            significant(float(dataset[other][row])) if np.isfinite(float(dataset[other][row])) else ABSENT,
        )
        for row, member in enumerate(dataset["member"].values)
    ]
    header = (
        "member",
        "largest eigenvalue",
        "smallest, at most",
        "trace",
        headed("its interval", covers_of(dataset, "trace")),
        "sharpness (nats)",
        "relative",
    )
    return Summary(text, (*header, "train loss", "test loss", name), tuple(rows), takeaway=_takeaway(dataset))


def _range(low: float, high: float) -> str:
    one, other = significant(low), significant(high)
    return f"is {one}" if one == other else f"lies between {one} and {other}"


def _run(dataset: xr.Dataset) -> str:
    """Where curvature is largest along the run, and where it ends."""
    if "epoch" not in dataset.dims:
        return ""
    values, epochs = dataset["epoch_largest"].transpose("epoch", "eigenvalue").values[:, 0], dataset["epoch"].values
    if not np.isfinite(values).any():
        return ""
    most = int(np.nanargmax(values))
    return (
        f"Along the run of member {dataset.attrs['followed']} it is largest at epoch {int(epochs[most])} "
        f"({significant(float(values[most]))}) and {significant(float(values[-1]))} at the end."
    )


def _strongest(dataset: xr.Dataset, name: str) -> str:
    """The rank correlations of sharpness, with their intervals."""
    chosen = dataset.sel({"metric": "adaptive"})
    said = []
    for other, called in zip(dataset["other_metric"].values, ("test loss", name), strict=True):
        value, low, high = (
            float(chosen[f"correlation{end}"].sel({"other_metric": other})) for end in ("", "_low", "_high")
        )
        if np.isfinite(value):
            said.append(
                f"with {called} {fixed(value, 2)} ({interval(low, high, 2, covers_of(dataset, 'correlation'))})"
            )
    return f"Rank correlation over members of sharpness relative to the weights {', '.join(said)}." if said else ""


def _takeaway(dataset: xr.Dataset) -> str:
    """Whether flat members are better."""
    at = {"metric": "adaptive", "other_metric": str(dataset["other_metric"].values[0])}
    found, members = ends(dataset, "correlation", **at), count(dataset.sizes["member"], "member")
    if not math.isfinite(found.value):
        return ""
    if not found.known:
        return f"Whether sharpness goes with test loss is unknown: {members} are too few for an interval."
    bounds = interval(found.low, found.high, 2, covers_of(dataset, "correlation"))
    number = f"rank correlation {fixed(found.value, 2)}, {bounds}, {members}"
    if not found.sign:
        return f"Whether flatter solutions have a lower test loss is unclear: the interval includes 0 ({number})."
    word, among = "higher" if found.sign > 0 else "lower", "one of 8 correlations, not corrected"
    return f"Members of higher relative sharpness have a {word} test loss ({number}; {among})."
