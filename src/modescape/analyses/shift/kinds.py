"""Kinds of shift: corruptions, each of its own part of the test examples, and selections of unchanged examples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from modescape.analyses.stating import Variables
from modescape.data.corruptions import SEVERITIES
from modescape.offered import Shifted


class Look(NamedTuple):
    """The examples of one kind at one severity."""

    severity: int  # of the predictions: 0 for selections, which are not corrupted
    examples: np.ndarray  # their indices; none for a corruption that is left out


def looks(shifted: Shifted) -> list[list[Look]]:
    """For severity 0 to 5, the examples of each kind, corruptions first; at severity 0 all those of the selections."""
    found = []
    for severity in (0, *SEVERITIES):
        own = [Look(severity, part) for part in shifted.parts.values()]
        chosen = (one[severity - 1] if severity else np.ones_like(one[0]) for one in shifted.selections.values())
        found.append([*own, *(Look(0, np.flatnonzero(one)) for one in chosen)])
    return found


def effect_of_corruptions(shifted: Shifted) -> Variables:
    """The variables on the effect of each corruption, 0 at severity 0, and on selections."""
    dims, around = ("corruption", "severity"), ((0, len(shifted.selections)), (1, 0))
    more = " by more than one level" if shifted.unit.startswith("levels") else ""
    return {
        "effect": (dims, np.pad(shifted.change, around), shifted.unit, "mean absolute change of a value"),
        "changed": (dims, np.pad(shifted.share, around), "1", f"share of the values that change{more}"),
        "without_effect": (
            dims,
            np.pad(~shifted.there, around).astype(np.int8),
            "1",
            "1: nothing comes of it; such corruptions are left out of all means",
        ),
    }


def selected_attributes(shifted: Shifted) -> dict[str, str]:
    """Attributes of a result that name the selections; empty without any."""
    if not shifted.selections:
        return {}
    return {"selected": ", ".join(shifted.selections), "selected_words": shifted.selected}
