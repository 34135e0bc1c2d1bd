"""The words around a figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """What stands around a figure."""

    title: str
    shown: str  # what is shown
    reading: str  # how to read it
