"""Networks in the plane of accuracy and diversity: around one solution, and other solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from modescape.analyses.groups import sampled_methods
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampling import Surroundings, predict, surroundings
from modescape.analyses.scales import setting
from modescape.analyses.stating import SCALE, controlled
from modescape.context import StudyContext
from modescape.functionspace import diversity_bounds, diversity_limits, normalized_diversity
from modescape.methods import METHODS
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


POINTS = 200  # of the limit curves
STEPS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)  # of every method, see `scales`: from near the solution to far out


def measure(context: StudyContext, *, draws: int = 30) -> xr.Dataset:
    """Accuracy of networks, and how often their labels differ from a baseline's, divided by their own error.

    The baseline is the first trained member's solution; methods draw around it, at several scales and without a
    threshold, so that each traces its way out of the solution. "trajectory" holds the earlier checkpoints.

    Args:
        context: the study's data, network and evaluator.
        draws: networks of each method.

    Raises:
        NotEnough: if no member is trained.

    Source: Fort et al. 2019, arXiv 1912.02757, figures 6 and 7; the limits: appendix D, derived in docs/limits.md.
    """
    study = context.study
    members = trained(context.offered, 1, "the plane of diversity and accuracy")
    around, split = surroundings(context, members[0]), context.dataset.test
    images, label = {"test": split.image}, split.label.cpu().numpy()
    solution = around.log_prob("single", None, 1, images)["test"][0]
    baseline = solution.argmax(-1)
    right = float((baseline == label).mean())
    others = [surroundings(context, member).log_prob("single", None, 1, images)["test"] for member in members[1:]]
    nowhere = np.full(len(others), np.nan)
    found = {"independent": _Drawn(np.array([one[0].argmax(-1) for one in others]), nowhere, nowhere)}
    for method in sampled_methods(context):
        parts = zip(*_draws(around, method, draws, split.image), strict=True)
        found[method] = _Drawn(*(np.concatenate(part) for part in parts))
    found = {method: drawn for method, drawn in found.items() if len(drawn.predicted)}
    length = max((len(drawn.predicted) for drawn in found.values()), default=1)
    accuracy, differ, diversity, scale, distance = (np.full((len(found), length), np.nan) for _ in range(5))
    for row, drawn in enumerate(found.values()):
        predicted, there = drawn.predicted, slice(len(drawn.predicted))
        accuracy[row, there] = (predicted == label).mean(1)
        differ[row, there] = (predicted != baseline).mean(1)
        diversity[row, there] = normalized_diversity(predicted, baseline, label)
        scale[row, there], distance[row, there] = drawn.scale, drawn.distance
    classes = context.dataset.num_classes
    x = np.linspace(1 / classes, max(right, np.nanmax(accuracy, initial=right)), POINTS)
    lower, upper = diversity_limits(x, right, classes)
    lowest, highest = diversity_bounds(x, right)
    dims = ("method", "draw")
    return make_result(
        {
            "accuracy": (dims, accuracy, "1", "accuracy of the network"),
            "disagreement": (dims, differ, "1", "share of labels that differ from the baseline's"),
            "diversity": (dims, diversity, "1", "that share divided by the network's error"),
            "scale": (dims, scale, "1", SCALE),
            "distance": (
                dims,
                distance,
                "1",
                "distance of the network from the baseline over its length",
            ),
            **controlled(context, list(found), split.image, solution),
            "lower": (("x",), lower, "1", "limit: the baseline with labels changed at random"),
            "upper": (("x",), upper, "1", "limit: right or wrong independently of the baseline"),
            "lowest": (("x",), lowest, "1", "least that the two accuracies allow"),
            "highest": (("x",), highest, "1", "most that the two accuracies allow"),
        },
        {"method": list(found), "draw": np.arange(length), "x": x},
        title="Diversity against accuracy, of networks around one solution and of other solutions",
        intervals="none",
        provenance=study.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(context.offered),
        split="test",
        baseline_accuracy=right,
        baseline_member=members[0],
        classes=classes,
        variant=study.recipe.subspace.variant,
    )


class _Drawn(NamedTuple):
    """Networks of a method, [network] each."""

    predicted: np.ndarray  # labels, [network, example]
    scale: np.ndarray  # NaN where the method has none
    distance: np.ndarray  # from the solution over its length


def _draws(around: Surroundings, method: str, draws: int, images: Tensor) -> list[_Drawn]:
    """About as many draws at every scale; earlier checkpoints of a run."""
    record = METHODS[method]
    if record.source == "checkpoints":  # without the solution, which is the baseline
        drawn = _drawn(around, method, None, len(around.states), images, "plane")
        return [_Drawn(*(part[:-1] for part in drawn))]
    if record.base_scale is None:
        return [_drawn(around, method, None, draws, images, "plane")]
    if around.context.study.recipe.subspace.variant != "swept":
        scales = [record.plane * record.base_scale]
    else:
        scales = [setting(around.context, method, step) for step in STEPS]
    shares = [draws // len(scales) + (step < draws % len(scales)) for step in range(len(scales))]
    return [
        _drawn(around, method, scale, share, images, f"plane {step}")
        for step, (scale, share) in enumerate(zip(scales, shares, strict=True))
        if share
    ]


def _drawn(around: Surroundings, method: str, scale: float | None, count: int, images: Tensor, purpose: str) -> _Drawn:
    networks = around.networks(method, scale, count, purpose=purpose, accept=False)
    predicted = np.concatenate([predict(around.context, some, images).argmax(-1) for some in networks])
    weights = around.weights(method, scale, count, purpose=purpose, accept=False)
    apart = torch.cat([around.distances(some) for some in weights]).numpy()
    shape = len(predicted)
    return _Drawn(predicted, np.full(shape, np.nan if scale is None else scale), np.broadcast_to(apart, shape))
