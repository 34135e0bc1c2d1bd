"""Networks: the built-in ones by name, and any callable that returns an ``nn.Module``."""

from modescape.models.build import (
    MODELS,
    NetworkError,
    build,
    check_output,
    foreign_module,
    normalization_parameters,
)
from modescape.models.state import install, split_state, working_dtype

__all__ = [
    "MODELS",
    "NetworkError",
    "build",
    "check_output",
    "foreign_module",
    "install",
    "normalization_parameters",
    "split_state",
    "working_dtype",
]
