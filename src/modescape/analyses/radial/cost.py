"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    own = sizes.settings("radial")
    return Cost(sizes.of(own["radii"] * own["angles"], sizes.test_at_most(own["examples"]), asked=0))
