"""Loss landscapes of any network: a scalar field over its weights, directions, cuts, and grids on them."""

from modescape.landscape.cuts import Cut, Projection
from modescape.landscape.exchange import Curve, read_curve, write_curve
from modescape.landscape.field import Landscape
from modescape.landscape.plane import Plane, polar_grid
from modescape.landscape.surface import Surface

__all__ = ["Curve", "Cut", "Landscape", "Plane", "Projection", "Surface", "polar_grid", "read_curve", "write_curve"]
