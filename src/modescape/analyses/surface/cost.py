"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes

PLANES = 3
REFINED = 0.55  # share of a plane's points that are measured, for a grid that can be refined


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    own = sizes.settings("surface")
    points = PLANES * max(own["points"], 5) ** 2 * (REFINED if own["tolerance"] and own["points"] > 16 else 1.0)
    images = (sizes.of(points, min(count, own["examples"]), asked=0) for count in (sizes.train, sizes.test))
    return Cost(sum(images))
