"""The words of each section: its title, what is shown and how to read it."""

from __future__ import annotations

from modescape.report.texts.basics import BASICS
from modescape.report.texts.maps import MAPS
from modescape.report.texts.methods import METHODS
from modescape.report.texts.text import Text

__all__ = ["TEXTS", "Text"]

TEXTS: dict[str, Text] = {**BASICS, **METHODS, **MAPS}
