"""The effect of recomputed batch-norm statistics on the solutions themselves, which isolates the policy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modescape import tasks
from modescape.analyses.likeness import LIKENESS
from modescape.analyses.stating import Variables
from modescape.metrics.scores import units_of
from modescape.offered import Offered

BETWEEN = {  # task -> the difference of two networks
    "classification": "share of labels that differ",
    "regression": "root mean square distance of the predicted means",
}


@dataclass(frozen=True)
class TwoStatistics:
    """The same solutions with stored and with recomputed statistics, on the test images."""

    layers: bool  # whether the network has any; without them both are the same
    stored: np.ndarray  # score, mean over members, [metric]
    recomputed: np.ndarray  # [metric]
    difference: np.ndarray  # share of labels that differ, distance of means; [member]
    diversity: np.ndarray  # Jensen-Shannon divergence of the two, nats, or their distance; [member]

    def variables(self, task: str) -> Variables:
        """The variables of a result."""
        likeness, units = LIKENESS[task], units_of(tasks.scoring_of(task).scores)
        differ, spread = likeness.difference, likeness.diversity
        both = {} if differ.units == spread.units else {spread.name: (self.diversity, spread)}  # else they are one
        return {
            "stored_score": (
                ("metric",),
                self.stored,
                units,
                "mean solution's score, batch norm as stored",
            ),
            "recomputed_score": (
                ("metric",),
                self.recomputed,
                units,
                "mean solution's score, batch norm recomputed on training images",
            ),
            f"stored_{differ.name}": (
                ("member",),
                self.difference,
                differ.units,
                f"{BETWEEN[task]} between a solution with stored and with recomputed batch norm",
            ),
            **{
                f"stored_{name}": (("member",), values, one.units, f"{one.long_name} of the two")
                for name, (values, one) in both.items()
            },
        }


def two_statistics(offered: Offered, members: list[int]) -> TwoStatistics:
    """Compare each member's solution with its stored and with recomputed statistics, on the test images.

    Args:
        offered: a source; without a network all values are NaN.
        members: whose solutions.
    """
    scoring, likeness = tasks.scoring_of(offered.task), LIKENESS[offered.task]
    if (drawing := offered.drawing) is None:
        nothing = np.full(len(scoring.scores), np.nan), np.full(len(members), np.nan)
        return TwoStatistics(False, nothing[0], nothing[0], nothing[1], nothing[1])
    label = offered.sampled["test"].label
    scores, differ, spread = [], [], []
    for member in members:
        pair = drawing.two_statistics(member, "test")
        scores.append([[float(score(one, label)) for score in scoring.scores.values()] for one in pair])
        first, second = likeness.said(pair)
        differ.append(float(likeness.apart(first, second)))
        spread.append(likeness.spread(pair))
    stored, recomputed = np.mean(scores, 0)
    return TwoStatistics(drawing.has_batch_norm(), stored, recomputed, np.array(differ), np.array(spread))
