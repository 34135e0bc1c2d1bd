"""Networks in the plane of accuracy and diversity: around one solution, and other solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import image_sets
from modescape.analyses.groups import members_of, sampled_methods, several, solution_requests
from modescape.analyses.likeness import CLASSES, LIKENESS, Likeness
from modescape.analyses.requirements import groups_of_networks, left_out, trained
from modescape.analyses.sampling import Neighbourhood, neighbourhood
from modescape.analyses.scales import setting
from modescape.analyses.stating import SCALE, Variables, controlled
from modescape.analyses.stored import Request
from modescape.context import StudyContext
from modescape.errors import NotEnough
from modescape.methods import METHODS
from modescape.offered import INDEPENDENT, Offered, Sampled, runs
from modescape.results import make_result
from modescape.study.offering import last_epochs

if TYPE_CHECKING:
    import xarray as xr


WHAT = "the plane of diversity and accuracy"
MEANING = {  # whether of classes -> the difference from the baseline, as it is and over the error
    True: ("share of labels that differ from the baseline's", "that share divided by the network's error"),
    False: (
        "root mean square distance of the predicted means from the baseline's",
        "that distance over the root mean squared error of the two",
    ),
}
LIMITS = {
    True: (
        "limit: the baseline with labels changed at random",
        "limit: right or wrong independently of the baseline",
        "least that the two accuracies allow",
        "most that the two accuracies allow",
    ),
    False: (
        "limit: the baseline with noise added to its predictions",
        "limit: errors that have nothing in common with the baseline's",
        "least that the two errors allow",
        "most that the two errors allow",
    ),
}
POINTS = 200  # of the limit curves
STEPS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)  # of every method, see `scales`: from near the solution to far away


def measure(offered: Offered, *, draws: int = 30) -> xr.Dataset:
    """Accuracy of networks, and how often their labels differ from a baseline's, divided by their own error.

    Of a regression RMSE, and the distance of their means from a baseline's over the error of the two.

    The baseline is the first trained member's solution, of networks that others made the best one. Methods draw around
    it, at several scales and without a threshold, so that each traces a path away from the solution. "trajectory" holds
    the earlier checkpoints.

    Args:
        offered: predictions of groups of networks on test examples. Scales, distances and the control are NaN where
            they are not known.
        draws: networks of each method that a study draws.

    Raises:
        NotEnough: if no member is trained, or there is no network besides the baseline.

    Source: Fort et al. 2019, arXiv 1912.02757, figures 6 and 7; the limits: appendix D, derived in docs/limits.md.
    """
    trained(offered, 1, WHAT)
    test = groups_of_networks(offered, ["test"], WHAT)
    members, label, classes = members_of(test), test.label, len(test.class_names)
    likeness = LIKENESS[offered.task]
    first = _best(test, likeness) if offered.given else 0
    solution = test.log_prob(test.groups[INDEPENDENT][first])
    baseline, quality = likeness.said(solution), likeness.quality.name
    right = likeness.mean_good(solution[None], label)
    found = _of_approaches(test, first)
    if not found:
        raise NotEnough(f"{WHAT} needs 2 networks or more; {offered.named} has 1")
    places = _places(test, found, baseline, likeness)
    reached = places[quality][1]
    most = max(right, np.nanmax(reached, initial=right))
    if likeness is CLASSES:
        x = np.linspace(1 / classes, most, POINTS)
    else:  # errors have no upper end
        x = np.geomspace(min(right, np.nanmin(reached, initial=right)), most, POINTS)
    return make_result(
        {**places, **controlled(offered, list(found), solution), **_limits(x, right, classes, likeness)},
        {"approach": list(found), "draw": np.arange(reached.shape[1]), "x": x},
        title="Diversity against accuracy, of networks around one solution and of other solutions",
        intervals="none",
        covers="",
        provenance=offered.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        **{f"baseline_{quality}": right},
        baseline_member=members[first],
        **({"classes": classes} if likeness is CLASSES else {}),
        variant=offered.sampling.variant,
    )


def _best(test: Sampled, likeness: Likeness) -> int:
    """Place of the best network among those that others made, of which none is the first."""
    good = [likeness.mean_good(test.log_prob(model)[None], test.label) for model in test.groups[INDEPENDENT]]
    return int(np.argmax(good) if likeness is CLASSES else np.argmin(good))


def _of_approaches(test: Sampled, place: int) -> dict[str, list[int]]:
    """Models of the other solutions, and of each approach around the baseline: without it, none empty."""
    others = list(test.groups[INDEPENDENT])
    first = others.pop(place)
    found = {"independent": others}
    for approach in several(test):
        models = runs(test, approach).get(int(test.members[first]), [])
        ends_with_baseline = approach in METHODS and METHODS[approach].source == "checkpoints"
        found[approach] = models[:-1] if ends_with_baseline else models
    return {approach: models for approach, models in found.items() if models}


def _places(test: Sampled, found: dict[str, list[int]], baseline: np.ndarray, likeness: Likeness) -> Variables:
    """Position of each network, and how it was drawn: variables [method, draw], NaN beyond a method's last."""
    length = max((len(models) for models in found.values()), default=1)
    quality, differ, diversity, scale, distance = (np.full((len(found), length), np.nan) for _ in range(5))
    for row, (approach, models) in enumerate(found.items()):
        there = slice(len(models))
        for place, model in enumerate(models):  # one model's predictions in memory at a time
            predictive = test.log_prob(model)[None]
            said = likeness.said(predictive)
            quality[row, place] = likeness.mean_good(predictive, test.label)
            differ[row, place] = likeness.apart(said, baseline)[0]
            diversity[row, place] = likeness.over_error(said, baseline, test.label)[0]
        if approach != "independent":
            scale[row, there], distance[row, there] = test.scales[models], test.distances(models)
    dims, one = ("approach", "draw"), likeness.quality
    differing, over = MEANING[likeness is CLASSES]
    return {
        one.name: (dims, quality, one.units, f"{one.long_name} of the network"),
        likeness.difference.name: (dims, differ, likeness.difference.units, differing),
        "diversity": (dims, diversity, "1", over),
        "scale": (dims, scale, "1", SCALE),
        "distance": (dims, distance, "1", "distance of the network from the baseline over its length"),
    }


def _limits(x: np.ndarray, right: float, classes: int, likeness: Likeness) -> Variables:
    """The limits of the plane at accuracies (or errors) x, for a baseline of this accuracy (or error)."""
    names = ("lower", "upper", "lowest", "highest")
    said = zip(likeness.limits(x, right, classes), LIMITS[likeness is CLASSES], strict=True)
    return {name: (("x",), values, "1", text) for name, (values, text) in zip(names, said, strict=True)}


def draws(context: StudyContext, *, draws: int, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict."""
    members, images = trained(context.offered, 1, WHAT), (image_sets.clean(context),)
    around = neighbourhood(context, members[0])
    own = [one for method in sampled_methods(context) for one in _requests(around, method, draws)]
    return [*solution_requests(members, images), *own]


def _requests(around: Neighbourhood, method: str, draws: int) -> list[Request]:
    """About equally many draws at every scale; all earlier checkpoints of a run."""
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
