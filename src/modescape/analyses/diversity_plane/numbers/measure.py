"""The measure is that of classes: it goes by the task's likeness."""

from modescape.analyses.diversity_plane.measure import draws, measure

__all__ = ["draws", "measure"]
