"""The measure for classes also handles regressions, by the task's likeness."""

from modescape.analyses.diversity_plane.measure import draws, measure

__all__ = ["draws", "measure"]
