"""The networks that are trained at the cost of all members: one longer, one wider one, and as many shorter ones."""

from __future__ import annotations

import math
from typing import Any

from modescape.analyses.auxiliary import LONG_RUN, SHORT, WIDE, long_run
from modescape.models.factory import WIDTHS
from modescape.recipe import Recipe, lengthened, parse

CALLED = ("width", "widths", "channels", "filters", "hidden")  # arguments of factories that set the width
KEPT = {"trajectories": 0, "keep_last": 1, "keep_every": None}


def auxiliary(recipe: Recipe, examples: int) -> dict[str, Recipe]:
    """One network trained as long as all members, one as wide as all, and as many members at one's training.

    On all training images, by the recipe's optimiser and schedule, stretched or shortened. As many of each of the
    first two as ``variants.long_runs`` says; none of any where it is 0, or where there is one member.
    """
    long = long_run(recipe)
    if long is None:
        return {}
    made = {LONG_RUN: long, WIDE: _wide(recipe), SHORT: _short(recipe)}
    return {folder: one for folder, one in made.items() if one is not None}


def _wide(recipe: Recipe) -> Recipe | None:
    """The recipe of a network with about as many weights as all members.

    None where the width is not known to be set by an argument, or where training starts from a checkpoint.

    Weights of inner layers grow with the square of the width, so it is the root of the number of members times as wide.
    """
    arguments = wider(recipe.model.factory, recipe.model.arguments, math.sqrt(recipe.train.members))
    if arguments is None or recipe.model.init or recipe.model.freeze:
        return None
    values = recipe.model_dump(mode="json")
    values["model"]["arguments"] |= arguments
    values["train"] |= KEPT | {"members": recipe.variants.long_runs}
    return parse({**values, "analyses": [], "settings": {}}, "a wider network")


def wider(factory: str, arguments: dict[str, Any], times: float) -> dict[str, Any] | None:
    """Arguments of a network wider by a factor; None where no argument is known to set its width.

    Args:
        factory: of the recipe.
        arguments: of the factory; built-in networks have defaults.
        times: factor, 1 or more.

    >>> wider("small_cnn", {}, 2), wider("mine:net", {"depth": 3}, 2)
    ({'channels': [32, 64, 64]}, None)
    >>> wider("text_transformer", {"width": 16, "heads": 2}, 10**0.5)  # each head is as wide as the others
    {'width': 50}
    """
    known = {**WIDTHS.get(factory, {}), **arguments}
    heads = known.get("heads", 1)
    step = heads if type(heads) is int and heads > 0 else 1
    for name in CALLED:
        value = known.get(name)
        sizes = [value] if type(value) is int else list(value) if isinstance(value, (list, tuple)) else []
        if sizes and all(type(size) is int and size > 0 for size in sizes):
            grown = [step * max(1, math.floor(size * times / step + 0.5)) for size in sizes]
            return {name: grown[0] if type(value) is int else grown}
    return None


def _short(recipe: Recipe) -> Recipe | None:
    """As many members, each trained for a fraction of the epochs, so that all together cost as much as one."""
    epochs = recipe.train.epochs // recipe.train.members
    if epochs < 1:
        return None
    values = recipe.model_dump(mode="json")
    values["train"] = lengthened(values["train"], epochs) | KEPT
    return parse({**values, "analyses": [], "settings": {}}, "short runs")
