"""The networks that analyses train for themselves, each kind a study of its own under ``variants/``.

They use the study's data, network and optimiser, at the size that the recipe gives (`recipe.Variants`).
"""

from __future__ import annotations

from typing import Any

from modescape.analyses import entry
from modescape.plain import MOST_EPOCHS
from modescape.recipe import Recipe, lengthened, parse, warmup_for

LONG_RUN = "equal-cost-long-run"  # folder of the networks that are trained at the cost of all members
WIDE, SHORT = "equal-cost-wide", "equal-cost-short"  # one wider network, and more networks trained for less time
WHOLE = "whole long run"  # what such a network is called in results
CYCLIC = {  # way to train at equal cost -> folder
    "independent": "cyclic-independent",
    "snapshots": "cyclic-snapshots",
    "csgmcmc, cold": "cyclic-csgmcmc-cold",
    "csgmcmc, T = 1": "cyclic-csgmcmc-hot",
    "long run": "cyclic-long-run",
}


def variants(name: str, recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """Folder -> recipe of every kind of network that an analysis wants; most want none.

    Args:
        name: of the analysis.
        recipe: of the study.
        examples: training images that the study has.
    """
    one = entry(name)
    return one.part("auxiliary").auxiliary(recipe, examples) if "auxiliary" in one.also else {}


def long_run(recipe: Recipe) -> Recipe | None:
    """The recipe with its training extended to the cost of all its members, for one network.

    All training images, the same optimiser, and the recipe's own schedule over the whole of the longer training. None
    where the recipe wants none (``variants.long_runs``), has one member, or would be trained for more epochs than a
    recipe may say.
    """
    train, runs = recipe.train, recipe.variants.long_runs
    epochs = train.members * train.epochs
    if not runs or train.members < 2 or epochs > MOST_EPOCHS:
        return None
    values = recipe.model_dump(mode="json")
    kept = {"trajectories": 0, "keep_last": 1, "keep_every": None}
    values["train"] = lengthened(values["train"], epochs) | {"members": runs, **kept}
    return parse({**values, "analyses": [], "settings": {}}, "a long run")


def small(recipe: Recipe, examples: int, *, streams: dict[str, Any] | None = None, **train: Any) -> Recipe:
    """The recipe at the size of variants, with some settings of training replaced; its analyses are none."""
    values = recipe.model_dump(mode="json")
    size = recipe.variants
    settings = {"members": size.members, "epochs": recipe.auxiliary_epochs(), **train}
    values["train"] |= settings | {"warmup": warmup_for(values["train"], settings["epochs"])}
    if values["train"]["schedule"]["kind"] == "cyclic":  # whose loss rises with every cycle
        values["train"]["early_stopping"] = None
    if streams is not None:
        values["streams"] = streams
    values["data"]["train"] = min(examples, size.train)
    return parse({**values, "analyses": [], "settings": {}}, "a variant")
