"""What the section says: its title, what is shown, how to read it, and its summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.diversity_plane.draw import called
from modescape.plots.style import method_look
from modescape.wording.numbers import accuracy, significant
from modescape.wording.summary import Summary
from modescape.wording.tables import mean_of_known, names_of
from modescape.wording.takeaways import sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

PAPER = "6 and 7"  # its figures there
SOURCES = ("fort2019",)

MODELS = (
    "Both curves are models of how errors arise, not limits; networks may lie outside them, but never outside the "
    "dotted bounds"
)
PLANE = (
    "Higher in the plane is more diverse, further right is better: independent solutions as accurate as the baseline "
    "and near 1 have what samples around it lack. Compare at equal accuracy, since a network becomes more different "
    "simply by becoming worse: the lower curve is the baseline with labels replaced at random, which gains nothing."
)
SCALES = (
    "How far up a method's samples reach depends on its scale, so each is drawn at six scales, the same for all methods"
)
SWEEP = (
    f"{SCALES}; along its sweep a method pays for diversity with error. The map says what that is worth: a method "
    "reaches a grey line, of one score of the average, by better networks (down) or by more diverse ones (right). "
    "Colour shows whether the networks are still in the solution's own basin."
)

TEXT = Text(
    "The diversity-accuracy plane",
    "For networks of each method: their accuracy, and the share of labels that differ from a baseline's, divided by "
    "the network's own error rate. With two reference curves, the exact bounds, and the value for calibrated votes.",
    f"{PLANE} {MODELS}, which follow from the two accuracies alone. {SCALES}. The bounds and curves are derived "
    "in docs/limits.md.",
    Text(
        "Diversity against accuracy and error",
        "First a plane of single networks: the accuracy of each, and the share of labels that differ from a "
        "baseline's, divided by the network's own error rate, with two reference curves, the exact bounds, and the "
        "value for calibrated votes. Then a map of sets of networks: the mean network's Brier score against V, half "
        "the mean squared distance between the probabilities of two networks, as trained and calibrated, on the test "
        "images and under shift.",
        f"{PLANE} Curves and bounds, which follow from the two accuracies alone, are derived in docs/limits.md. "
        f"{SWEEP} Confidence increases V without making functions more different, so compare with the panels in which "
        "every network was calibrated: the differences between methods that remain there are differences in function.",
    ),
)

GIVEN_PLANE = (
    "Higher in the plane is more diverse, further right is better (for a regression: further left). Compare at equal "
    "quality, since a network becomes more different simply by becoming worse: the lower curve is the baseline with "
    "predictions replaced at random, which gains nothing."
)
GIVEN = Text(  # of predictions that others made
    TEXT.title,
    "For each network given, except the best, which is the baseline: how good it is, and how much it differs from "
    "the baseline, divided by its own error. With reference curves and the exact bounds.",
    f"{GIVEN_PLANE} {MODELS}. They are derived in docs/limits.md.",
    Text(
        "Diversity against quality",
        "First a plane of single networks: how good each network given is, except the best, which is the baseline, "
        "and how much it differs from the baseline, divided by its own error, with reference curves and the exact "
        "bounds. Then a map: the mean network's squared error (for classes: the Brier score) against V, half the "
        "mean squared distance between the predictions of two networks.",
        f"{GIVEN_PLANE} Curves and bounds are derived in docs/limits.md. The map says what diversity is worth: "
        "networks reach a grey line, of one score of their average, by being better (down) or more diverse (right).",
    ),
)


def summarize(dataset: xr.Dataset) -> Summary:
    """What the figure shows, in a sentence and a table."""
    rows, best = [], float(dataset.attrs["baseline_accuracy"])
    for method in names_of(dataset):
        chosen = dataset.sel({"approach": method})
        share, diversity = chosen["accuracy"].values, chosen["diversity"].values
        there = np.isfinite(share) & np.isfinite(diversity)
        good = there & (share >= best - 0.02)
        cells = (
            accuracy(mean_of_known(share[there])),
            significant(mean_of_known(diversity[there])),
            significant(mean_of_known(diversity[good])),
        )
        rows.append((called(dataset, method), str(int(there.sum())), *cells))
    known = {method: row[3] for method, row in zip(names_of(dataset), rows, strict=True)}
    text = (
        f"Scatter of networks by accuracy and normalised disagreement with a baseline right on {accuracy(best)}. "
        + (f"{who(dataset)} have {known['independent']} on average. " if "independent" in known else "")
        + "The table also has the mean over networks at most 2 points less accurate than the baseline."
    )
    header = ("method", "networks", "mean accuracy", "mean diversity", "of those within 2 points of the baseline")
    return Summary(text, header, tuple(rows), takeaway=_takeaway(dataset))


def _takeaway(dataset: xr.Dataset) -> str:
    """How different independent networks and the samples of one run are at the accuracy of the baseline."""
    best, found = float(dataset.attrs["baseline_accuracy"]), {}
    for method in names_of(dataset):
        chosen = dataset.sel({"approach": method})
        good = chosen["accuracy"].values >= best - 0.02
        found[method] = mean_of_known(chosen["diversity"].values[good])
    return plane_takeaway(found, f"at most 2 points less accurate than the baseline ({sample(dataset)})", who(dataset))


def who(dataset: xr.Dataset) -> str:
    """How a sentence begins that speaks of the networks: those that others made may not be independent."""
    return "The networks given" if dataset.attrs.get("given") else "Independent networks"


def plane_takeaway(found: dict[str, float], which: str, who: str = "Independent networks") -> str:
    """Independent networks beside the most diverse method of one run.

    Args:
        found: mean normalised diversity of each method's networks that are good enough.
        which: networks count.
        who: the networks are that are no samples.
    """
    own = found.get("independent", math.nan)
    others = {name: value for name, value in found.items() if name != "independent" and math.isfinite(value)}
    if not math.isfinite(own):
        return ""
    text = f"{who} have a mean normalised diversity of {significant(own)}"
    if others:
        most = max(others, key=others.__getitem__)
        text += f", the most diverse networks of one run ({method_look(most).name}) {significant(others[most])}"
    return f"{text}, among networks {which}; no interval."
