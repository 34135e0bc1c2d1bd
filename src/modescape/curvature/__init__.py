"""Curvature of any loss near a point: matrices as operators, and what their products with vectors tell."""

from modescape.curvature.estimates import Estimate, SpectralDensity, diagonal, spectral_density, trace
from modescape.curvature.lanczos import Eigenpairs, eigenvalues
from modescape.curvature.operators import Fisher, GaussNewton, Hessian, Operator, fisher, ggn, hessian
from modescape.curvature.sharpness import Sharpness, sharpness

__all__ = [
    "Eigenpairs",
    "Estimate",
    "Fisher",
    "GaussNewton",
    "Hessian",
    "Operator",
    "Sharpness",
    "SpectralDensity",
    "diagonal",
    "eigenvalues",
    "fisher",
    "ggn",
    "hessian",
    "sharpness",
    "spectral_density",
    "trace",
]
