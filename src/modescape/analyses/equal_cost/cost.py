"""Its cost beyond reading: averages of weights, of each run and of members."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes
from modescape.analyses.equal_cost.averages import SIZES


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    averages = sum(size < sizes.members for size in SIZES) + 1
    return Cost(sizes.of(sizes.members + averages, sizes.test + sizes.validation, asked=0))
