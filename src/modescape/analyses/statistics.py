"""What recomputed batch-norm statistics change in the solutions themselves: a measure of what the policy alone does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modescape.analyses.stating import Variables
from modescape.functionspace import jensen_shannon
from modescape.metrics import SCORES
from modescape.metrics.scores import units_of
from modescape.offered import Offered


@dataclass(frozen=True)
class TwoStatistics:
    """The same solutions with stored and with recomputed statistics, on the test images."""

    layers: bool  # whether the network has any: without them both are one
    stored: np.ndarray  # score, mean over members, [metric]
    recomputed: np.ndarray  # [metric]
    disagreement: np.ndarray  # share of labels that differ, [member]
    jensen_shannon: np.ndarray  # of the two, nats, [member]

    def variables(self) -> Variables:
        """The variables of a result."""
        return {
            "stored_score": (
                ("metric",),
                self.stored,
                units_of(SCORES),
                "mean solution's score, batch norm as stored",
            ),
            "recomputed_score": (
                ("metric",),
                self.recomputed,
                units_of(SCORES),
                "mean solution's score, batch norm recomputed on training images",
            ),
            "stored_disagreement": (
                ("member",),
                self.disagreement,
                "1",
                "share of labels that differ between a solution with stored and with recomputed batch norm",
            ),
            "stored_jensen_shannon": (("member",), self.jensen_shannon, "nats", "Jensen-Shannon divergence of the two"),
        }


def two_statistics(offered: Offered, members: list[int]) -> TwoStatistics:
    """Compare each member's solution with the statistics of its training and with recomputed ones, on the test images.

    Args:
        offered: what there is; without a network nothing is known of the two, and all values are NaN.
        members: whose solutions.
    """
    if (drawing := offered.drawing) is None:
        nothing = np.full(len(SCORES), np.nan), np.full(len(members), np.nan)
        return TwoStatistics(False, nothing[0], nothing[0], nothing[1], nothing[1])
    label = offered.sampled["test"].label
    scores, differ, spread = [], [], []
    for member in members:
        pair = drawing.two_statistics(member, "test")
        scores.append([[float(score(one, label)) for score in SCORES.values()] for one in pair])
        first, second = pair.argmax(-1)
        differ.append(float((first != second).mean()))
        spread.append(jensen_shannon(pair))
    stored, recomputed = np.mean(scores, 0)
    return TwoStatistics(drawing.has_batch_norm(), stored, recomputed, np.array(differ), np.array(spread))
