"""Paths from one solution to another, and the networks along them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from modescape import tree
from modescape.alignment.running import Setting, separate
from modescape.analyses.connectivity.barriers import LEVEL
from modescape.analyses.connectivity.kinds import METRICS, PATHS
from modescape.analyses.drawing import Around, likeness_of, losses_and_errors, predict, scoring_of_study
from modescape.analyses.stating import CONTROL_OF_POINT, Variables
from modescape.analyses.stored import TOGETHER
from modescape.context import StudyContext
from modescape.landscape.criteria import Loss
from modescape.metrics.grouping import by_group
from modescape.paths import Path, fit_path
from modescape.paths.between import heights
from modescape.types import Inputs, ModelState, Params


@dataclass(frozen=True)
class Fit:
    """How curved paths are fitted."""

    batches: Any  # of training examples
    loss: str | Loss
    steps: int
    learning_rate: float
    seed: int

    def path(self, shape: str, module: nn.Module, one: ModelState, other: ModelState) -> Path:
        """A path of one bend."""
        more: dict[str, Any] = {"loss": self.loss, "steps": self.steps, "learning_rate": self.learning_rate}
        return fit_path(module, one, other, self.batches, path=shape, bends=1, seed=self.seed, **more)


def paths_between(
    module: nn.Module, one: ModelState, other: ModelState, aligned: Params | None, fit: Fit
) -> dict[str, Path]:
    """Every kind of path between two networks, by `PATHS`; without the aligned one where none is aligned.

    Args:
        module: the architecture.
        one: the start.
        other: the end.
        aligned: the end, its units in the order of the start's.
        fit: how curved paths are fitted.
    """
    start = separate(module, one)
    found = {"straight": Path.straight(module, start, separate(module, other))}
    if aligned is not None:
        found["aligned"] = Path.straight(module, start, separate(module, aligned))
    return found | {shape: fit.path(shape, module, one, other) for shape in PATHS[2:]}


@dataclass(frozen=True)
class Networks:
    """Runs networks by their tensors on sets of examples; batch-norm statistics are those of their own weights."""

    context: StudyContext
    setting: Setting  # with the training examples of which statistics are made
    like: ModelState  # a network of the study
    sets: Mapping[str, Inputs]

    def predicted(self, networks: Sequence[Params]) -> dict[str, np.ndarray]:
        """Predictions of each set, float32 [network, example, width]; some networks at a time."""
        around, pieces = Around(self.context, 0), {name: [] for name in self.sets}
        for start in range(0, len(networks), TOGETHER):
            placed = around.placed([self._state(one) for one in networks[start : start + TOGETHER]])
            for name, inputs in self.sets.items():
                pieces[name].append(predict(self.context, placed, inputs))
        return {name: np.concatenate(parts) for name, parts in pieces.items()}

    def _state(self, tensors: Params) -> ModelState:
        return tree.parted(self.setting.recomputed(tensors), self.like)


class Met:
    """Scores of the networks along every path; NaN where there is no path.

    Args:
        networks: with the set "test", and "shifted" where there is one: the same examples.
        states: the members' solutions; paths lead from the first to the second.
        t: positions.
        label: of the examples.
        group: of the examples (`modescape.arrays.group_codes`).
    """

    def __init__(
        self,
        networks: Networks,
        states: Sequence[ModelState],
        t: np.ndarray,
        label: np.ndarray,
        group: np.ndarray | None,
    ) -> None:
        self.networks, self.t, self.label, self.group = networks, t, label, group
        self.alone = networks.predicted([{**state.params, **state.buffers} for state in states])["test"]
        self.loss, self.quality, self.shifted = np.full((3, len(PATHS), len(t)), np.nan)
        self.agreement, self.similarity = np.full((2, len(PATHS), len(states), len(t)), np.nan)
        self.barrier = np.full((3, len(PATHS), len(METRICS)), np.nan)  # and both ends of its interval
        self.control = np.full(len(PATHS), np.nan)

    def go(self, kind: str, path: Path) -> None:
        """Go along a path."""
        context, row = self.networks.context, PATHS.index(kind)
        likeness, scoring = likeness_of(context), scoring_of_study(context)
        predictions = self.networks.predicted([path.at(place) for place in self.t.tolist()])
        test = predictions["test"]
        self.loss[row], self.quality[row] = scoring.scores["nll"](test, self.label), likeness.good(test, self.label)
        if "shifted" in predictions:
            self.shifted[row] = scoring.scores["nll"](predictions["shifted"], self.label)
        said = likeness.said(test)
        for member, other in enumerate(likeness.said(self.alone)):
            self.agreement[row, member] = likeness.agree(said, other)
            self.similarity[row, member] = likeness.similarity(said, other, self.label)
        self.control[row] = max(likeness.moved(*pair) for pair in zip(test[[0, -1]], self.alone[:2], strict=True))
        for column, rows in enumerate(losses_and_errors(context, test, self.label)):
            self.barrier[:, row, column] = list(heights("", self.t, by_group(rows, self.group), LEVEL).values())

    def variables(self, units: str) -> Variables:
        """The variables of a result; ``units`` are those of barriers."""
        likeness = likeness_of(self.networks.context)
        path, pair, height = (("other_approach", *more) for more in (("t",), ("member", "t"), ("metric",)))
        quality, agreement = likeness.quality, likeness.agreement
        return {
            "loss": (path, self.loss, "nats", "loss on test examples"),
            quality.name: (path, self.quality, quality.units, f"{quality.long_name} on test examples"),
            "shifted_loss": (path, self.shifted, "nats", "loss on corrupted test examples"),
            agreement.name: (pair, self.agreement, agreement.units, agreement.long_name),
            "similarity": (pair, self.similarity, "1", likeness.similar),
            **{
                f"path_barrier{name}": (height, values, units, f"of the path{text}")
                for (name, text), values in zip(PATH_ENDS.items(), self.barrier, strict=True)
            },
            "control": (("other_approach",), self.control, "1", CONTROL_OF_POINT.format(likeness.control)),
        }


PATH_ENDS = {
    "": ": height above the line between both ends",
    "_low": "'s barrier, lower end of its 95 % interval, this path on new examples",
    "_high": "'s barrier, upper end of its 95 % interval, this path on new examples",
}
