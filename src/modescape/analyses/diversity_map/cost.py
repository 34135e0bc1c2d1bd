"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import SPANNED, Cost, Draws, Sizes
from modescape.methods import SCALED


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    own = sizes.settings("diversity_map")
    networks = len(SCALED) * SPANNED * sizes.recipe.subspace.samples
    seen = 2 * sizes.test_at_most(own["examples"]) + sizes.validation
    barriers = sizes.of(networks * own["points"], min(sizes.train, own["train_examples"]), asked=0)
    return Cost(sizes.of(networks * sizes.runs, seen) + barriers)


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """The sampled networks that it uses; they are predicted once for all analyses."""
    some = sizes.test_at_most(sizes.settings("diversity_map")["examples"])
    networks = len(SCALED) * SPANNED * sizes.recipe.subspace.samples
    return {"map": Draws(networks * sizes.runs, {"test": some, "shifted": some, "validation": sizes.validation})}
