"""All that the cost of several networks can buy, scored on the same examples, raw and calibrated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.analyses.equal_cost.kinds import pool_of, table_of
from modescape.analyses.requirements import left_out
from modescape.decision.labelled import attributes_of, coordinates_of, variables_of
from modescape.offered import Offered
from modescape.results import make_result

if TYPE_CHECKING:
    import xarray as xr

INTERVALS = (
    "95 %: these networks on new examples; normal, on the covariance of scores over the examples that judge, paired. "
    "Where a candidate is one network of its kind, it stands for itself"
)


def measure(
    offered: Offered,
    *,
    least_gain: float = 0.01,
    pass_price: float = 0.005,
    training_price: float = 0.005,
    unconverged: float = 0.5,
) -> xr.Dataset:
    """Scores of every candidate of the decision, their covariances, and what each costs.

    Args:
        offered: predictions of test examples, and of validation examples, which choose; without these half of the test
            examples choose.
        least_gain: share of one network's loss that anything else must gain (docs/decision.md).
        pass_price: share that each further forward pass must gain.
        training_price: share that each further training must gain.
        unconverged: share of members whose loss still falls from which on that is said first.

    Raises:
        NotEnough: if there is no network, or too few examples.
    """
    table = table_of(offered)
    members = len(pool_of(offered))
    tested = offered.examples.get("test", table.examples)
    return make_result(
        variables_of(table),
        coordinates_of(table),
        title="What the cost of several networks buys",
        intervals=INTERVALS,
        provenance=offered.provenance(examples=tested, members=members, repeats=1),
        left_out=left_out(offered),
        split="test",
        **attributes_of(table),
        least_gain=least_gain,
        pass_price=pass_price,
        training_price=training_price,
        unconverged=unconverged,
    )
