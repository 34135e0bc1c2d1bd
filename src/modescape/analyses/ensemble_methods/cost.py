"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes
from modescape.methods import SCALED


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    at_one = sizes.runs * len(SCALED) * sizes.recipe.subspace.samples
    networks = sizes.members * sizes.drawn
    images = sizes.of(networks, sizes.test + sizes.validation) + sizes.of(at_one, sizes.test, asked=0)
    return Cost(images + sizes.of(2 * sizes.members, sizes.test, asked=0))


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """The sampled networks that it uses; they are predicted once for all analyses."""
    both = {"test": sizes.test, "validation": sizes.validation}
    at_one = sizes.runs * len(SCALED) * sizes.recipe.subspace.samples
    return {
        "tested": Draws(sizes.members * sizes.drawn, both),
        "at one distance": Draws(at_one, {"test": sizes.test}, asked=0),
    }
