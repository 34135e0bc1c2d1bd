"""Paths from one solution to another through weight space, and the barriers on them."""

from modescape.paths.barrier import barrier
from modescape.paths.between import Barrier, Heights
from modescape.paths.fitting import fit_path, fit_paths
from modescape.paths.path import Path, Profile
from modescape.paths.polyline import along, arc_length
from modescape.paths.tunnel import Tunnel

__all__ = [
    "Barrier",
    "Heights",
    "Path",
    "Profile",
    "Tunnel",
    "along",
    "arc_length",
    "barrier",
    "fit_path",
    "fit_paths",
]
