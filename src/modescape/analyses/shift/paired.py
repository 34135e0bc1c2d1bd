"""What a method gains over one network, on all examples and on each corruption: differences on the same examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modescape.analyses.scoring import Scored, scored
from modescape.analyses.stating import Variables
from modescape.covers import THESE, Kinds, new_if
from modescape.metrics.crossed import Estimate
from modescape.metrics.ensemble import LONG_NAMES
from modescape.metrics.paired import Difference, student_interval
from modescape.metrics.scores import Score

ENDS = 3  # value, low, high
GAINS = {  # field of `Scored` -> variable
    **{"mean": "gain", "low": "gain_low", "high": "gain_high"},
    **{"low_these": "gain_low_these", "high_these": "gain_high_these"},
}
GAINS_OF_KIND = {
    "": "",
    "_low": "lower end of the 95 % interval of the ",
    "_high": "upper end of the 95 % interval of the ",
}


def covers_of_members(members: int) -> Kinds:
    """What intervals are for: of two members there is one gain by averaging; a kind's are of these members."""
    most, by_averaging = new_if(members), new_if(members - 1)
    return {"": most, "gain": {"": most, "independent": by_averaging}, "gain_of_corruption": THESE}


def over_one(estimate: Estimate, alone: Estimate, *, averaged: bool) -> Scored:
    """A score minus the mean single network's, paired in networks and examples, with both intervals.

    Args:
        estimate: of a method.
        alone: of one network.
        averaged: whether the method averages those very networks, which makes no convex score worse.
    """
    return scored(estimate.gain(alone) if averaged else estimate.minus(alone))


def gain_variables(found: Sequence[Sequence[Scored]], units: str) -> Variables:
    """The variables of a result; ``found`` by approach and severity, `over_one` each."""
    return {
        name: (
            ("approach", "metric", "severity"),
            np.array([[getattr(one, part) for one in row] for row in found]).transpose(0, 2, 1),
            units,
            LONG_NAMES[name],
        )
        for part, name in GAINS.items()
    }


def gain_of_kind_variables(found: np.ndarray, units: str) -> Variables:
    """The variables of a result; ``found`` is value, low and high [approach, metric, kind, severity, end]."""
    return {
        f"gain_of_corruption{end}": (
            ("approach", "metric", "corruption", "severity"),
            found[..., place],
            units,
            f"{words}score on that part minus one network's, paired: these members on new examples",
        )
        for place, (end, words) in enumerate(GAINS_OF_KIND.items())
    }


class PairedGains:
    """Differences from one network, mean over networks of both, with 95 % intervals: these members on new examples.

    Args:
        scores: name -> score; those that are no means over examples have none per example.
        label: true classes, [example].
        group: of each example; None: each is its own.
    """

    def __init__(self, scores: Mapping[str, Score], label: np.ndarray, group: np.ndarray | None = None) -> None:
        self.scores, self.label, self.group = scores, label, group
        self.alone: dict[tuple[int, int], np.ndarray] = {}  # severity, kind -> scores of one network

    def note(self, severity: int, kind: int, log_prob: np.ndarray, part: np.ndarray) -> None:
        """Keep the scores of one network, from predictions [network, example, class] of all examples."""
        self.alone[severity, kind] = self._examples(log_prob, part)

    def gain(self, severity: int, kind: int, log_prob: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Value, low and high by score, [metric, 3]; NaN without the scores of one network."""
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
