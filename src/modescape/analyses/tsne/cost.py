"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    return Cost(seconds=1.5)
