"""What each analysis asks for beside reading and drawing: images sent through networks, and steps of training.

Counted from the code of the analyses, to within a factor of two (a test compares): random samples that are drawn again,
and methods that a network does not allow, are taken as they mostly are. Recomputing the batch-norm statistics of a
network sends it training images, often more than the analysis itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modescape.analyses.drawing import BATCH_NORM_IMAGES
from modescape.analyses.scales import STEPS, SWEEP_MEMBERS
from modescape.data.corruptions import SEVERITIES
from modescape.methods import AROUND, SCALED
from modescape.recipe import Recipe

DRAWN_AGAIN = 0.3  # samples of which the accuracy is asked for, for each that is used, on average over the methods
CLOUD = 40  # random samples drawn for the directions of PCA-random, with those that are drawn again
SPANNED = len(STEPS) - 1  # steps of a sweep at which there is more than one network


@dataclass(frozen=True)
class Sizes:
    """Of a study: what the counts are made of."""

    recipe: Recipe
    members: int
    train: int  # images
    validation: int
    test: int
    batch_norm: bool = False  # whether the network has statistics that are recomputed

    @property
    def runs(self) -> int:
        """Members around which networks are drawn where not all are needed."""
        return min(self.members, self.recipe.subspace.runs)

    @property
    def drawn(self) -> int:
        """Networks that all methods draw around one solution."""
        return len(AROUND) * self.recipe.subspace.samples

    @property
    def statistics(self) -> int:
        """Training images that a network sees for its batch-norm statistics."""
        recomputed = self.batch_norm and self.recipe.subspace.batch_norm == "recompute"
        return min(self.train, BATCH_NORM_IMAGES) if recomputed else 0

    def test_at_most(self, examples: int) -> int:
        """Test images, or as many as an analysis takes."""
        return min(self.test, examples)

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of an analysis."""
        return self.recipe.settings.get(name, {})

    def of(self, networks: float, images: float, asked: float = DRAWN_AGAIN) -> float:
        """Images of networks that are evaluated, with their statistics, and with the draws that are judged before.

        Args:
            networks: how many.
            images: that each predicts.
            asked: of how many more networks the validation accuracy is asked for, a network.
        """
        again = asked * (self.validation + self.statistics)
        return networks * (images + self.statistics + again)


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
    settings = sizes.recipe.subspace
    draws = 2 * settings.samples * math.ceil(settings.choosing / (2 * settings.samples))
    members = min(sizes.members, SWEEP_MEMBERS)
    networks = members * len(SCALED) * (SPANNED * draws + 1)
    return sizes.of(networks, sizes.validation) + sizes.of(members * CLOUD, sizes.validation, asked=0)


def _radial(sizes: Sizes) -> Cost:
    own = sizes.settings("radial")
    return Cost(sizes.of(own["radii"] * own["angles"], sizes.test_at_most(own["examples"]), asked=0))


def _tunnel(sizes: Sizes) -> Cost:
    own = sizes.settings("tunnel")
    test, train = sizes.test_at_most(own["examples"]), min(sizes.train, own["examples"])
    images = sizes.of(own["points"] * own["radii"], test, asked=0)
    images += sum(sizes.of(2 * own["points"], examples, asked=0) for examples in (test, train))
    return Cost(images, steps=(2 ** own["levels"] - 1) * own["steps"])


def _ensemble_methods(sizes: Sizes) -> Cost:
    at_one = sizes.runs * len(SCALED) * sizes.recipe.subspace.samples
    networks = sizes.members * sizes.drawn
    images = sizes.of(networks, sizes.test + sizes.validation) + sizes.of(at_one, sizes.test, asked=0)
    return Cost(images + sizes.of(2 * sizes.members, sizes.test, asked=0))


def _diversity_map(sizes: Sizes) -> Cost:
    own = sizes.settings("diversity_map")
    networks = len(SCALED) * SPANNED * sizes.recipe.subspace.samples
    seen = 2 * sizes.test_at_most(own["examples"]) + sizes.validation
    barriers = sizes.of(networks * own["points"], min(sizes.train, own["train_examples"]), asked=0)
    return Cost(sizes.of(networks * sizes.runs, seen) + barriers)


def _diversity_plane(sizes: Sizes) -> Cost:
    networks = len(AROUND) * sizes.settings("diversity_plane")["draws"]
    return Cost(sizes.of(networks, sizes.test, asked=0))


def _tsne_subspace(sizes: Sizes) -> Cost:
    own = sizes.settings("tsne_subspace")
    members = min(sizes.members, sizes.recipe.train.trajectories)
    networks = members * (len(AROUND) * own["samples"] + sizes.recipe.train.epochs)
    return Cost(sizes.of(networks, sizes.test_at_most(own["examples"]), asked=0), seconds=0.4 * len(AROUND))


def _shift(sizes: Sizes) -> Cost:
    return Cost(sizes.of(sizes.runs * sizes.drawn, (1 + len(SEVERITIES)) * sizes.test + sizes.validation))


def _ood(sizes: Sizes) -> Cost:
    sets = 1 + len(sizes.recipe.data.ood)
    return Cost(sizes.of(sizes.runs * sizes.drawn, sets * sizes.test_at_most(sizes.settings("ood")["examples"])))


def _samples(sizes: Sizes) -> Cost:
    return Cost(sizes.of(sizes.runs * sizes.drawn, sizes.test))


COSTS: dict[str, Callable[[Sizes], Cost]] = {  # analyses that are not here read what is there
    "tsne": lambda sizes: Cost(seconds=1.5),
    "tsne_subspace": _tsne_subspace,
    "radial": _radial,
    "tunnel": _tunnel,
    "ensemble_methods": _ensemble_methods,
    "decomposition": _samples,
    "calibration": _samples,
    "diversity_plane": _diversity_plane,
    "diversity_map": _diversity_map,
    "shift": _shift,
    "ood": _ood,
}
