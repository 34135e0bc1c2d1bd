"""Networks: the built-in ones by name, and any callable that returns an ``nn.Module``."""

from modescape.models.build import build, normalization_parameters
from modescape.models.checking import NetworkError, check_output
from modescape.models.factory import MODELS
from modescape.models.start import Taken, begin_with, digest_of, read_start
from modescape.models.state import call_with, install, split_state, working_dtype

__all__ = [
    "MODELS",
    "NetworkError",
    "Taken",
    "begin_with",
    "build",
    "call_with",
    "check_output",
    "digest_of",
    "install",
    "normalization_parameters",
    "read_start",
    "split_state",
    "working_dtype",
]
