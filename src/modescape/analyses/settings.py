"""What settings of analyses may be, and which analyses a recipe has that names none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modescape.recipe import Recipe


def usual(recipe: Recipe) -> list[str]:
    """The analyses of a recipe that names none: all, but for those of what it does not have."""
    from modescape import data
    from modescape.analyses import ANALYSES, ROWS, STARTED

    has = {STARTED: recipe.model.init is not None, ROWS: data.kind_of(recipe.data) == "table"}
    return [name for name, one in ANALYSES.items() if has.get(one.only_for, True)]


def kind_of(default: object) -> tuple[str, Callable[[Any], bool]]:
    """What a setting may be, by its default: in words, and whether a value is that."""

    def number(value: Any, kind: Any) -> bool:
        return not isinstance(value, bool) and isinstance(value, kind) and value > 0

    if isinstance(default, bool):
        return "true or false", lambda value: isinstance(value, bool)
    if isinstance(default, str):
        return "text", lambda value: isinstance(value, str)
    if isinstance(default, int):
        return "a whole number, 1 or more", lambda value: number(value, int)
    # null: a number that the analysis finds itself
    return "a number above 0, or null", lambda value: value is None or number(value, int | float)
