"""The cost of each analysis beyond reading and drawing: forward passes of images, and steps of training.

Counted from the code of the analyses, to within a factor of two (a test compares): random samples that are drawn again,
and methods that a network does not allow, are taken as they mostly are. Recomputing the batch-norm statistics of a
network sends it training images, often more than the analysis itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modescape.analyses import BESIDE, defaults, entry, suits
from modescape.analyses.drawing import BATCH_NORM_IMAGES
from modescape.analyses.scales import STEPS, SWEEP_MEMBERS
from modescape.methods import AROUND, SCALED
from modescape.recipe import Recipe

if TYPE_CHECKING:
    from modescape.study import Study

DRAWN_AGAIN = 0.3  # samples whose accuracy is computed per sample used, average over the methods
CLOUD = 40  # random samples drawn for the directions of PCA-random, with those that are drawn again
STEP_IMAGES = 300  # forward passes of images in the time of a training step
SECOND_IMAGES = 150_000  # forward passes per second of a worker with a small network
SPANNED = len(STEPS) - 1  # steps of a sweep at which there is more than one network


@dataclass(frozen=True)
class Sizes:
    """The sizes of a study, from which costs are counted."""

    recipe: Recipe
    members: int
    train: int  # images
    validation: int
    test: int
    task: str = "classification"
    batch_norm: bool = False  # whether the network has statistics that are recomputed

    @property
    def runs(self) -> int:
        """Members around which networks are drawn where not all are needed."""
        return min(self.members, self.recipe.subspace.runs)

    @property
    def drawn(self) -> int:
        """Networks that all methods together draw around one solution."""
        return len(AROUND) * self.recipe.subspace.samples

    @property
    def on_other_sets(self) -> int:
        """Networks evaluated on corrupted and other examples: of all methods, or the members of a regression."""
        return self.members if self.task == "regression" else self.runs * self.drawn

    @property
    def statistics(self) -> int:
        """Training images that a network sees for its batch-norm statistics."""
        recomputed = self.batch_norm and self.recipe.subspace.batch_norm == "recompute"
        return min(self.train, BATCH_NORM_IMAGES) if recomputed else 0

    def test_at_most(self, examples: int) -> int:
        """Test images, at most as many as an analysis uses."""
        return min(self.test, examples)

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of an analysis."""
        return {**defaults(name), **self.recipe.settings.get(name, {})}

    def of(self, networks: float, images: float, asked: float = DRAWN_AGAIN) -> float:
        """Forward passes for networks on examples, including batch-norm statistics and rejected draws.

        Args:
            networks: how many.
            images: that each predicts.
            asked: further networks per network whose validation accuracy is computed.
        """
        again = asked * (self.validation + self.statistics)
        return networks * (images + self.statistics + again)


def sizes_of(study: Study) -> Sizes:
    """The sizes of a study, from its manifest."""
    counts = study.manifest.get("examples") or dict.fromkeys(("train", "validation", "test"), 0)
    batch_norm = any(name.endswith("running_mean") for name in study.manifest["model"]["buffers"])
    examples = (counts[split] for split in ("train", "validation", "test"))
    return Sizes(study.recipe, study.recipe.train.members, *examples, task=study.task.kind, batch_norm=batch_norm)


@dataclass(frozen=True)
class Cost:
    """Of one analysis."""

    images: float = 0  # sent through networks, all networks together
    steps: float = 0  # of one member's training
    seconds: float = 0  # of work that a small analysis does not have: embeddings

    @property
    def rank(self) -> float:
        """A number that grows with the duration of an analysis; nothing is timed."""
        return self.images + STEP_IMAGES * self.steps + SECOND_IMAGES * self.seconds


@dataclass(frozen=True)
class Draws:
    """Networks of a kind, and examples of each set that they predict."""

    networks: float
    sets: Mapping[str, float]
    asked: float = DRAWN_AGAIN  # see `Sizes.of`


def sweep_images(sizes: Sizes) -> float:
    """Forward passes of the sweep of scales, which a process makes once for all analyses that sample networks."""
    if sizes.recipe.subspace.variant != "swept":
        return 0
    settings = sizes.recipe.subspace
    draws = 2 * settings.samples * math.ceil(settings.choosing / (2 * settings.samples))
    members = min(sizes.members, SWEEP_MEMBERS)
    networks = members * len(SCALED) * (SPANNED * draws + 1)
    return sizes.of(networks, sizes.validation) + sizes.of(members * CLOUD, sizes.validation, asked=0)


def cost_of(name: str, sizes: Sizes) -> Cost:
    """The cost of an analysis; zero where it only reads."""
    module = cost_module(name, sizes)
    return Cost() if module is None else module.cost(sizes)


def draws_networks(name: str, task: str) -> bool:
    """Whether an analysis requests networks sampled around solutions."""
    return suits(name, task) and hasattr(entry(name).part("measure", task), "draws")


def cost_module(name: str, sizes: Sizes) -> Any:
    """The function that gives the cost; None where the analysis (for this task) only reads."""
    one = entry(name)
    reads = sizes.task == "regression" and one.numbers == BESIDE and not draws_networks(name, sizes.task)
    return one.part("cost") if "cost" in one.also and not reads else None
