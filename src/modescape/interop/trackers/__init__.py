"""Trackers of experiments: what a study has become, shown where people look; one file and one line a tracker."""

from __future__ import annotations

import importlib

from modescape.errors import InputError
from modescape.trackers import About, Tracker

TRACKERS = {  # name -> module with `open_run`, and the package that it needs
    "tensorboard": ("modescape.interop.trackers.tensorboard", "tensorboard"),
    "wandb": ("modescape.interop.trackers.wandb", "wandb"),
    "mlflow": ("modescape.interop.trackers.mlflow", "mlflow"),
}


def open_tracker(name: str, about: About) -> Tracker:
    """Begin to track a study, or go on with it.

    Raises:
        InputError: if the tracker's package is missing, or it cannot be begun.
    """
    module, package = TRACKERS[name]
    try:
        return importlib.import_module(module).open_run(about)
    except ModuleNotFoundError as error:
        raise InputError(
            f"compute.track has {name!r}, which needs the package {package}; install it with: "
            f"pip install 'modescape[{name}]'"
        ) from error
    except Exception as error:  # whatever a tracker finds wrong with its settings or its server
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"tracking with {name} cannot begin: {reason}") from error
