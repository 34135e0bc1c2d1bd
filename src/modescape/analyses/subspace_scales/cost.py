"""Its cost beyond reading and drawing."""

from __future__ import annotations

from modescape.analyses.costs import Cost, Draws, Sizes
from modescape.analyses.sampling import CONTROL_IMAGES
from modescape.analyses.scales import SWEEP_MEMBERS
from modescape.methods import SCALED


def cost(sizes: Sizes) -> Cost:
    """The cost for a study of these sizes."""
    controls = len(SCALED) * min(sizes.validation, CONTROL_IMAGES)
    return Cost(sizes.of(min(sizes.members, SWEEP_MEMBERS), sizes.validation, asked=0) + controls)


def drawn(sizes: Sizes) -> dict[str, Draws]:
    """The sampled networks that it uses; they are predicted once for all analyses."""
    return {"chosen from": Draws(min(sizes.members, SWEEP_MEMBERS), {"validation": sizes.validation}, asked=0)}
