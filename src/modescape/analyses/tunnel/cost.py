"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    own = sizes.settings("tunnel")
    test, train = sizes.test_at_most(own["examples"]), min(sizes.train, own["examples"])
    images = sizes.of(own["points"] * own["radii"], test, asked=0)
    images += sum(sizes.of(2 * own["points"], examples, asked=0) for examples in (test, train))
    return Cost(images, steps=(2 ** own["levels"] - 1) * own["steps"])
