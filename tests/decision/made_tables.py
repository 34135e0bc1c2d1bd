"""Made-up candidates and their scores, for tests of the decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from modescape.decision import Candidate, Price, Table
from modescape.metrics.scores import REGRESSION_SCORES, SCORES

ONE = Candidate(name="one network", advice="keep_one")
CALIBRATED = replace(ONE, advice="calibrate", calibration="average")
LONG = Candidate(name="a long run", advice="train_longer", price=Price(training=4), at_full_cost=True)
SOUP = Candidate(name="the weight average of 3 members", advice="average_weights", size=3)


def several(size: int, full: bool = False) -> Candidate:
    price = Price(training=size, passes=size, networks=size)
    return Candidate(name=f"{size} networks", advice="ensemble", size=size, price=price, at_full_cost=full)


def table(
    *rows: tuple[Candidate, float, float], error: float = 1e-4, examples: int = 1000, metric: str = "nll"
) -> Table:
    """Candidates with scores on choosing and on judging examples; ``error`` is a difference's standard error."""
    count = len(rows)
    score = SCORES[metric] if metric in SCORES else REGRESSION_SCORES[metric]
    return Table(
        candidates=tuple(row[0] for row in rows),
        deciding=metric,
        scores={metric: score},
        chosen=np.array([row[1] for row in rows]),
        mean={metric: np.array([row[2] for row in rows])},
        covariance={metric: np.eye(count) * error**2 / 2},
        examples=examples,
        chosen_on="500 validation images",
        judged_on="1,000 test images",
        ece=np.full(count, 0.02),
        excess=np.zeros(count),
    )
