"""Aligning networks: permutations of hidden units that leave the function unchanged, found by tracing it."""

from modescape.alignment.aligning import Alignment, align, align_many
from modescape.alignment.running import separate
from modescape.alignment.symmetry import Symmetry, symmetry

__all__ = ["Alignment", "Symmetry", "align", "align_many", "separate", "symmetry"]
