"""Whether the snapshots of a run, averaged, are better than the network at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.repeats import MEANS, SCORES, Estimate, Repeats, difference
from modescape.metrics import METRICS, combine, ece, example_scores

if TYPE_CHECKING:
    from modescape.study import Predictions


def gain_over_final(predictions: Predictions, members: list[int], epochs: list[int]) -> Estimate:
    """Score of a run's snapshots averaged minus that of its final network, mean over runs, with a 95 % interval.

    Each run is compared with itself, on the same test examples; one run's predictions are in memory at a time.

    Args:
        predictions: of the study, on test images.
        members: the runs.
        epochs: the snapshots of each, the last is the final network.

    Returns:
        [metric], metrics as in `METRICS`.
    """
    label = predictions.label
    example: dict[str, list[np.ndarray]] = {name: [] for name in MEANS}
    errors = []
    for member in members:
        log_prob = predictions.log_probs([predictions.index(member, epoch) for epoch in epochs])
        both = np.stack([combine(log_prob), log_prob[-1]])  # [of the two, example, class]
        scores = example_scores(both, label)
        for name in MEANS:
            found = scores.get(name, np.full((2, len(label)), np.nan))  # no temperatures here
            with np.errstate(invalid="ignore"):  # infinite minus infinite
                example[name].append(found[0] - found[1])
        errors.append(np.subtract(*np.asarray(ece(both, label))))
    tables = {name: np.stack(rows) for name, rows in example.items()}
    score = {name: rows.mean(1) for name, rows in tables.items()} | {"ece": np.array(errors)}
    found = difference(Repeats(tables, score), None)
    kept = [SCORES.index(name) for name in METRICS]
    return Estimate(found.value[kept], found.low[kept], found.high[kept])
