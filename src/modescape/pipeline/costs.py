"""What each analysis asks for beside reading and drawing: images sent through networks, and steps of training.

Counted from the code of the analyses, to within a factor of two (a test compares): random samples that are drawn again,
and methods that a network does not allow, are taken as they mostly are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modescape.analyses.sampling import BASES, METHODS
from modescape.analyses.scales import SWEEP, SWEEP_MEMBERS
from modescape.data.corruptions import SEVERITIES
from modescape.recipe import Recipe

DRAWN_AGAIN = 2  # samples of which the accuracy is asked for, for each that is used, on average over the methods


@dataclass(frozen=True)
class Sizes:
    """Of a study: what the counts are made of."""

    recipe: Recipe
    members: int
    train: int  # images
    validation: int
    test: int

    @property
    def runs(self) -> int:
        """Members around which networks are drawn where not all are needed."""
        return min(self.members, self.recipe.subspace.runs)

    @property
    def drawn(self) -> int:
        """Networks that all methods draw around one solution."""
        return len(METHODS) * self.recipe.subspace.samples

    def test_at_most(self, examples: int) -> int:
        """Test images, or as many as an analysis takes."""
        return min(self.test, examples)

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of an analysis."""
        return self.recipe.settings.get(name, {})


@dataclass(frozen=True)
class Cost:
    """Of one analysis."""

    images: float = 0  # sent through networks, all networks together
    steps: float = 0  # of one member's training
    seconds: float = 0  # of work that a small analysis does not have: embeddings


def sweep_images(sizes: Sizes) -> float:
    """Images of the sweep of scales, which a process makes once for all its analyses that draw networks."""
    if sizes.recipe.subspace.variant != "swept":
        return 0
    networks = min(sizes.members, SWEEP_MEMBERS) * len(BASES) * len(SWEEP) * sizes.recipe.subspace.samples
    return networks * sizes.validation * DRAWN_AGAIN


def _radial(sizes: Sizes) -> Cost:
    own = sizes.settings("radial")
    return Cost(own["radii"] * own["angles"] * sizes.test_at_most(own["examples"]))


def _tunnel(sizes: Sizes) -> Cost:
    own = sizes.settings("tunnel")
    test, train = sizes.test_at_most(own["examples"]), min(sizes.train, own["examples"])
    images = own["points"] * (own["radii"] * test + 2 * (test + train))
    return Cost(images, steps=(2 ** own["levels"] - 1) * own["steps"])


def _diversity_map(sizes: Sizes) -> Cost:
    own = sizes.settings("diversity_map")
    networks = len(BASES) * len(SWEEP) * sizes.recipe.subspace.samples
    seen = 2 * sizes.test_at_most(own["examples"]) + DRAWN_AGAIN * sizes.validation
    barriers = networks * own["points"] * min(sizes.train, own["train_examples"])
    return Cost(networks * sizes.runs * seen + barriers)


def _tsne_subspace(sizes: Sizes) -> Cost:
    own = sizes.settings("tsne_subspace")
    members = min(sizes.members, sizes.recipe.train.trajectories)
    networks = members * len(METHODS) * own["samples"]
    return Cost(networks * (sizes.test_at_most(own["examples"]) + sizes.validation), seconds=0.4 * len(METHODS))


def _ood(sizes: Sizes) -> Cost:
    sets = 1 + len(sizes.recipe.data.ood)
    return Cost(sizes.runs * sizes.drawn * sets * sizes.test_at_most(sizes.settings("ood")["examples"]))


COSTS: dict[str, Callable[[Sizes], Cost]] = {  # analyses that are not here read what is there
    "tsne": lambda sizes: Cost(seconds=1.5),
    "tsne_subspace": _tsne_subspace,
    "radial": _radial,
    "tunnel": _tunnel,
    "ensemble_methods": lambda sizes: Cost(sizes.members * sizes.drawn * (sizes.test + 1.5 * sizes.validation)),
    "decomposition": lambda sizes: Cost(sizes.runs * sizes.drawn * sizes.test),
    "calibration": lambda sizes: Cost(sizes.runs * sizes.drawn * sizes.test),
    "diversity_plane": lambda sizes: Cost(len(METHODS) * sizes.settings("diversity_plane")["draws"] * sizes.test),
    "diversity_map": _diversity_map,
    "shift": lambda sizes: Cost(sizes.runs * sizes.drawn * ((1 + len(SEVERITIES)) * sizes.test + sizes.validation)),
    "ood": _ood,
}
