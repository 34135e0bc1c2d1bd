"""Networks in the plane of accuracy and diversity: around one solution, and other solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import image_sets
from modescape.analyses.groups import members_of, sampled_methods, several, solution_requests
from modescape.analyses.requirements import groups_of_networks, left_out, predicted_labels, trained
from modescape.analyses.sampling import Neighbourhood, neighbourhood
from modescape.analyses.scales import setting
from modescape.analyses.stating import SCALE, Variables, controlled
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.errors import NotEnough
from modescape.functionspace import diversity_bounds, diversity_limits, normalized_diversity
from modescape.methods import METHODS
from modescape.offered import INDEPENDENT, Offered, Sampled, runs
from modescape.results import make_result
from modescape.study.offering import last_epochs

if TYPE_CHECKING:
    import xarray as xr


WHAT = "the plane of diversity and accuracy"
POINTS = 200  # of the limit curves
STEPS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)  # of every method, see `scales`: from near the solution to far out


def measure(offered: Offered, *, draws: int = 30) -> xr.Dataset:
    """Accuracy of networks, and how often their labels differ from a baseline's, divided by their own error.

    The baseline is the first trained member's solution; methods draw around it, at several scales and without a
    threshold, so that each traces its way out of the solution. "trajectory" holds the earlier checkpoints.

    Args:
        offered: predictions of groups of networks on test examples. Scales, distances and the control are NaN where
            they are not known.
        draws: networks of each method that a study draws.

    Raises:
        NotEnough: if no member is trained, or there is no network beside the baseline.

    Source: Fort et al. 2019, arXiv 1912.02757, figures 6 and 7; the limits: appendix D, derived in docs/limits.md.
    """
    trained(offered, 1, WHAT)
    test = groups_of_networks(offered, ["test"], WHAT)
    members, label, classes = members_of(test), test.label, len(test.class_names)
    solution = test.log_prob(test.groups[INDEPENDENT][0])
    baseline = solution.argmax(-1)
    right = float((baseline == label).mean())
    found = _of_approaches(test)
    if not found:
        raise NotEnough(f"{WHAT} needs 2 networks or more; {offered.named} has 1")
    places = _places(test, found, baseline)
    reached = places["accuracy"][1]
    x = np.linspace(1 / classes, max(right, np.nanmax(reached, initial=right)), POINTS)
    return make_result(
        {**places, **controlled(offered, list(found), solution), **_limits(x, right, classes)},
        {"approach": list(found), "draw": np.arange(reached.shape[1]), "x": x},
        title="Diversity against accuracy, of networks around one solution and of other solutions",
        intervals="none",
        provenance=offered.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        baseline_accuracy=right,
        baseline_member=members[0],
        classes=classes,
        variant=offered.sampling.variant,
    )


def _of_approaches(test: Sampled) -> dict[str, list[int]]:
    """Models of the other solutions, and of each approach around the first: without the baseline, none empty."""
    first, *others = test.groups[INDEPENDENT]
    found = {"independent": list(others)}
    for approach in several(test):
        models = runs(test, approach).get(int(test.members[first]), [])
        ends_with_baseline = approach in METHODS and METHODS[approach].source == "checkpoints"
        found[approach] = models[:-1] if ends_with_baseline else models
    return {approach: models for approach, models in found.items() if models}


def _places(test: Sampled, found: dict[str, list[int]], baseline: np.ndarray) -> Variables:
    """Where each network lies, and how it was drawn: variables [method, draw], NaN beyond a method's last."""
    length = max((len(models) for models in found.values()), default=1)
    accuracy, differ, diversity, scale, distance = (np.full((len(found), length), np.nan) for _ in range(5))
    for row, (approach, models) in enumerate(found.items()):
        predicted, there = predicted_labels(test, models), slice(len(models))
        accuracy[row, there] = (predicted == test.label).mean(1)
        differ[row, there] = (predicted != baseline).mean(1)
        diversity[row, there] = normalized_diversity(predicted, baseline, test.label)
        if approach != "independent":
            scale[row, there], distance[row, there] = test.scales[models], test.distances(models)
    dims = ("approach", "draw")
    return {
        "accuracy": (dims, accuracy, "1", "accuracy of the network"),
        "disagreement": (dims, differ, "1", "share of labels that differ from the baseline's"),
        "diversity": (dims, diversity, "1", "that share divided by the network's error"),
        "scale": (dims, scale, "1", SCALE),
        "distance": (dims, distance, "1", "distance of the network from the baseline over its length"),
    }


def _limits(x: np.ndarray, right: float, classes: int) -> Variables:
    """The limits of the plane at accuracies x, beside a baseline that is right this often."""
    lower, upper = diversity_limits(x, right, classes)
    lowest, highest = diversity_bounds(x, right)
    return {
        "lower": (("x",), lower, "1", "limit: the baseline with labels changed at random"),
        "upper": (("x",), upper, "1", "limit: right or wrong independently of the baseline"),
        "lowest": (("x",), lowest, "1", "least that the two accuracies allow"),
        "highest": (("x",), highest, "1", "most that the two accuracies allow"),
    }


def draws(context: StudyContext, *, draws: int, **settings: object) -> list[Request]:
    """The networks that `measure` asks about, and on which images."""
    members, images = trained(context.offered, 1, WHAT), (image_sets.clean(context),)
    around = neighbourhood(context, members[0])
    own = [one for method in sampled_methods(context) for one in _requests(around, method, draws)]
    return [*solution_requests(members, images), *own]


def _requests(around: Neighbourhood, method: str, draws: int) -> list[Request]:
    """About as many draws at every scale; all earlier checkpoints of a run."""
    record = METHODS[method]

    def asked(scale: float | None, count: int, purpose: str = "plane", step: int = 0) -> Request:
        images = (image_sets.clean(around.context),)
        return Request(around.member, method, scale, count, images, purpose, accept=False, step=step)

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
    return [asked(scale, share, f"plane {step}", step) for step, (scale, share) in steps if share]
