"""What it asks for beside reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes


def cost(sizes: Sizes) -> Cost:
    """Of a study of these sizes."""
    return Cost(sizes.of(sizes.runs * sizes.drawn, sizes.test))


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """What it draws of the networks that are predicted once."""
    return {"tested": Draws(sizes.runs * sizes.drawn, {"test": sizes.test})}
