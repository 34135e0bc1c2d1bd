"""Networks in the plane of accuracy and diversity: around one solution, and other solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from modescape.analyses import image_sets
from modescape.analyses.groups import sampled_methods, solution_requests
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampling import Surroundings, surroundings
from modescape.analyses.scales import setting
from modescape.analyses.stating import SCALE, controlled
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.functionspace import diversity_bounds, diversity_limits, normalized_diversity
from modescape.methods import METHODS
from modescape.results import make_result
from modescape.study.offering import last_epochs

if TYPE_CHECKING:
    import xarray as xr


WHAT = "the plane of diversity and accuracy"
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
    members = trained(context.offered, 1, WHAT)
    around, split = surroundings(context, members[0]), context.dataset.test
    images, label = {"test": image_sets.clean(context)}, split.label.cpu().numpy()
    solution = around.log_prob("single", None, 1, images)["test"][0]
    baseline = solution.argmax(-1)
    right = float((baseline == label).mean())
    others = [surroundings(context, member).log_prob("single", None, 1, images)["test"] for member in members[1:]]
    nowhere = np.full(len(others), np.nan)
    found = {"independent": _Drawn(np.array([one[0].argmax(-1) for one in others]), nowhere, nowhere)}
    for method in sampled_methods(context):
        parts = zip(*_drawn(around, method, draws), strict=True)
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


def draws(context: StudyContext, *, draws: int, **settings: object) -> list[Request]:
    """The networks that `measure` asks about, and on which images."""
    members, images = trained(context.offered, 1, WHAT), (image_sets.clean(context),)
    around = surroundings(context, members[0])
    own = [one for method in sampled_methods(context) for one in _requests(around, method, draws)]
    return [*solution_requests(members, images), *own]


def _requests(around: Surroundings, method: str, draws: int) -> list[Request]:
    """About as many draws at every scale; all earlier checkpoints of a run."""
    record = METHODS[method]

    def asked(scale: float | None, count: int, purpose: str = "plane") -> Request:
        return Request(around.member, method, scale, count, (image_sets.clean(around.context),), purpose, accept=False)

    if record.source == "checkpoints":
        return [asked(None, len(last_epochs(around.context.study, around.context.study.recipe.epochs_around())))]
    if record.base_scale is None:
        return [asked(None, draws)]
    if around.context.study.recipe.subspace.variant != "swept":
        scales = [record.plane * record.base_scale]
    else:
        scales = [setting(around.context, method, step) for step in STEPS]
    shares = [draws // len(scales) + (step < draws % len(scales)) for step in range(len(scales))]
    steps = enumerate(zip(scales, shares, strict=True))
    return [asked(scale, share, f"plane {step}") for step, (scale, share) in steps if share]


def _drawn(around: Surroundings, method: str, draws: int) -> list[_Drawn]:
    """Labels, scales and distances of what `_requests` asks for; without the solution, which is the baseline."""
    found = []
    for one in _requests(around, method, draws):
        asked = (method, one.scale, one.count)
        drawn = around.log_prob(*asked, {"test": one.images[0]}, purpose=one.purpose, accept=one.accept)["test"]
        apart = around.apart(*asked, purpose=one.purpose, accept=one.accept).numpy()
        scale = np.full(len(drawn), np.nan if one.scale is None else one.scale)
        end = -1 if METHODS[method].source == "checkpoints" else len(drawn)
        found.append(_Drawn(drawn.argmax(-1)[:end], scale[:end], apart[:end]))
    return found
