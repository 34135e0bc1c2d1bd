"""The auxiliary networks: pairs that share some of their random streams."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from modescape.analyses.auxiliary import small
from modescape.recipe import Recipe


class Condition(NamedTuple):
    """Which streams the two networks of a pair do not share."""

    initialisation: bool
    order: bool  # of the examples, with augmentation and mixup
    dropout: bool
    last_bit: bool = False  # one weight of the second network starts one floating-point step away

    def __str__(self) -> str:
        """The condition in words, for legends."""
        own = [f"{_word(self[at])} {name}" for at, name in enumerate(("initialisation", "order", "dropout"))]
        return ", ".join(own + ["last bit"] * self.last_bit)

    @property
    def folder(self) -> str:
        """Folder under ``variants/``."""
        return "-".join(["randomness", *(_word(self[at]) for at in range(3)), *["last-bit"] * self.last_bit])


def _word(different: bool) -> str:
    return "different" if different else "same"


CONDITIONS = (
    Condition(False, False, False, True),
    *(Condition(*flags) for flags in product((False, True), repeat=3)),
)  # same / same / same is exactly 0 on one machine: it checks that nothing else is random


def auxiliary(recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """All conditions of {same, different} initialisation x order x dropout, and the last bit."""
    sharing, found = {False: "shared", True: "separate"}, {}
    for one in CONDITIONS:
        streams = {"initialisation": sharing[one.initialisation], "order": sharing[one.order]}
        streams |= {"augmentation": sharing[one.order], "dropout": sharing[one.dropout], "last_bit": one.last_bit}
        streams |= {"mixup": sharing[one.order]} if recipe.train.mixup else {}
        found[one.folder] = small(recipe, examples, streams=streams, trajectories=recipe.variants.members)
    return found
