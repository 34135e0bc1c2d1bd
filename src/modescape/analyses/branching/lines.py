"""Pairs of networks and the straight lines between them: barriers, averages of weights and of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np

from modescape import tree
from modescape.alignment import align
from modescape.analyses.drawing import Around, likeness_of, losses_and_errors, predict, scoring_of_study
from modescape.analyses.field import batches_of, tensors_of
from modescape.analyses.pairs import COMPARE, Pairs, pair_mean, shares
from modescape.analyses.stored import TOGETHER
from modescape.context import StudyContext
from modescape.data.dataset import Split
from modescape.errors import InputError
from modescape.metrics.grouping import by_group
from modescape.metrics.influence import crossed_interval
from modescape.models import working_dtype
from modescape.paths import Path
from modescape.paths.between import above_line, highest
from modescape.study import Study
from modescape.types import ModelState

LINES = ("barrier", "error_barrier", "aligned_barrier", "aligned_error_barrier")
GAINS = ("average_gain", "average_error_gain", "ensemble_gain", "ensemble_error_gain")
QUANTITIES = (*LINES, *GAINS)
FOLLOWED = 2  # examples on which a network is followed when its units are matched


class Measured(NamedTuple):
    """Means over pairs of networks with 95 % intervals: `QUANTITIES`, their difference, and it over the error."""

    value: np.ndarray  # [quantity]
    low: np.ndarray
    high: np.ndarray
    distance: float  # of the weights over their mean length, mean over pairs


@dataclass
class Lines:
    """Measures pairs of networks of a study on its first test examples.

    Args:
        context: data and network.
        test: the examples.
        group: of each example; None: each example is its own group.
        points: positions on a line, both ends among them; odd, so that the middle is one.
    """

    context: StudyContext
    test: Split
    group: np.ndarray | None
    points: int
    refused: str = ""  # why units could not be matched, naming the layer
    _ends: dict[tuple[str, int], np.ndarray] = field(default_factory=dict, repr=False)  # study, member -> predictions

    def __post_init__(self) -> None:
        self.around, self.t = Around(self.context, 0), np.linspace(0, 1, self.points)
        self.target = self.test.label.cpu().numpy()
        self.likeness, self.scoring = likeness_of(self.context), scoring_of_study(self.context)

    def measured(self, study: Study, members: Sequence[int]) -> Measured:
        """Measure all pairs of these solutions of a study (two or more member numbers)."""
        states = [study.state(member, study.recipe.train.epochs) for member in members]
        names = [(str(study.path), member) for member in members]
        own = np.stack([self._end(name, state) for name, state in zip(names, states, strict=True)])
        of_member = np.zeros((len(QUANTITIES), len(members), own.shape[1]))
        for i, j in combinations(range(len(members)), 2):
            of_member[:, [i, j]] += self._pair(states[i], states[j], own[[i, j]])[:, None]
        example, influence = shares(by_group(of_member, self.group))
        of_pairs = COMPARE[self.context.study.task.kind](self.likeness.said(own), self.target, self.group)
        value = np.concatenate([example.mean(-1), _means(of_pairs)])
        example = np.concatenate([example, of_pairs.example])
        if influence is not None and of_pairs.influence is not None:
            influence = np.concatenate([influence, of_pairs.influence])
        with np.errstate(invalid="ignore"):  # what was not measured is NaN
            low, high = crossed_interval(value, example, influence)
        low, high = self._within(low, high)
        return Measured(value, low, high, _distance(states))

    def _within(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Clip the ends of intervals to the range of their quantities."""
        least, most = np.full(len(low), -np.inf), np.full(len(low), np.inf)
        least[: len(LINES)], least[len(QUANTITIES) :] = 0.0, 0.0  # heights and differences
        if self.likeness.higher_is_better:  # shares of answers
            most[[QUANTITIES.index("error_barrier"), QUANTITIES.index("aligned_error_barrier"), len(QUANTITIES)]] = 1.0
        return np.clip(low, least, most), np.clip(high, least, most)

    def _end(self, name: tuple[str, int], state: ModelState) -> np.ndarray:
        """Predictions of a solution, [example, width]; the run itself, which is in every group, is evaluated once."""
        if name not in self._ends:
            self._ends[name] = self._predicted([state])[0]
        return self._ends[name]

    def _pair(self, one: ModelState, two: ModelState, ends: np.ndarray) -> np.ndarray:
        """What every example adds to each of `QUANTITIES`, [quantity, example]."""
        rows = np.full((len(QUANTITIES), ends.shape[1]), np.nan)
        above = self._above(one, two, ends)
        rows[0:2], rows[4:6] = [highest(own) for own in above], [-own[self.points // 2] for own in above]
        matched = self._matched(one, two)
        if matched is not None:
            rows[2:4] = [highest(own) for own in self._above(one, matched, ends)]
        together = self._judged(self.scoring.combine(ends)[None])
        rows[6:8] = [alone.mean(0) - both[0] for alone, both in zip(self._judged(ends), together, strict=True)]
        return rows

    def _above(self, one: ModelState, two: ModelState, ends: np.ndarray) -> list[np.ndarray]:
        """Height of loss and error above the straight line between those of the ends, [t, example] each."""
        line = Path.straight(self.context.module, one, two)
        inner = self._predicted([tree.parted(line.at(t), one) for t in self.t[1:-1].tolist()])
        found = self._judged(np.concatenate([ends[:1], inner, ends[1:]]))
        return [above_line(self.t, values) for values in found]

    def _judged(self, predictive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Loss, and what every example adds to the error, of networks: [network, example] each."""
        return losses_and_errors(self.context, predictive, self.target)

    def _predicted(self, states: list[ModelState]) -> np.ndarray:
        """Predictions of networks, [network, example, width], with batch-norm statistics as all are compared."""
        parts = [states[start : start + TOGETHER] for start in range(0, len(states), TOGETHER)]
        compared = (self.around.compared(part) for part in parts)
        return np.concatenate([predict(self.context, networks, self.test.inputs) for networks in compared])

    def _matched(self, one: ModelState, two: ModelState) -> ModelState | None:
        """The second network with its units in the order of the first; None where no rule is known for a layer."""
        if self.refused:
            return None
        try:
            few = batches_of(self.context, self.test.first(FOLLOWED), dtype=working_dtype(one.params))
            found = align(self.context.module, tensors_of(one), tensors_of(two), few)
        except InputError as error:
            self.refused = str(error)
            return None
        return tree.parted(found.state, two)


def _means(pairs: Pairs) -> list[float]:
    """Mean over pairs of the difference, and of it over the error."""
    return [pair_mean(matrix)[0] for matrix in (pairs.different, pairs.normalized)]


def _distance(states: Sequence[ModelState]) -> float:
    """Distance of the weights over their mean length, mean over pairs."""
    weights = [tree.ravel(state.params).double() for state in states]
    apart = [float((one - two).norm() / ((one.norm() + two.norm()) / 2)) for one, two in combinations(weights, 2)]
    return float(np.mean(apart))
