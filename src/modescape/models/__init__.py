"""Networks: the built-in ones by name, and any callable that returns an ``nn.Module``."""

from modescape.models.build import (
    MODELS,
    NetworkError,
    build,
    check_output,
    foreign_module,
    importable,
    install,
    normalization_parameters,
    of_session,
    split_state,
)

__all__ = [
    "MODELS",
    "NetworkError",
    "build",
    "check_output",
    "foreign_module",
    "importable",
    "install",
    "normalization_parameters",
    "of_session",
    "split_state",
]
