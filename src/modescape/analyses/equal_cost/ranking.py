"""Given networks, best first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from modescape.analyses.equal_cost.halves import Side
from modescape.analyses.equal_cost.scoring_candidates import Said, Scorer


@dataclass(frozen=True)
class Ranked:
    """Networks, best first, ranked on the examples that choose; for each half of these by the other half."""

    every: Said
    order: np.ndarray  # by all examples that choose, int [network]
    of_half: np.ndarray  # by the other half, int [half, network]
    half: np.ndarray  # which half each example that chooses is in

    @classmethod
    def of(cls, scorer: Scorer, every: Said) -> Ranked:
        """Rank networks by the deciding score."""
        half = scorer.choosing.halves()
        name, score = next(iter(scorer.told.items()))
        plain = Side(scorer.choosing.label, None, scorer.choosing.key)
        values = np.stack([scorer.scores_of(name, own, plain) for own in every.chosen])
        values = np.nan_to_num(values if score.higher_is_better else -values, nan=-np.inf, neginf=-1e300)
        means = [values.mean(1), values[:, half == 1].mean(1), values[:, half == 0].mean(1)]
        whole, *halves = (np.argsort(-one, kind="stable") for one in means)
        return cls(every, whole, np.stack(halves), half)

    def first(self, size: int) -> Said:
        """The best ones."""
        examples = np.arange(len(self.half))

        def without_sight(predictive: np.ndarray | None) -> np.ndarray | None:
            if predictive is None:
                return None
            return np.stack([predictive[self.of_half[self.half, rank], examples] for rank in range(size)])

        rows, said = self.order[:size], self.every
        return replace(
            said.of(rows),
            chosen=without_sight(said.chosen),
            chosen_calibrated=without_sight(said.chosen_calibrated),
        )
