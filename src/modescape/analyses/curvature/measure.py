"""Curvature of the training loss: spectra at solutions and along a run, and sharpness against what it may predict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.curvature.cost import GRADIENT, PRODUCT
from modescape.analyses.curvature.spectra import densities, ends, spectra
from modescape.analyses.drawing import likeness_of
from modescape.analyses.field import field, tensors_of
from modescape.analyses.requirements import left_out, trained, weights_of
from modescape.analyses.sampling import neighbourhood
from modescape.context import StudyContext
from modescape.covers import NEW_MEMBERS, NEW_VECTORS
from modescape.curvature import Sharpness, SpectralDensity, sharpness_at
from modescape.data.dataset import Split
from modescape.landscape import Landscape
from modescape.metrics.ranks import rank_correlation
from modescape.network.statistics import batch_norm_layers
from modescape.results import make_result
from modescape.types import Params

if TYPE_CHECKING:
    import xarray as xr

    from modescape.analyses.stating import Variables
    from modescape.offered import Checkpoints

WHAT = "the curvature of the loss"
BALLS = {  # approach -> what the radius is of
    "ball": "within a ball",
    "adaptive": "within a ball of steps over the size of each weight",
}
INTERVALS = (
    "95 %: of densities and traces over random vectors, for these members and examples; of rank correlations over "
    "members, for new ones, as if each member's difference from the others were its own"
)
SAMPLES = 4  # random steps for an average increase


def measure(
    context: StudyContext,
    *,
    examples: int = 500,
    members: int = 10,
    probes: int = 4,
    steps: int = 12,
    largest: int = 3,
    epochs: int = 7,
    points: int = 400,
    radius: float = 0.05,
    adaptive_radius: float = 0.5,
    climbs: int = 6,
) -> xr.Dataset:
    """The Hessian's spectrum at solutions and along one run, and the sharpness of the solutions.

    Densities, largest eigenvalues and traces come from the same Lanczos processes (`modescape.curvature`). Batch-norm
    statistics are recomputed for each point as in every comparison, then frozen.

    Args:
        context: the study's data, network and evaluator.
        examples: training examples, from the first on.
        members: from the first on, at most.
        probes: random vectors of each spectrum.
        steps: Hessian products of each vector.
        largest: eigenvalues that are kept.
        epochs: of one run, close together at its beginning.
        points: positions of the densities.
        radius: of the ball, L2 in weight units.
        adaptive_radius: of the ball of steps each over the size of its weight.
        climbs: gradients of the search for the worst point of a ball.

    Raises:
        NotEnough: if no member is trained.

    Source: Ghorbani et al. 2019, arXiv 1901.10159; Foret et al. 2021, arXiv 2010.01412; Kwon et al. 2021, arXiv
    2102.11600.
    """
    offered = context.offered
    chosen = trained(offered, 1, WHAT)[:members]
    checkpoints, train = weights_of(offered, WHAT), context.dataset.train.first(examples)
    solutions = [tensors_of(checkpoints.solution(member)) for member in chosen]
    over = _landscape(context, chosen, train)
    product = probes * steps * len(train.label) * PRODUCT

    def look(points: Sequence[Params]) -> list[SpectralDensity | None]:
        return spectra(over, points, probes, steps, lambda count: context.progress(round(count * product)))

    found = look(solutions)
    followed, kept = _followed(checkpoints, chosen, epochs)
    run = look([tensors_of(checkpoints.state(chosen[followed], epoch)) for epoch in kept[:-1]])
    run += [found[followed]] * bool(kept)
    drawn, x, deviation = densities(found, points)
    rises = _rises(over, solutions, dict(zip(BALLS, (radius, adaptive_radius), strict=True)), climbs)
    context.progress(round(len(BALLS) * len(chosen) * len(train.label) * (climbs * GRADIENT + SAMPLES + 2)))
    own = {**ends(found, largest, "member"), **_sharpness(rises), **_quality(context, chosen, over, solutions)}
    said = ("test_loss", likeness_of(context).difference.name)
    return make_result(
        {**drawn, **own, **_correlations(own, said), **(ends(run, largest, "epoch", "epoch_") if kept else {})},
        {
            **{"member": chosen, "x": x, "eigenvalue": np.arange(1, largest + 1), "approach": list(BALLS)},
            **({"epoch": kept} if kept else {}) | {"metric": list(_measures(own)), "other_metric": list(said)},
        },
        title="Curvature of the training loss",
        intervals=INTERVALS,
        covers={"": NEW_VECTORS, "correlation": NEW_MEMBERS},
        provenance=offered.provenance(examples=len(context.dataset.test.label), members=len(chosen), repeats=probes),
        left_out=left_out(offered),
        split="test",
        **{"training_examples": len(train.label), "followed": chosen[followed], "deviation": deviation},
        **{"probes": probes, "steps": steps, "radius": radius, "adaptive_radius": adaptive_radius},
        gaps=sum(one is None for one in [*found, *run]),
        batch_norm=context.study.recipe.subspace.batch_norm if batch_norm_layers(context.module) else "none",
    )


def _landscape(context: StudyContext, members: Sequence[int], split: Split) -> Landscape:
    """The loss of these members on examples; stored batch-norm statistics are each point's own."""
    return field(context, weights_of(context.offered, WHAT).solution(members[0]), split)


