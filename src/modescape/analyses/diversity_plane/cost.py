"""What it asks for beside reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes
from modescape.analyses.sampling import METHODS


def cost(sizes: Sizes) -> Cost:
    """Of a study of these sizes."""
    networks = len(METHODS) * sizes.settings("diversity_plane")["draws"]
    return Cost(sizes.of(networks, sizes.test, asked=0))
