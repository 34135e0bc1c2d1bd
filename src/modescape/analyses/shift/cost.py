"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes
from modescape.data.corruptions import SEVERITIES


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    return Cost(sizes.of(sizes.on_other_sets, (1 + len(SEVERITIES)) * sizes.test + sizes.validation))


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """The sampled networks that it uses; they are predicted once for all analyses."""
    sets = {"test": sizes.test, "validation": sizes.validation}
    sets |= {f"shift-{one}": sizes.test for one in SEVERITIES}
    return {"tested": Draws(sizes.on_other_sets, sets)}