def _followed(checkpoints: Checkpoints, members: Sequence[int], most: int) -> tuple[int, list[int]]:
    """The first member with the most stored epochs, and a selection of them; none of a single checkpoint.

    They are close together at the beginning, where curvature changes: evenly on a logarithmic scale, and epoch 0.
    """
    kept = [list(checkpoints.steps(member)) for member in members]
    place = max(range(len(kept)), key=lambda one: len(kept[one]))
    own = kept[place]
    if len(own) < 2:
        return place, []
    wanted = np.geomspace(1, len(own), max(most, 2)).round().astype(int) - 1
    return place, [own[at] for at in dict.fromkeys(wanted.tolist())]


def _rises(
    over: Landscape, solutions: Sequence[Params], radii: dict[str, float], climbs: int
) -> dict[str, list[Sharpness]]:
    """Increase of the loss in the ball of each radius around each solution."""
    return {
        name: sharpness_at(over, solutions, own, adaptive=name == "adaptive", ascents=1, steps=climbs, samples=SAMPLES)
        for name, own in radii.items()
    }


def _sharpness(rises: dict[str, list[Sharpness]]) -> Variables:
    """Increase of the loss within each ball."""

    def values(name: str) -> np.ndarray:
        return np.array([[getattr(one, name) for one in found] for found in rises.values()])

    dims, mean = ("approach", "member"), "mean rise of the training loss at random steps of the radius"
    return {
        "sharpness": (dims, values("worst"), "nats", "largest rise of the training loss that was found in the ball"),
        "mean_rise": (dims, values("average"), "nats", mean),
        "mean_rise_error": (dims, values("standard_error"), "nats", "its standard error over the steps"),
    }


def _quality(context: StudyContext, members: Sequence[int], over: Landscape, solutions: Sequence[Params]) -> Variables:
    """Losses of the solutions on training and test examples, and each one's mean difference from the others there."""
    test, likeness = context.dataset.test, likeness_of(context)
    around = [neighbourhood(context, member) for member in members]
    said = np.stack([likeness.said(one.log_prob("single", None, 1, {"": test.inputs})[""][0]) for one in around])
    difference = likeness.difference
    return {
        "train_loss": (("member",), over.values(solutions), "nats", "loss on these training examples"),
        "test_loss": (("member",), _landscape(context, members, test).values(solutions), "nats", "loss on test images"),
        difference.name: (
            ("member",),
            from_others(likeness.between(said)),
            difference.units,
            f"{difference.long_name}, mean over the other members",
        ),
    }


def from_others(apart: np.ndarray) -> np.ndarray:
    """Mean distance of each member from the others, [member], from [member, member]; NaN for one member.

    A member with NaN predictions has no distance to any other and is left out of the others' means.
    """
    known = np.isfinite(apart) & ~np.eye(len(apart), dtype=bool)
    with np.errstate(invalid="ignore"):  # none
        return np.where(known, apart, 0.0).sum(1) / np.where(known.any(1), known.sum(1), np.nan)


def _measures(own: Variables) -> dict[str, np.ndarray]:
    """The quantities to correlate: sharpness in each ball, the largest eigenvalue, the trace; [member] each."""
    rises = dict(zip(BALLS, own["sharpness"][1], strict=True))
    return {**rises, "largest": own["largest"][1][:, 0], "trace": own["trace"][1]}


def _correlations(own: Variables, said: Sequence[str]) -> Variables:
    """Rank correlations over members with these variables, and their intervals."""
    measures = _measures(own).values()
    found = np.array([[rank_correlation(one, own[name][1]) for name in said] for one in measures])
    names = {"correlation": "", "correlation_low": ", lower end", "correlation_high": ", upper end"}
    return {
        name: (("metric", "other_metric"), found[..., place], "1", f"rank correlation over members{end}")
        for place, (name, end) in enumerate(names.items())
    }
