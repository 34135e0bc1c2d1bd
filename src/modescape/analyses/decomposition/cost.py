"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    return Cost(sizes.of(sizes.runs * sizes.drawn, sizes.test))


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """The sampled networks that it uses; they are predicted once for all analyses."""
    return {"tested": Draws(sizes.runs * sizes.drawn, {"test": sizes.test})}
