"""Where the gain of averaging comes from, for means and variances: the ambiguity of squared error, NLL and CRPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses.decomposition.measure import INTERVALS, LONG_NAMES, WHAT, examples_of, of_members, row_of
from modescape.analyses.requirements import left_out, predicted, snapshots_of, trained
from modescape.covers import new_if
from modescape.metrics.decomposition import DECOMPOSED_NUMBERS, decompose_gaussians
from modescape.offered import INDEPENDENT, Offered, stacked
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

UNITS = "1 (square of the target's unit for squared_error, nats for nll, target's unit for crps)"


def measure(offered: Offered) -> xr.Dataset:
    """Decompose the scores of ensembles of independent members, and of as many snapshots of one run.

    Raises:
        NotEnough: if fewer than two members are trained.

    Source: Krogh and Vedelsby 1995.
    """
    members = trained(offered, 2, WHAT)
    test = predicted(offered, "test", WHAT)
    along = snapshots_of(test, len(members))
    networks = min(len(members), len(along[0])) if len(along[0]) > 1 else len(members)
    predictive = stacked(test, test.groups[INDEPENDENT])
    found = {"independent": of_members(predictive, test.label, networks, decompose_gaussians)}
    if len(along[0]) > 1:
        parts = [decompose_gaussians(stacked(test, models[-networks:]), test.label) for models in along]
        found["snapshots"] = parts, examples_of(parts).swapaxes(0, 1)
    rows = [row_of(*parts, test.example_group) for parts in found.values()]
    nothing = np.full(len(found), np.nan)
    return make_result(
        {
            **{
                name: (("approach", "metric"), np.stack(values), UNITS, text)
                for values, (name, text) in zip(zip(*rows, strict=True), LONG_NAMES.items(), strict=True)
            },
            "scale": (("approach",), nothing, "1", "setting of the approach; none"),
            "distance": (("approach",), nothing, "1", "distance from the solution; not measured"),
        },
        {"approach": list(found), "metric": list(DECOMPOSED_NUMBERS)},
        title="The ensemble's score is the mean network's minus its diversity",
        intervals=INTERVALS,
        covers={"diversity": {"": new_if(len(members)), "independent": new_if(len(members) - 1)}},
        provenance=offered.provenance(examples=len(test.label), members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        networks=networks,
        runs=len(members),
    )
