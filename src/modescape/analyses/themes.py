"""Analyses grouped by theme, as the page shows them, and those that share one section of it."""

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


def told(names: Iterable[str]) -> list[list[str]]:
    """Analyses that share one section of the page (`Analysis.told_with`), the one that names it first.

    Sections are in the order of the names; an analysis whose partner is not among them has its own section.

    >>> told(["training", "tsne", "solution_similarity"]), told(["tsne"])
    ([['training'], ['solution_similarity', 'tsne']], [['tsne']])
    """
    given = list(names)
    leads = {name: ANALYSES[name].told_with for name in given if name in ANALYSES and ANALYSES[name].told_with in given}
    return [[name, *(one for one, lead in leads.items() if lead == name)] for name in given if name not in leads]
