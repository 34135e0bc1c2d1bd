"""Flat cuts through weight space: planes through the origin and two solutions, and grids on them."""

from modescape.landscape.plane import Plane, polar_grid

__all__ = ["Plane", "polar_grid"]
