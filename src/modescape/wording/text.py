"""The words around a figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """The texts around a figure."""

    title: str
    shown: str  # what is shown
    reading: str  # how to read it
    together: Text | None = None  # the same, where analyses are told with this one (`Analysis.told_with`)


SECTION = ("section_title", "section_shown", "section_reading")
"""Attributes of a result that hold the words of its section, where the analysis is not of this package."""
