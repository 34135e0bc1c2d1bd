"""The networks that analyses train for themselves, each kind a study of its own under ``variants/``.

They use the study's data, network and optimiser, at the size that the recipe gives (`recipe.Variants`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

from modescape.plain import MOST_EPOCHS
from modescape.recipe import Recipe, parse, stretched

COLD = 1 / 50_000  # temperature of the published code
CYCLIC = {  # method -> folder
    "independent": "cyclic-independent",
    "snapshots": "cyclic-snapshots",
    "csgmcmc, cold": "cyclic-csgmcmc-cold",
    "csgmcmc, T = 1": "cyclic-csgmcmc-hot",
    "long run": "cyclic-long-run",
}
LONG_RUN = "equal-cost-long-run"  # folder of the networks that are trained at the cost of all members


class Condition(NamedTuple):
    """Which streams the two networks of a pair do not share."""

    initialisation: bool
    order: bool  # of the examples, with augmentation
    dropout: bool
    last_bit: bool = False  # one weight of the second starts one step of its last bit away

    def __str__(self) -> str:
        """In words, for legends."""
        own = [f"{_word(self[at])} {name}" for at, name in enumerate(("initialisation", "order", "dropout"))]
        return ", ".join(own + ["last bit"] * self.last_bit)

    @property
    def folder(self) -> str:
        """Under ``variants/``."""
        return "-".join(["randomness", *(_word(self[at]) for at in range(3)), *["last-bit"] * self.last_bit])


def _word(different: bool) -> str:
    return "different" if different else "same"


CONDITIONS = (
    Condition(False, False, False, True),
    *(Condition(*flags) for flags in product((False, True), repeat=3)),
)  # same / same / same is exactly 0 on one machine: beside the last bit it says that the streams are what they claim


def variants(name: str, recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """Folder -> recipe of every kind of network that an analysis wants; most want none.

    Args:
        name: of the analysis.
        recipe: of the study.
        examples: training images that the study has.
    """
    return VARIANTS[name](recipe, examples) if name in VARIANTS else {}


def _randomness(recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """All conditions of {same, different} initialisation x order x dropout, and the last bit."""
    sharing, found = {False: "shared", True: "separate"}, {}
    for one in CONDITIONS:
        streams = {"initialisation": sharing[one.initialisation], "order": sharing[one.order]}
        streams |= {"augmentation": sharing[one.order], "dropout": sharing[one.dropout], "last_bit": one.last_bit}
        found[one.folder] = _small(recipe, examples, streams=streams, trajectories=recipe.variants.members)
    return found


def _cyclic(recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """Snapshot ensembles and cSG-MCMC against independent networks and one long run, at equal epochs of training.

    And one network at the cost of all members (`long_run`).
    """
    size, epochs = recipe.variants, recipe.variant_epochs()
    long = size.cycles * epochs
    cycle: dict[str, Any] = {"kind": "cyclic", "cycles": size.cycles}
    kinds: dict[str, dict[str, Any]] = {
        # one ensemble of `cycles` networks a repeat
        "independent": {"members": size.members * size.cycles, "epochs": epochs, "schedule": {"kind": "cosine"}},
        "snapshots": {"epochs": long, "schedule": cycle},
        "csgmcmc, cold": {"epochs": long, "schedule": {**cycle, "temperature": COLD}},
        "csgmcmc, T = 1": {"epochs": long, "schedule": {**cycle, "temperature": 1.0}},
        "long run": {"epochs": long, "schedule": {"kind": "cosine"}},
    }
    found = {}
    for method, settings in kinds.items():
        # the ends of cycles, or of the training, are the only checkpoints that are looked at
        keep_every = epochs if settings["schedule"]["kind"] == "cyclic" else None
        kept = {"trajectories": 0, "keep_last": 1, "keep_every": keep_every}
        found[CYCLIC[method]] = _small(recipe, examples, **kept, **settings)
    long_runs = long_run(recipe)
    return found if long_runs is None else found | {LONG_RUN: long_runs}


def long_run(recipe: Recipe) -> Recipe | None:
    """The recipe with its training stretched to the cost of all its members: what that buys in one network.

    All training images, the same optimiser, and the recipe's own schedule over the whole of the longer training. None
    where the recipe wants none (``variants.long_runs``), has one member, or would be trained for more epochs than a
    recipe may say.
    """
    train, runs = recipe.train, recipe.variants.long_runs
    epochs = train.members * train.epochs
    if not runs or train.members < 2 or epochs > MOST_EPOCHS:
        return None
    values = recipe.model_dump(mode="json")
    values["train"] |= {"members": runs, "epochs": epochs}
    values["train"] |= {"trajectories": 0, "keep_last": 1, "keep_every": None}
    values["train"]["schedule"] = stretched(values["train"]["schedule"], train.members)
    return parse({**values, "analyses": [], "settings": {}}, "a long run")


VARIANTS: dict[str, Callable[[Recipe, int], dict[str, Recipe]]] = {"randomness": _randomness, "cyclic": _cyclic}


def _small(recipe: Recipe, examples: int, *, streams: dict[str, Any] | None = None, **train: Any) -> Recipe:
    """The recipe at the size of variants, with some settings of training replaced; its analyses are none."""
    values = recipe.model_dump(mode="json")
    size = recipe.variants
    values["train"] |= {"members": size.members, "epochs": recipe.variant_epochs(), **train}
    if streams is not None:
        values["streams"] = streams
    values["data"]["train"] = min(examples, size.train)
    return parse({**values, "analyses": [], "settings": {}}, "a variant")
