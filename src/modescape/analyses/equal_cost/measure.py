"""All ways to spend the cost of several networks, scored on the same examples, raw and calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modescape.analyses.equal_cost.kinds import pool_of, table_of
from modescape.analyses.equal_cost.running import StudyAveraging
from modescape.analyses.requirements import left_out, trained
from modescape.context import StudyContext
from modescape.covers import THESE
from modescape.decision import Table
from modescape.decision.labelled import attributes_of, coordinates_of, variables_of
from modescape.errors import ModescapeError, NotEnough
from modescape.offered import Offered
from modescape.results import make_result
from modescape.runtime import one_thread

if TYPE_CHECKING:
    import xarray as xr

WHAT = "what the cost of several networks buys"
INTERVALS = (
    "95 %: these members on new examples; normal, on the covariance of scores over the examples that judge, paired. "
    "A candidate that is one network is a single sample of its kind"
)


def _scored(offered: Offered, members: Sequence[int]) -> tuple[Table, str]:
    """The candidates, and why there are no averages of weights; "" where there are some, or no network to run."""
    context = offered.context
    if not isinstance(context, StudyContext) or "plan" not in context.study.manifest:
        return table_of(offered), ""
    try:
        with one_thread(), context.at_work():
            averaging = StudyAveraging(context, members)
            averaging.open()
            return table_of(offered, averaging), ""
    except NotEnough:
        raise
    except ModescapeError as error:  # the data or the network is no longer available
        return table_of(offered), str(error)


def measure(
    offered: Offered,
    *,
    least_gain: float = 0.01,
    pass_price: float = 0.005,
    training_price: float = 0.005,
    doubt: float = 0.02,
    unconverged: float = 0.5,
) -> xr.Dataset:
    """Scores of every candidate of the decision, their covariances, and what each costs.

    Args:
        offered: predictions of test examples, and of validation examples, which choose; without these half of the test
            examples choose.
        least_gain: share of one network's loss that anything else must gain (docs/decision.md).
        pass_price: share that each further forward pass must gain.
        training_price: share that each further training must gain.
        doubt: share that another candidate may leave more where candidates are judged; above, the answer is undecided.
        unconverged: share of members with falling loss from which on training longer is advised first.

    Raises:
        NotEnough: if there is no network, or too few examples.
    """
    trained(offered, 1, WHAT)
    members = [member for member, _ in pool_of(offered)]
    table, missing = _scored(offered, members)
    tested = offered.examples.get("test", table.examples)
    return make_result(
        variables_of(table),
        coordinates_of(table),
        title="What the cost of several networks buys",
        intervals=INTERVALS,
        covers=THESE,
        provenance=offered.provenance(examples=tested, members=len(members), repeats=1),
        left_out=left_out(offered),
        split="test",
        not_averaged=missing,
        **attributes_of(table),
        least_gain=least_gain,
        pass_price=pass_price,
        training_price=training_price,
        doubt=doubt,
        unconverged=unconverged,
    )
