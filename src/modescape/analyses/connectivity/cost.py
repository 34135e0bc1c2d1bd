"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.connectivity.kinds import PATHS
from modescape.analyses.costs import Cost, Sizes
from modescape.paths.between import KINDS

PASSES = 3  # of training examples for a network that is repaired: its own moments, and two to correct them


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    own = sizes.settings("connectivity")
    members, points = min(sizes.members, own["members"]), max(own["points"], 3)
    test, train = sizes.test_at_most(own["examples"]), min(sizes.train, own["train_examples"])
    anew = train if sizes.batch_norm else PASSES * train
    lines = members * (members - 1) / 2 * points * len(KINDS) * (test + anew / 2)
    along = len(PATHS) * (2 * points - 1) * (2 * test + (train if sizes.batch_norm else 0))
    return Cost(lines * (1 if sizes.task == "classification" else 2) + along, steps=2 * own["steps"])
