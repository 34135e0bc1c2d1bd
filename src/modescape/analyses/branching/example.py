"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.branching.auxiliary import branch_epochs
from modescape.analyses.branching.measure import APART, CONNECTED, DIFFERENT, WORDS, name_of
from modescape.analyses.examples import about, interval
from modescape.covers import NEW, NEW_BRANCHES

if TYPE_CHECKING:
    import xarray as xr


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Barriers that are gone after a few epochs; the disagreement goes more slowly."""
    branched = np.array([np.nan, *branch_epochs(epochs), epochs])
    left = np.where(np.isnan(branched), 1.3, 1 - branched / max(epochs, 1))
    wall = np.where(np.isnan(branched), 2.0, 0.7 * np.exp(-branched)) * (left > 0)
    gain = 0.05 * left
    values = {
        "barrier": (wall, "nats"),
        "error_barrier": (0.3 * wall, "1"),
        "aligned_barrier": (np.where(np.isnan(branched), 0.3, 1.0) * wall, "nats"),
        "aligned_error_barrier": (np.where(np.isnan(branched), 0.1, 0.3) * wall, "1"),
        "average_gain": (0.8 * gain - wall, "nats"),
        "average_error_gain": (0.2 * gain - 0.3 * wall, "1"),
        "ensemble_gain": (gain, "nats"),
        "ensemble_error_gain": (0.3 * gain, "1"),
        "disagreement": (0.2 * left, "1"),
        "normalized_disagreement": (0.7 * left, "1"),
    }
    words = WORDS | {"disagreement": DIFFERENT["classification"], "normalized_disagreement": "over the mean error"}
    dims = ("approach",)
    made = {name: (dims, held, unit, words[name]) for name, (held, unit) in values.items()}
    for name, (held, unit) in values.items():
        made |= interval(name, dims, held, 0.2 * np.abs(held), unit)
    made["distance"] = (dims, 1.1 * left, "1", "distance of the weights over their mean length")
    made |= {
        f"connected_epoch{end}": ((), np.asarray(float(epoch)), "1", CONNECTED[end])
        for end, epoch in (("", min(3, epochs)), ("_low", min(2, epochs)), ("_high", min(5, epochs)))
    }
    networks = np.where(left > 0, 3, 1)
    return results.make_result(
        made,
        {
            "approach": [APART, *(name_of(int(epoch)) for epoch in branched[1:])],
            "branch_epoch": ("approach", branched),
            "networks": ("approach", networks),
        },
        title="Branches of one run",
        **about(3, intervals="95 %: new branches on new examples"),
        covers={"": {"": NEW_BRANCHES, "independent": NEW}},
        split="test",
        points=7,
        threshold=0.02,
        limit=0.02,
        not_aligned="",
        batch_norm="recompute",
        network_epochs=epochs,
        training_images=300,
        member_epochs=epochs,
        member_images=300,
    )
