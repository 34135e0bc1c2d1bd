"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes
from modescape.methods import AROUND


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    networks = len(AROUND) * sizes.settings("diversity_plane")["draws"]
    return Cost(sizes.of(networks, sizes.test, asked=0))


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """The sampled networks that it uses; they are predicted once for all analyses."""
    networks = len(AROUND) * sizes.settings("diversity_plane")["draws"]
    return {"plane": Draws(networks, {"test": sizes.test}, asked=0)}
