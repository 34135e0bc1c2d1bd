"""All methods at one distance from the solution, so that they differ only in direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from modescape import tasks
from modescape.analyses import image_sets
from modescape.analyses.groups import LEVEL, runs_of
from modescape.analyses.likeness import LIKENESS
from modescape.analyses.requirements import scoring_of
from modescape.analyses.sampling import Neighbourhood, available, neighbourhood
from modescape.analyses.scoring import scored, size_estimate
from modescape.analyses.stating import DISTANCE, Variables
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.methods import SCALED
from modescape.metrics.ensemble import LONG_NAMES
from modescape.metrics.scores import units_of
from modescape.offered import INDEPENDENT, Offered, runs, stacked

PURPOSE = "one distance"  # of the streams
GAINS = tuple(name for name in LONG_NAMES if name.startswith("gain"))  # in the order of the fields of `Scored`
LEAST_STEP = 2**0.5  # the common distance over the farthest centre's; the step then equals the distance of the centre


def common_distance(context: StudyContext) -> float:
    """The recipe's distance (``subspace.distance``), or sqrt(2) times that of the farthest centre where it is farther.

    Gaussians are centred on the mean of the last checkpoints, which may lie farther from the solution than that.
    """
    members, methods = runs_of(context), available(context, SCALED)
    offsets = [[neighbourhood(context, member).offset(method) for method in methods] for member in members]
    farthest = float(np.max(offsets, initial=0.0))
    return max(context.study.recipe.subspace.distance, LEAST_STEP * farthest)


def setting_at(around: Neighbourhood, method: str, distance: float) -> float:
    """The scale at which a method's draws lie at a distance from the solution, root mean square over its length."""
    return around.setting(method, max(distance**2 - around.offset(method) ** 2, 0.0) ** 0.5)


@dataclass(frozen=True)
class AtOneDistance:
    """Ensembles of as many networks of each method, all equally far from the solution; mean over the runs."""

    distance: float  # requested; NaN where unknown
    runs: int  # whose solutions they lie around
    methods: list[str]
    scale: np.ndarray  # [method]
    reached: np.ndarray  # distance of the draws, [method]
    score: np.ndarray  # [method, metric]
    gain: np.ndarray  # the same minus the mean solution's of these runs, and ends as `GAINS`, [method, end, metric]
    diversity: np.ndarray  # as `Likeness.spread` has it, [method]; NaN for a single network

    def variables(self, task: str) -> Variables:
        """The variables of a result; their dimension is ``other_approach``."""
        dims, spread = ("other_approach",), LIKENESS[task].diversity
        return {
            "equal_distance_score": (
                (*dims, "metric"),
                self.score,
                units_of(tasks.scoring_of(task).scores),
                "score of the ensemble around one solution, every method at one distance from it, mean over runs",
            ),
            **{
                f"equal_distance_{name}": (
                    (*dims, "metric"),
                    self.gain[:, place],
                    units_of(tasks.scoring_of(task).scores),
                    f"there: {LONG_NAMES[name]}",
                )
                for place, name in enumerate(GAINS)
            },
            f"equal_distance_{spread.name}": (dims, self.diversity, spread.units, f"{spread.long_name} there"),
            "equal_distance_scale": (dims, self.scale, "1", "setting of the method there, mean over runs"),
            "equal_distance_reached": (dims, self.reached, "1", f"there: {DISTANCE}"),
        }


def requests_at_one_distance(context: StudyContext) -> list[Request]:
    """The networks that `at_one_distance` needs."""
    distance, count = common_distance(context), context.study.recipe.subspace.samples
    arounds = [neighbourhood(context, member) for member in runs_of(context)]
    return [
        Request(
            around.member,
            method,
            setting_at(around, method, distance),
            count,
            (image_sets.clean(context),),
            purpose=PURPOSE,
            accept=False,
            group=f"{method}{LEVEL}",
        )
        for around in arounds
        for method in available(context, SCALED)
    ]


def at_one_distance(offered: Offered) -> AtOneDistance:
    """Score the groups of networks at one distance on the test images; there may be none.

    A study's are fresh draws, and none is refused: an accuracy threshold would shorten the random directions.
    """
    test = offered.sampled["test"]
    names = [name for name in test.groups if name.endswith(LEVEL)]
    metrics = len(scoring_of(offered).scores)
    found = np.array([_mean_over_runs(offered, name) for name in names]).reshape(len(names), 3 + metrics)
    gain = np.array([_gain(offered, name) for name in names]).reshape(len(names), len(GAINS), metrics)
    distance = offered.drawing.level() if offered.drawing else float("nan")
    methods = [name.removesuffix(LEVEL) for name in names]
    over = max((len(runs(test, name)) for name in names), default=0)
    return AtOneDistance(distance, over, methods, found[:, 0], found[:, 1] ** 0.5, found[:, 3:], gain, found[:, 2])


def _mean_over_runs(offered: Offered, name: str) -> np.ndarray:
    """Scale, mean squared distance, divergence and scores of a group's ensembles."""
    test, rows = offered.sampled["test"], []
    scoring, likeness = scoring_of(offered), LIKENESS[offered.task]
    for models in runs(test, name).values():
        log_prob = stacked(test, models)
        scores = [float(score(scoring.combine(log_prob), test.label)) for score in scoring.scores.values()]
        spread = likeness.spread(log_prob) if len(log_prob) > 1 else np.nan
        apart = float(torch.from_numpy(test.distances(models)).square().mean())
        rows.append((test.scales[models[0]], apart, spread, *scores))
    return np.mean(rows, 0)


def _gain(offered: Offered, name: str) -> np.ndarray:
    """What a group's ensembles bring over the solutions they lie around, with both intervals, [end, metric].

    NaN where the solution of a run is not offered.
    """
    test, scoring = offered.sampled["test"], scoring_of(offered)
    drawn, solutions = runs(test, name), runs(test, INDEPENDENT)
    if not drawn.keys() <= solutions.keys():
        return np.full((len(GAINS), len(scoring.scores)), np.nan)
    together = np.stack([scoring.combine(stacked(test, models)).astype(np.float32) for models in drawn.values()])
    alone = stacked(test, [solutions[member][0] for member in drawn])
    estimates = [size_estimate(one, test.label, 1, scoring, test.example_group) for one in (together, alone)]
    return np.stack(scored(estimates[0].minus(estimates[1])))
