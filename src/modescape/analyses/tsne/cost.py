"""What it asks for beside reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes


def cost(sizes: Sizes) -> Cost:
    """Of a study of these sizes."""
    return Cost(seconds=1.5)
