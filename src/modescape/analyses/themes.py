"""Analyses by what they are about: the page shows what belongs together side by side, and tells one thing once."""

from __future__ import annotations

from collections.abc import Iterable

from modescape.analyses.analysis import THEMES
from modescape.analyses.registry import ANALYSES

OTHERS = "Your own"  # of analyses that are not of this package


def themed(names: Iterable[str]) -> dict[str, list[str]]:
    """Analyses by theme, in the order of the themes and within a theme in the order given.

    >>> themed(["shift", "radial", "mine.py:look", "tunnel"])
    {'Landscape': ['radial', 'tunnel'], 'Shift and other data': ['shift'], 'Your own': ['mine.py:look']}
    """
    found: dict[str, list[str]] = {theme: [] for theme in (*THEMES, OTHERS)}
    for name in names:
        found[ANALYSES[name].theme if name in ANALYSES else OTHERS].append(name)
    return {theme: own for theme, own in found.items() if own}


def told(names: Iterable[str]) -> list[list[str]]:
    """Analyses that one section of the page tells, the one that it bears the name of first; in the order given.

    An analysis whose partner is not among the names has its own section.

    >>> told(["training", "tsne", "solution_similarity"]), told(["tsne"])
    ([['training'], ['solution_similarity', 'tsne']], [['tsne']])
    """
    given = list(names)
    leads = {name: ANALYSES[name].told_with for name in given if name in ANALYSES and ANALYSES[name].told_with in given}
    return [[name, *(one for one, lead in leads.items() if lead == name)] for name in given if name not in leads]
