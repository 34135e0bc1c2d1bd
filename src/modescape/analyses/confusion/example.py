"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import EXAMPLES, about

if TYPE_CHECKING:
    import xarray as xr

CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    '<b>cat & "dog"</b>',
    "deer",
    "dog",
    "frog",
    "horse",
    "ship $x_1$",
    "truck",
)


def example(members: int = 10, epochs: int = 10, class_names: tuple[str, ...] = CLASS_NAMES) -> xr.Dataset:
    """Confusion counts of one member, of the mean member and of the ensemble."""
    classes = len(class_names)
    random = np.random.default_rng(1)
    closeness = random.gamma(0.5, 1.0, (classes, classes)) + 0.02
    np.fill_diagonal(closeness, 0)
    closeness /= closeness.sum(1, keepdims=True)
    count, accuracy = [], []
    for right in (0.690, 0.688, 0.742):
        per_class = np.clip(right + np.linspace(-0.12, 0.12, classes), 0.05, 0.98)
        share = closeness * (1 - per_class)[:, None] + np.diag(per_class)
        count.append(share * EXAMPLES / classes)
        accuracy.append(float(np.trace(count[-1]) / EXAMPLES))
    whole = [np.round(count[0]), count[1], np.round(count[2])]  # the mean member's counts are means
    return results.make_result(
        {
            "count": (("approach", "class", "predicted_class"), np.stack(whole), "examples", "examples"),
            "accuracy": (("approach",), np.array(accuracy), "1", "accuracy"),
        },
        {
            "approach": ["member 0", "mean member", "ensemble"],
            "class": list(class_names),
            "predicted_class": list(class_names),
        },
        title="Which classes are confused",
        **about(members),
    )
