"""The units of networks put in one order: permutations that change no function, found by following a network's run."""

from modescape.alignment.aligning import Alignment, align, align_many
from modescape.alignment.running import separate
from modescape.alignment.symmetry import Symmetry, symmetry

__all__ = ["Alignment", "Symmetry", "align", "align_many", "separate", "symmetry"]
