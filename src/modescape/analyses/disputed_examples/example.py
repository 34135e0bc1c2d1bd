"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import CLASSES, EXAMPLES, about

if TYPE_CHECKING:
    import xarray as xr

LISTED = 12


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Most examples are right in all models."""
    random = np.random.default_rng(2)
    label = np.arange(LISTED) % CLASSES
    said = random.integers(0, CLASSES, (LISTED, members))
    votes = (said[:, :, None] == np.arange(CLASSES)).sum(1)
    share = np.exp(-np.abs(np.arange(members + 1) - members))
    names = ["<b>img</b> & $x$", "a name that is longer than there is room for", *map(str, range(2, LISTED))]
    return results.make_result(
        {
            "mutual_information": (("example",), np.linspace(0.9, 0.6, LISTED), "nats", "mutual information"),
            "entropy": (("example",), np.linspace(1.4, 1.2, LISTED), "nats", "entropy of the mean"),
            "label": (("example",), label, "1", "true class"),
            "predicted": (("example",), votes.argmax(1), "1", "class of all together"),
            "models_right": (("example",), (said == label[:, None]).sum(1), "1", "models that are right"),
            "votes": (("example", "class"), votes, "1", "models that predict the class"),
            "mean_information": ((), np.array(0.062), "nats", "mean over all examples"),
            "count": (("x",), np.round(EXAMPLES * share / share.sum()), "examples", "examples"),
        },
        {"example": names, "class": [f"class {number}" for number in range(CLASSES)], "x": np.arange(members + 1)},
        title="Examples on which models disagree most",
        **about(members),
        unit="network",
    )
