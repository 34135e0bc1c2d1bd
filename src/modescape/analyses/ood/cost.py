"""What it asks for beside reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Sizes


def cost(sizes: Sizes) -> Cost:
    """Of a study of these sizes."""
    sets = 1 + len(sizes.recipe.data.ood)
    return Cost(sizes.of(sizes.runs * sizes.drawn, sets * sizes.test_at_most(sizes.settings("ood")["examples"])))
