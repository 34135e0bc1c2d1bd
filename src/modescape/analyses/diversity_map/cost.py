"""What it asks for beside reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import SPANNED, Cost, Sizes
from modescape.methods import SCALED


def cost(sizes: Sizes) -> Cost:
    """Of a study of these sizes."""
    own = sizes.settings("diversity_map")
    networks = len(SCALED) * SPANNED * sizes.recipe.subspace.samples
    seen = 2 * sizes.test_at_most(own["examples"]) + sizes.validation
    barriers = sizes.of(networks * own["points"], min(sizes.train, own["train_examples"]), asked=0)
    return Cost(sizes.of(networks * sizes.runs, seen) + barriers)
