"""How far from a solution each subspace method should go: its scale swept, judged on validation images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.requirements import left_out, trained
from modescape.analyses.sampling import place_of, surroundings
from modescape.analyses.scales import SWEEP, SWEEP_MEMBERS, sweeps
from modescape.metrics import accuracy, nll
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

    from modescape.study import Study


def measure(study: Study) -> xr.Dataset:
    """Validation NLL of the ensemble of samples against the scale of each method, mean over the first members.

    Other analyses use the scale with the lowest NLL (`recipe.Subspace.variant` "swept"). The test set is not looked at.

    Raises:
        NotEnough: if no member is trained.
    """
    members = trained(study, 1, "the scale of a subspace method")[:SWEEP_MEMBERS]
    place = place_of(study)
    found = sweeps(place)
    split = place.dataset.validation
    images, label = {"validation": split.image}, split.label.cpu().numpy()
    solutions = np.concatenate(
        [surroundings(place, member).log_prob("single", None, 1, images)["validation"] for member in members]
    )
    dims = ("method", "draw")

    def rows(name: str) -> np.ndarray:
        return np.stack([getattr(swept, name) for swept in found.values()])

    settings = study.recipe.subspace
    return make_result(
        {
            "scale": (dims, rows("scale"), "1", "setting of the method"),
            "distance": (dims, rows("distance"), "1", "mean distance of a sample over the length of the weights"),
            "nll": (dims, rows("nll"), "nats", "validation NLL of the ensemble of samples"),
            "accuracy": (dims, rows("accuracy"), "1", "mean validation accuracy of a sample"),
            "accepted": (dims, rows("accepted"), "1", "share of first draws that were accepted"),
            "chosen": (("method",), np.array([one.chosen for one in found.values()]), "1", "step with the lowest NLL"),
        },
        {"method": list(found), "draw": np.arange(len(SWEEP))},
        title="The scale of each subspace method, chosen on validation images",
        intervals="none",
        provenance=study.provenance(examples=len(label), members=len(members), repeats=1),
        left_out=left_out(study),
        split="validation",
        samples=settings.samples,
        acceptance=settings.acceptance,
        variant=settings.variant,
        solution_nll=float(nll(solutions, label).mean()),
        solution_accuracy=float(accuracy(solutions, label).mean()),
    )
