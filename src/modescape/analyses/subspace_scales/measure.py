"""The best distance from a solution for each subspace method: a sweep of its scale, judged on validation images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape import rng
from modescape.analyses import image_sets
from modescape.analyses.drawing import completed, likeness_of, scoring_of_study
from modescape.analyses.groups import solution_requests
from modescape.analyses.likeness import Quantity
from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampled import with_drawing
from modescape.analyses.sampling import neighbourhood
from modescape.analyses.scales import RESAMPLES, Swept, sweep_draws, sweeps
from modescape.analyses.stating import DISTANCE, SCALE, Variables, controlled
from modescape.analyses.stored import SWEEP_MEMBERS, Request
from modescape.arrays import group_codes
from modescape.context import StudyContext
from modescape.covers import NEW_DRAWS
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr


INTERVALS = (
    "95 %, of the chosen step alone: the step chosen again on resampled members, draws and validation images; it says "
    "what other draws, validation images and members of this recipe would choose"
)


def draws(context: StudyContext, **settings: object) -> list[Request]:
    """The networks that `measure` needs, and the images that they predict; sweeps are made separately."""
    return solution_requests(context.trained[:SWEEP_MEMBERS], [image_sets.validation_images()])


def measure(context: StudyContext) -> xr.Dataset:
    """Validation NLL of ensembles of samples against the step of each method, mean over the first members.

    Other analyses use the step with the lowest NLL (`recipe.Subspace.variant` "swept"). The test set is not used.

    Raises:
        NotEnough: if no member is trained.
    """
    study = context.study
    members = trained(context.offered, 1, "the scale of a subspace method")[:SWEEP_MEMBERS]
    found = sweeps(context)
    split = context.dataset.validation
    images, label = {"validation": image_sets.validation_images()}, split.label.cpu().numpy()
    solutions = np.concatenate(
        [neighbourhood(context, member).log_prob("single", None, 1, images)["validation"] for member in members]
    )
    solutions = completed(context, solutions, lambda: solutions)
    likeness, loss = likeness_of(context), scoring_of_study(context).scores["nll"]
    key = rng.key(study.manifest["seed"], "subspace_scales")
    settings = study.recipe.subspace
    return make_result(
        {
            **_variables(found, likeness.quality, key, group_codes(split.group, len(label))),
            **controlled(
                with_drawing(context, [image_sets.validation_images()]), list(found), solutions[0], "validation"
            ),
        },
        {"approach": list(found), "draw": np.arange(max(len(swept.step) for swept in found.values()))},
        title="The scale of each subspace method, chosen on validation images",
        intervals=INTERVALS,
        covers=NEW_DRAWS,
        provenance=context.offered.provenance(examples=len(label), members=len(members), repeats=1, split="validation"),
        left_out=left_out(context.offered),
        split="validation",
        samples=settings.samples,
        draws=sweep_draws(context),
        acceptance=settings.acceptance,
        variant=settings.variant,
        solution_nll=float(np.mean(loss(solutions, label))),
        **{f"solution_{likeness.quality.name}": float(np.mean(likeness.good(solutions, label)))},
        resamples=RESAMPLES,
        stream_key=key,
    )


def _variables(found: Mapping[str, Swept], quality: Quantity, key: int, group: np.ndarray | None) -> Variables:
    """Sweeps as variables, [method, draw]; the interval of the chosen step is drawn from the stream of the key."""
    dims = ("approach", "draw")
    longest = max(len(swept.step) for swept in found.values())
    ends = np.array([one.chosen_again(key, group) for one in found.values()])

    def rows(name: str) -> np.ndarray:
        """NaN beyond the last step of a method: sweeps are widened one by one."""
        values = [getattr(swept, name) for swept in found.values()]
        return np.stack([np.pad(one, (0, longest - len(one)), constant_values=np.nan) for one in values])

    return {
        "step": (dims, rows("step"), "1", "root mean square distance of samples from their centre over the length"),
        "scale": (dims, rows("scale"), "1", SCALE),
        "distance": (dims, rows("distance"), "1", DISTANCE),
        "nll": (dims, rows("nll"), "nats", "validation NLL of ensembles of samples"),
        quality.name: (dims, rows("accuracy"), quality.units, f"mean validation {quality.long_name} of a sample"),
        "accepted": (dims, rows("accepted"), "1", "share of first draws that were accepted"),
        "chosen": (("approach",), np.array([one.chosen for one in found.values()]), "1", "step with the lowest NLL"),
        "chosen_low": (("approach",), ends[:, 0], "1", "lower end of the 95 % interval of the chosen step"),
        "chosen_high": (("approach",), ends[:, 1], "1", "upper end of the 95 % interval of the chosen step"),
        "edge": (
            ("approach",),
            np.array([int(one.edge) for one in found.values()]),
            "1",
            "1 where the last step that was tried is the best, so that a better one may lie beyond it",
        ),
    }
