"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes


def cost(sizes: Sizes) -> Cost:
    """Of a study of these sizes: solutions, initialisations, and epochs of some runs."""
    own = sizes.settings("cka")
    members, train = min(sizes.members, own["members"]), sizes.recipe.train
    runs = min(members, own["trajectories"], train.trajectories)
    networks = 2 * members + runs * min(own["epochs"], train.epochs + 1)
    return Cost(networks * sizes.test_at_most(own["examples"]))
