"""Context of an approach's values: its scale, the distance of its networks from the solution, a control at scale 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from modescape.analyses.likeness import LIKENESS
from modescape.methods import AROUND, BOTH, METHODS
from modescape.offered import Offered, Sampled, runs

Variables: TypeAlias = "dict[str, tuple[tuple[str, ...], np.ndarray, str, str]]"
SCALE = "setting of the method, in its own unit"
DISTANCE = "root mean square distance of the method's networks from the solution over the length of the weights"
CONTROL = "largest difference of {} between the solution and the method's network at distance 0"

CONTROL_OF_POINT = "largest difference of {} between the solution and the network at its place on the way"


def controlled(
    offered: Offered, methods: Sequence[str], baseline: np.ndarray, on: str = "test", dim: str = "approach"
) -> Variables:
    """The variable ``control`` of a result: NaN where predictions alone are offered.

    Args:
        offered: what there is.
        methods: names of the result; those that are not of one run ("single", "independent") have none, "independent +
            X" has X's.
        baseline: log-probabilities of the first run's solution, as the analysis has them, [example, class].
        on: the set of examples that they are of.
        dim: dimension of the methods.
    """
    drawing = offered.drawing

    def control(name: str) -> float | None:
        return None if drawing is None else drawing.control(name, on, baseline)

    return _each("control", CONTROL.format(LIKENESS[offered.task].control), methods, dim, control)


def stated(
    offered: Offered, methods: Sequence[str], baseline: np.ndarray, on: str = "test", dim: str = "approach"
) -> Variables:
    """The variables ``scale``, ``distance`` and ``control`` of a result; arguments as `controlled`.

    Where predictions alone are offered the first two are those of the models, as far as they are known.
    """
    drawing, models = offered.drawing, _Models(offered.sampled[on])
    return {
        **_each("scale", SCALE, methods, dim, drawing.scale if drawing else models.scale),
        **_each("distance", DISTANCE, methods, dim, drawing.distance if drawing else models.distance),
        **controlled(offered, methods, baseline, on, dim),
    }


class _Models:
    """Scales and distances of approaches from those of their models."""

    def __init__(self, predictions: Sampled) -> None:
        self.predictions = predictions

    def scale(self, approach: str) -> float | None:
        """The scale of the first model."""
        models = self.predictions.groups.get(approach, ())
        return float(self.predictions.scales[models[0]]) if len(models) else None

    def distance(self, approach: str) -> float | None:
        """Root mean square over the models of all runs."""
        own = [self.predictions.distances(models) for models in runs(self.predictions, approach).values()]
        return float(np.mean([np.square(one).mean() for one in own])) ** 0.5 if own else None


def _each(
    variable: str, text: str, methods: Sequence[str], dim: str, value: Callable[[str], float | None]
) -> Variables:
    """A variable with one value per method of one run; NaN for other approaches."""
    names = dict.fromkeys(method.removeprefix(BOTH) for method in methods)
    known = {name: value(name) for name in names if name in AROUND or name not in METHODS}
    values = np.array([known.get(method.removeprefix(BOTH)) for method in methods], dtype=float)
    return {variable: ((dim,), values, "1", text)}
