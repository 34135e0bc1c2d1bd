"""What a setting of an analysis may be, and what drawing imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KIT = ("modescape.plots.charts", "modescape.plots.files", "modescape.plots.canvas")
RESULTS = ("xarray",)


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
