"""A realistic made-up result, in the schema of docs/results.md, for tests of the figure and of the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape import results
from modescape.analyses.examples import ACROSS, ALONE, HALF, METRICS, SCORE, about, interval
from modescape.covers import NEW

if TYPE_CHECKING:
    import xarray as xr

PAIRS = {"disagreement": (0.09, 0.24), "normalized_disagreement": (0.7, 0.86)}
COSINES = {"cosine": (0.93, 0.01), "displacement_cosine": (0.42, 0.0)}


def example(members: int = 10, epochs: int = 10) -> xr.Dataset:
    """Fine-tuned members: better alone, more alike, and with less to gain."""
    better = np.array([0.08, -0.3, -0.12, -0.01])
    member = np.stack([ALONE + better, ALONE])
    share = 1 - 1 / max(members, 1)
    gain = np.stack([0.3 * ACROSS, ACROSS]) * share
    values = {"member_score": member, "score": member + gain, "gain": gain}
    dims, found = ("approach", "metric"), {}
    for name, value in values.items():
        found[name] = (dims, value, SCORE, name)
        found |= interval(name, dims, value, HALF, SCORE)
        change = value[0] - value[1]
        found[f"{name}_difference"] = (("metric",), change, SCORE, "fine-tuned minus from scratch")
        found |= interval(f"{name}_difference", ("metric",), change, HALF, SCORE)
    for name, pair in (PAIRS | COSINES).items():
        found[name] = (("approach",), np.array(pair), "1", name)
        found |= interval(name, ("approach",), np.array(pair), 0.01, "1")
    return results.make_result(
        found,
        {"approach": ["fine-tuned", "from scratch"], "metric": list(METRICS)},
        title="Fine-tuned members and members from scratch",
        **about(members, intervals="95 %: new members on new examples"),
        covers=NEW,
        networks=members,
        epochs=epochs,
        learning_rate=0.01,
        learning_rate_scratch=0.01,
        shared_tensors=6,
    )
