"""Analyses grouped by theme, as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable

from modescape.analyses.analysis import THEMES
from modescape.analyses.registry import ANALYSES

OTHERS = "Your own"  # of a user's own analyses


def themed(names: Iterable[str]) -> dict[str, list[str]]:
    """Analyses by theme, in the order of the themes and within a theme in the order given.

    >>> themed(["shift", "radial", "mine.py:look", "tunnel"])
    {'Landscape': ['radial', 'tunnel'], 'Shift and other data': ['shift'], 'Your own': ['mine.py:look']}
    """
    found: dict[str, list[str]] = {theme: [] for theme in (*THEMES, OTHERS)}
    for name in names:
        found[ANALYSES[name].theme if name in ANALYSES else OTHERS].append(name)
    return {theme: own for theme, own in found.items() if own}
