"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes
from modescape.methods import AROUND


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    own = sizes.settings("tsne_subspace")
    members = min(sizes.members, sizes.recipe.train.trajectories)
    networks = members * (len(AROUND) * own["samples"] + sizes.recipe.train.epochs)
    return Cost(sizes.of(networks, sizes.test_at_most(own["examples"]), asked=0), seconds=0.4 * len(AROUND))


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """The sampled networks that it uses; they are predicted once for all analyses."""
    own = sizes.settings("tsne_subspace")
    members = min(sizes.members, sizes.recipe.train.trajectories)
    networks = members * (len(AROUND) * own["samples"] + sizes.recipe.train.epochs)
    return {"embedding": Draws(networks, {"test": sizes.test_at_most(own["examples"])}, asked=0)}
