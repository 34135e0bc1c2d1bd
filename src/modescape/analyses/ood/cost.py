"""What it asks for beside reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes


def cost(sizes: Sizes) -> Cost:
    """Of a study of these sizes."""
    sets = 1 + len(sizes.recipe.data.ood)
    return Cost(sizes.of(sizes.on_other_sets, sets * sizes.test_at_most(sizes.settings("ood")["examples"])))


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """What it draws of the networks that are predicted once."""
    examples = sizes.settings("ood")["examples"]
    some = sizes.test_at_most(examples)
    inside = f"test-first-{examples}" if some < sizes.test else "test"
    return {"tested": Draws(sizes.on_other_sets, {inside: some, **dict.fromkeys(sizes.recipe.data.ood, some)})}
