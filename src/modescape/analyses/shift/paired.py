"""What a method gains over one network on each corruption: paired differences on the same examples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modescape.metrics.paired import Difference, student_interval
from modescape.metrics.scores import Score

ENDS = 3  # value, low, high


class PairedGains:
    """Differences from one network, mean over networks of both, with 95 % intervals: these networks on new examples.

    Args:
        scores: name -> score; one that is not a mean over examples has no difference of examples.
        label: true classes, [example].
        group: of each example; None: each is its own.
    """

    def __init__(self, scores: Mapping[str, Score], label: np.ndarray, group: np.ndarray | None = None) -> None:
        self.scores, self.label, self.group = scores, label, group
        self.alone: dict[tuple[int, int], np.ndarray] = {}  # severity, kind -> scores of one network

    def note(self, severity: int, kind: int, log_prob: np.ndarray, part: np.ndarray) -> None:
        """Keep what one network scores, from predictions [network, example, class] of all examples."""
        self.alone[severity, kind] = self._examples(log_prob, part)

    def gain(self, severity: int, kind: int, log_prob: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Value, low and high by score, [metric, 3]; NaN where one network was not noted."""
        found = np.full((len(self.scores), ENDS), np.nan)
        if (severity, kind) not in self.alone or not len(part):
            return found
        apart = self._examples(log_prob, part) - self.alone[severity, kind]
        group = np.arange(len(part)) if self.group is None else np.unique(self.group[part], return_inverse=True)[1]
        for row, values in enumerate(apart):
            found[row] = _interval(values, group)
        return found

    def _examples(self, log_prob: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Scores of examples, mean over networks, [metric, example]."""
        none = np.full(len(part), np.nan)
        return np.stack(
            [
                none if one.per_example is None else one.examples(log_prob[:, part], self.label[part]).mean(0)
                for one in self.scores.values()
            ]
        )


def _interval(values: np.ndarray, group: np.ndarray) -> tuple[float, float, float]:
    """Mean of differences and its interval; groups of examples are resampled."""
    mean = float(values.mean())
    units = int(group.max()) + 1
    if units < 2 or not np.isfinite(mean):
        return mean, float("nan"), float("nan")
    total = np.bincount(group, values - mean, minlength=units)
    variance = units / (units - 1) * float(np.square(total).sum()) / len(values) ** 2
    return mean, *student_interval(Difference(mean, variance, units - 1.0))
