"""Every method at one distance from the solution, where their directions alone differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from modescape.analyses.groups import runs_of
from modescape.analyses.sampling import Surroundings, available, surroundings
from modescape.analyses.stating import DISTANCE, Variables
from modescape.context import StudyContext
from modescape.functionspace import jensen_shannon
from modescape.methods import SCALED
from modescape.metrics import SCORES, combine
from modescape.metrics.scores import units_of

PURPOSE = "one distance"  # of the streams
LEAST_STEP = 2**0.5  # the common distance over the farthest centre's: the step is then as long as the way to the centre


def common_distance(context: StudyContext) -> float:
    """The recipe's distance (``subspace.distance``), or sqrt(2) times that of the farthest centre where it is farther.

    Gaussians are centred on the mean of the last checkpoints, which may lie farther from the solution than that.
    """
    members, methods = runs_of(context.study), available(context, SCALED)
    offsets = [[surroundings(context, member).offset(method) for method in methods] for member in members]
    farthest = float(np.max(offsets, initial=0.0))
    return max(context.study.recipe.subspace.distance, LEAST_STEP * farthest)


def setting_at(around: Surroundings, method: str, distance: float) -> float:
    """The scale at which a method's draws lie at a distance from the solution, root mean square over its length."""
    return around.setting(method, max(distance**2 - around.offset(method) ** 2, 0.0) ** 0.5)


@dataclass(frozen=True)
class AtOneDistance:
    """Ensembles of as many networks of each method, all equally far from the solution; mean over the runs."""

    distance: float  # asked for
    methods: list[str]
    scale: np.ndarray  # [method]
    reached: np.ndarray  # distance of the draws, [method]
    score: np.ndarray  # [method, metric]
    jensen_shannon: np.ndarray  # nats, [method]; NaN for a single network

    def variables(self) -> Variables:
        """The variables of a result; their dimension is ``other_method``."""
        dims = ("other_method",)
        return {
            "equal_distance_score": (
                (*dims, "metric"),
                self.score,
                units_of(SCORES),
                "score of the ensemble around one solution, every method at one distance from it, mean over runs",
            ),
            "equal_distance_jensen_shannon": (dims, self.jensen_shannon, "nats", "Jensen-Shannon divergence there"),
            "equal_distance_scale": (dims, self.scale, "1", "setting of the method there, mean over runs"),
            "equal_distance_reached": (dims, self.reached, "1", f"there: {DISTANCE}"),
        }


def at_one_distance(context: StudyContext) -> AtOneDistance:
    """Draw every method at the common distance and score it on the test images.

    The draws are fresh ones, and none is refused: a threshold would bring the random ones nearer.
    """
    distance, methods = common_distance(context), available(context, SCALED)
    test, count = context.dataset.test, context.study.recipe.subspace.samples
    label = test.label.cpu().numpy()
    rows = []
    for member in runs_of(context.study):
        around, own = surroundings(context, member), []
        for method in methods:
            scale = setting_at(around, method, distance)
            found = around.log_prob(method, scale, count, {"": test.image}, purpose=PURPOSE, accept=False)[""]
            weights = around.weights(method, scale, count, purpose=PURPOSE, accept=False)
            apart = torch.cat([around.distances(some) for some in weights])
            together = combine(found)
            scores = [float(score(together, label)) for score in SCORES.values()]
            spread = jensen_shannon(found) if len(found) > 1 else np.nan
            own.append((scale, float(apart.square().mean()), spread, *scores))
        rows.append(own)
    found = np.mean(rows, 0)
    return AtOneDistance(distance, methods, found[:, 0], found[:, 1] ** 0.5, found[:, 3:], found[:, 2])
