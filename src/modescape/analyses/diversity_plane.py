"""Networks in the plane of accuracy and diversity: around one solution, and other solutions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampling import BASES, METHODS, Surroundings, available, place_of, surroundings
from modescape.functionspace import diversity_bounds, diversity_limits, normalized_diversity
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.study import Study

POINTS = 200  # of the limit curves
STEPS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # times the scales of `BASES`: from near the solution to far out
PUBLISHED = {"random": 7.0, "dropout": 1.0, "diagonal": 10.0, "low_rank": 6.0}
# official code, over the scale for ensembles: radius 70 U(0, 1), rate .1 U(0, 1), deviation times 10, z times 6


def measure(study: Study, *, draws: int = 30) -> xr.Dataset:
    """Accuracy of networks, and how often their labels differ from a baseline's, divided by their own error.

    The baseline is the first trained member's solution; methods draw around it, at several scales and without a
    threshold, so that each traces its way out of the solution. "trajectory" holds the earlier checkpoints.

    Args:
        study: the study.
        draws: networks of each method.

    Raises:
        NotEnough: if no member is trained.

    Source: Fort et al. 2019, arXiv 1912.02757, figures 6 and 7; the limits: appendix D, derived in docs/limits.md.
    """
    members = trained(study, 1, "the plane of diversity and accuracy")
    place = place_of(study)
    around, split = surroundings(place, members[0]), place.dataset.test
    images, label = {"test": split.image}, split.label.cpu().numpy()
    baseline = around.log_prob("single", None, 1, images)["test"][0].argmax(-1)
    right = float((baseline == label).mean())
    others = [surroundings(place, member).log_prob("single", None, 1, images)["test"] for member in members[1:]]
    found = {"independent": np.array([one[0].argmax(-1) for one in others])}
    for method in available(place, tuple(one for one in METHODS if one != "weight_average")):
        found[method] = np.concatenate([part.argmax(-1) for part in _draws(around, method, draws, images)])
    found = {method: predicted for method, predicted in found.items() if len(predicted)}
    length = max((len(predicted) for predicted in found.values()), default=1)
    accuracy, differ, diversity = (np.full((len(found), length), np.nan) for _ in range(3))
    for row, predicted in enumerate(found.values()):
        accuracy[row, : len(predicted)] = (predicted == label).mean(1)
        differ[row, : len(predicted)] = (predicted != baseline).mean(1)
        diversity[row, : len(predicted)] = normalized_diversity(predicted, baseline, label)
    classes = place.dataset.num_classes
    x = np.linspace(1 / classes, max(right, np.nanmax(accuracy, initial=right)), POINTS)
    lower, upper = diversity_limits(x, right, classes)
    lowest, highest = diversity_bounds(x, right)
    dims = ("method", "draw")
    return make_result(
        {
            "accuracy": (dims, accuracy, "1", "accuracy of the network"),
            "disagreement": (dims, differ, "1", "share of labels that differ from the baseline's"),
            "diversity": (dims, diversity, "1", "that share divided by the network's error"),
            "lower": (("x",), lower, "1", "limit: the baseline with labels changed at random"),
            "upper": (("x",), upper, "1", "limit: right or wrong independently of the baseline"),
            "lowest": (("x",), lowest, "1", "least that the two accuracies allow"),
            "highest": (("x",), highest, "1", "most that the two accuracies allow"),
        },
        {"method": list(found), "draw": np.arange(length), "x": x},
        title="Diversity against accuracy, of networks around one solution and of other solutions",
        intervals="none",
        provenance=study.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(study),
        split="test",
        baseline_accuracy=right,
        baseline_member=members[0],
        classes=classes,
        variant=study.recipe.subspace.variant,
    )


def _draws(around: Surroundings, method: str, draws: int, images: dict) -> list[np.ndarray]:
    """Log-probabilities of about as many draws at every scale; earlier checkpoints for "trajectory"."""
    if method == "trajectory":  # without the solution, which is the baseline
        return [around.log_prob(method, None, len(around.states), images)["test"][:-1]]
    if method not in BASES:
        return [around.log_prob(method, None, draws, images, purpose="plane")["test"]]
    if around.place.study.recipe.subspace.variant != "swept":
        factors: tuple[float, ...] = (PUBLISHED.get(method, 1.0),)
    else:
        factors = STEPS
    shares = [draws // len(factors) + (step < draws % len(factors)) for step in range(len(factors))]
    return [
        around.log_prob(method, factor * BASES[method], share, images, purpose=f"plane {step}", accept=False)["test"]
        for step, (factor, share) in enumerate(zip(factors, shares, strict=True))
        if share
    ]
