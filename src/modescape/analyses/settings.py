"""The kinds of settings of analyses, and the analyses of a recipe that names none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modescape.recipe import Recipe


def usual(recipe: Recipe) -> list[str]:
    """The analyses of a recipe that names none: all, except those for data or starts that it does not have."""
    from modescape import data
    from modescape.analyses import ANALYSES, GIVEN, ROWS, STARTED

    if recipe.imported is not None:
        return _of_imported(recipe.imported.network)
    has = {STARTED: recipe.model.init is not None, ROWS: data.kind_of(recipe.data) == "table", GIVEN: False, "": True}
    return [name for name, one in ANALYSES.items() if has[one.only_for]]


def _of_imported(network: bool) -> list[str]:
    """The analyses of an imported study: none that trains networks, as the training is unknown."""
    from modescape.analyses import ANALYSES, CHECKPOINTS, GIVEN

    chosen = {
        name: one
        for name, one in ANALYSES.items()
        if one.only_for in ("", GIVEN) and ("auxiliary" not in one.also or one.given)
    }
    weights = [name for name, one in chosen.items() if set(one.needs) == {CHECKPOINTS}]
    return [name for name, one in chosen.items() if name in weights or (network and one.only_for != GIVEN)]


def kind_of(default: object) -> tuple[str, Callable[[Any], bool]]:
    """The kind of a setting, by its default: in words, and a check of values."""

    def number(value: Any, kind: Any) -> bool:
        return not isinstance(value, bool) and isinstance(value, kind) and value > 0

    if isinstance(default, bool):
        return "true or false", lambda value: isinstance(value, bool)
    if isinstance(default, str):
        return "text", lambda value: isinstance(value, str)
    if isinstance(default, int):
        return "a whole number, 1 or more", lambda value: number(value, int)
    # null: the analysis chooses the number
    return "a number above 0, or null", lambda value: value is None or number(value, int | float)
