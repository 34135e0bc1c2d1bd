"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes

PRODUCT, GRADIENT = 4, 3  # passes forward in the time of a Hessian product, of a gradient


def cost(sizes: Sizes) -> Cost:
    """Of a study of these sizes: spectra of solutions and of epochs of a run, sharpness of the solutions."""
    own = sizes.settings("curvature")
    members, train = min(sizes.members, own["members"]), min(sizes.train, own["examples"])
    epochs = min(own["epochs"], sizes.recipe.train.epochs + 1) - 1
    products = (members + epochs) * own["probes"] * own["steps"]
    climbs = 2 * members * (own["climbs"] * GRADIENT + 6)
    return Cost(train * (PRODUCT * products + climbs) + sizes.of(2 * members, sizes.test, asked=0))
