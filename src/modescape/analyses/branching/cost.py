"""Its cost beyond training and reading."""

from __future__ import annotations

from modescape.analyses.branching.auxiliary import branch_epochs
from modescape.analyses.costs import Cost, Sizes


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    own, children = sizes.settings("branching"), sizes.recipe.variants.members
    groups = len(branch_epochs(sizes.recipe.auxiliary_epochs())) + 1  # plus the independent networks
    inner = 2 * (int(own["points"]) // 2) - 1
    pairs = children * (children + 1) // 2
    networks = 1 + groups * (children + 2 * pairs * inner)  # ends, and two lines a pair
    return Cost(sizes.of(networks, sizes.test_at_most(own["examples"]), asked=0))
