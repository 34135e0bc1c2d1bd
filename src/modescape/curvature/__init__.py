"""Curvature of any loss near a point: matrices as operators, and estimates from their products with vectors."""

from modescape.curvature.density import SpectralDensity, spectral_density
from modescape.curvature.estimates import Estimate, diagonal, trace
from modescape.curvature.lanczos import Eigenpairs, eigenvalues
from modescape.curvature.operators import Fisher, GaussNewton, Hessian, Operator, fisher, ggn, hessian
from modescape.curvature.points import eigenvalues_at, sharpness_at, spectral_density_at, trace_at
from modescape.curvature.sharpness import Sharpness, sharpness
from modescape.curvature.together import Together

__all__ = [
    "Eigenpairs",
    "Estimate",
    "Fisher",
    "GaussNewton",
    "Hessian",
    "Operator",
    "Sharpness",
    "SpectralDensity",
    "Together",
    "diagonal",
    "eigenvalues",
    "eigenvalues_at",
    "fisher",
    "ggn",
    "hessian",
    "sharpness",
    "sharpness_at",
    "spectral_density",
    "spectral_density_at",
    "trace",
    "trace_at",
]
