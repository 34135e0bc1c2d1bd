"""Ways from one solution to another through weight space, and the barriers on them."""

from modescape.paths.barrier import barrier
from modescape.paths.polyline import along, arc_length
from modescape.paths.tunnel import Tunnel

__all__ = ["Tunnel", "along", "arc_length", "barrier"]
