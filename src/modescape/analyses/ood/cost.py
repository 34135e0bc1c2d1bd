"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    sets = 1 + len(sizes.recipe.data.ood)
    return Cost(sizes.of(sizes.on_other_sets, sets * sizes.test_at_most(sizes.settings("ood")["examples"])))


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """The sampled networks that it uses; they are predicted once for all analyses."""
    examples = sizes.settings("ood")["examples"]
    some = sizes.test_at_most(examples)
    inside = f"test-first-{examples}" if some < sizes.test else "test"
    return {"tested": Draws(sizes.on_other_sets, {inside: some, **dict.fromkeys(sizes.recipe.data.ood, some)})}
