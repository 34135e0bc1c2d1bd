"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import CLASSES, SUBSPACE, about, stated
from modescape.functionspace import diversity_bounds, diversity_limits

if TYPE_CHECKING:
    import xarray as xr

BASELINE = 0.762  # accuracy


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Solutions near 1; samples rise from the baseline and bend to the left, between the curves."""
    random = np.random.default_rng(12)
    methods = ("independent", "trajectory", *SUBSPACE)
    length = max(30, members - 1)
    accuracy, diversity = np.full((len(methods), length), np.nan), np.full((len(methods), length), np.nan)
    accuracy[0, : members - 1] = random.normal(BASELINE + 0.004, 0.006, members - 1)
    diversity[0, : members - 1] = random.normal(0.9, 0.03, members - 1)
    for row, method in enumerate(methods[1:], start=1):
        reach = {"trajectory": 0.5, "dropout": 0.9, "mc_dropout": 0.2, "diagonal": 0.35}.get(method, 0.6)
        way = np.sort(random.uniform(0, 1, 30)) ** 2 * reach
        accuracy[row, :30] = BASELINE - (BASELINE - 0.12) * way
        lower, upper = diversity_limits(accuracy[row, :30], BASELINE, CLASSES)
        diversity[row, :30] = lower + (upper - lower) * (0.05 + 0.02 * (row % 5)) * np.minimum(1, 5 * way)
    x = np.linspace(1 / CLASSES, max(BASELINE, np.nanmax(accuracy)), 200)
    lower, upper = diversity_limits(x, BASELINE, CLASSES)
    lowest, highest = diversity_bounds(x, BASELINE)
    dims = ("approach", "draw")
    return results.make_result(
        {
            "accuracy": (dims, accuracy, "1", "accuracy of the network"),
            "disagreement": (dims, diversity * (1 - accuracy), "1", "share of labels that differ from the baseline's"),
            "diversity": (dims, diversity, "1", "that share divided by the network's error"),
            **stated(methods, draws=length),
            "lower": (("x",), lower, "1", "limit: the baseline with labels changed at random"),
            "upper": (("x",), upper, "1", "limit: right or wrong independently of the baseline"),
            "lowest": (("x",), lowest, "1", "least that the two accuracies allow"),
            "highest": (("x",), highest, "1", "most that the two accuracies allow"),
        },
        {"approach": list(methods), "draw": np.arange(length), "x": x},
        title="Diversity against accuracy, of networks around one solution and of other solutions",
        **about(members),
        split="test",
        baseline_accuracy=BASELINE,
        baseline_member=0,
        classes=CLASSES,
    )
