"""Intervals (95 %) of areas under the ROC curve, for new members on new examples of both sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modescape.analyses.groups import groups_of_solutions
from modescape.analyses.scoring import INTERVALS_OF_MEANS
from modescape.analyses.stating import Variables
from modescape.metrics.crossed import grown, half_of
from modescape.metrics.detection import auroc_examples
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import crossed_interval, influence_weights
from modescape.metrics.intervals import bounded_interval
from modescape.offered import Sampled

INTERVALS = f"of the area under the ROC curve alone, over the examples of both sets: {INTERVALS_OF_MEANS}"


@dataclass(frozen=True)
class Units:
    """Units that are resampled of the test examples and of a set of other data: examples, or groups of them."""

    positive: np.ndarray  # bool [example]: of the other data, which come last
    group: np.ndarray | None  # int64 [example]

    @classmethod
    def of(cls, sizes: tuple[int, int], groups: tuple[np.ndarray | None, np.ndarray | None]) -> Units:
        """The units of the first ``sizes`` test and other examples; sets with the same groups share their examples."""
        positive = np.repeat([False, True], sizes)
        if groups[0] is None and groups[1] is None:
            return cls(positive, None)
        test, other = (
            np.arange(size) if group is None else group[:size] for size, group in zip(sizes, groups, strict=True)
        )
        apart = 0 if np.array_equal(test, other) else test.max() + 1
        return cls(positive, np.unique(np.concatenate([test, other + apart]), return_inverse=True)[1])

    def shares(self, scores: np.ndarray) -> np.ndarray:
        """Contribution of each unit to the area of each group of networks, [..., unit], from scores [..., example]."""
        return by_group(auroc_examples(scores, self.positive), self.group)


def units(sampled: Mapping[str, Sampled], sizes: dict[str, int]) -> dict[str, Units]:
    """The units of each set of other data; ``sizes`` are numbers of examples used, the test examples' first."""
    (test, *others), groups = sizes, {name: sampled[name].example_group for name in sizes}
    return {name: Units.of((sizes[test], sizes[name]), (groups[test], groups[name])) for name in others}


@dataclass(frozen=True)
class Scores:
    """Scores of the test examples and of a set of other data behind them, higher for other data."""

    runs: Callable[[str, str, str], np.ndarray]  # approach, metric, set -> of each run's networks, [run, example]
    subsets: Callable[[np.ndarray, str, str], np.ndarray]  # masks of members, metric, set -> [subset, example]
    members: int
    size: int  # of the subsets that "independent" averages over


def ends(
    scores: Scores, units: dict[str, Units], area: np.ndarray, approaches: list[str], kinds: list[str]
) -> Variables:
    """`auroc_low` and `auroc_high`.

    Args:
        scores: of all networks.
        units: of each set but the test examples.
        area: `auroc`, [approach, metric, set]; where it is NaN there is no interval.
        approaches: "independent" is the mean over subsets of members, any other the mean over runs.
        kinds: the metrics.
    """
    found = np.full((2, *area.shape), np.nan)
    for row, at in np.ndindex(area.shape[:2]):
        for column, (name, own) in enumerate(units.items(), start=1):
            if np.isnan(area[row, at, column]):
                continue
            if approaches[row] == "independent":
                ends_of = _of_subsets(scores, own, kinds[at], name)
            else:
                ends_of = of_runs(own.shares(scores.runs(approaches[row], kinds[at], name)))
            found[:, row, at, column] = ends_of
    names = {"auroc_low": "lower end of its 95 % interval", "auroc_high": "upper end of its 95 % interval"}
    dims = ("approach", "metric", "corruption")
    return {key: (dims, values, "1", words) for (key, words), values in zip(names.items(), found, strict=True)}


def of_runs(shares: np.ndarray) -> tuple[float, float]:
    """Interval of the mean area of independent runs, [run, unit]; of a single run, for this run."""
    return _inside(shares, shares if len(shares) > 1 else None)


def _of_subsets(scores: Scores, units: Units, kind: str, name: str) -> tuple[float, float]:
    """Interval of the mean area over subsets; variance of members as in `modescape.metrics.crossed.size_estimates`."""

    def shares(size: int) -> tuple[np.ndarray, np.ndarray]:
        masks = groups_of_solutions(scores.members, size)
        own = units.shares(scores.subsets(masks, kind, name))
        return own, influence_weights(masks) @ own

    half = half_of(scores.members)
    own, influence = shares(scores.size)
    if scores.members > 1 and scores.size > half:
        influence = grown(shares(1)[1], shares(half)[1], scores.size, scores.members)
    return _inside(own, influence if scores.members > 1 else None)


def _inside(shares: np.ndarray, influence: np.ndarray | None) -> tuple[float, float]:
    """Interval within 0 to 1, longer away from the nearer end."""
    area = shares.mean()
    low, high = crossed_interval(area, shares.mean(0), influence)
    found = bounded_interval(np.asarray(area), np.asarray((high - low) / 2), 1.0, shares.shape[-1])
    return float(found[0]), float(found[1])
