"""What stands beside a method's numbers: its scale, how far its networks lie from the solution, and a control at 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from torch import Tensor

from modescape.analyses.groups import runs_of
from modescape.analyses.sampling import surroundings
from modescape.analyses.scales import distances, scales
from modescape.context import StudyContext
from modescape.methods import AROUND, BOTH

Variables: TypeAlias = "dict[str, tuple[tuple[str, ...], np.ndarray, str, str]]"
SCALE = "setting of the method, in its own unit"
DISTANCE = "root mean square distance of the method's networks from the solution over the length of the weights"
CONTROL = "largest difference of probabilities between the solution and the method's network at distance 0"

CONTROL_OF_POINT = "largest difference of probabilities between the solution and the network at its place on the way"


def controlled(
    context: StudyContext, methods: Sequence[str], images: Tensor, baseline: np.ndarray, dim: str = "method"
) -> Variables:
    """The variable ``control`` of a result.

    Args:
        context: the study's data, network and evaluator.
        methods: names of the result; those that are not of one run ("single", "independent") have none, "independent +
            X" has X's.
        images: of the analysis, uint8 [example, channel, height, width].
        baseline: log-probabilities of the first run's solution on them, as the analysis has them, [example, class].
        dim: dimension of the methods.
    """
    around = surroundings(context, runs_of(context.study)[0])
    return _looked_up(
        {"control": ({name: around.control(name, images, baseline) for name in _of_one_run(methods)}, CONTROL)},
        methods,
        dim,
    )


def stated(
    context: StudyContext, methods: Sequence[str], images: Tensor, baseline: np.ndarray, dim: str = "method"
) -> Variables:
    """The variables ``scale``, ``distance`` and ``control`` of a result; arguments as `controlled`."""
    known = {"scale": (scales(context), SCALE), "distance": (distances(context), DISTANCE)}
    return _looked_up(known, methods, dim) | controlled(context, methods, images, baseline, dim)


def _of_one_run(methods: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(method.removeprefix(BOTH) for method in methods) if name in AROUND]


def _looked_up(
    known: Mapping[str, tuple[Mapping[str, float | None], str]], methods: Sequence[str], dim: str
) -> Variables:
    """Variables from tables of the methods of one run, NaN for others."""
    return {
        name: ((dim,), np.array([values.get(method.removeprefix(BOTH)) for method in methods], dtype=float), "1", text)
        for name, (values, text) in known.items()
    }
