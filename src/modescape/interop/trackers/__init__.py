"""Experiment trackers: a study's progress and results in W&B, MLflow, TensorBoard; one file and one line each."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from modescape.errors import InputError
from modescape.storage import ObjectPath
from modescape.trackers import About, Tracker

TRACKERS = {  # name -> module with `open_run`, and the package that it needs
    "tensorboard": ("modescape.interop.trackers.to_tensorboard", "tensorboard"),
    "wandb": ("modescape.interop.trackers.to_wandb", "wandb"),
    "mlflow": ("modescape.interop.trackers.to_mlflow", "mlflow"),
}


def check_installed(names: Sequence[str], study: Path | None = None) -> None:
    """Refuse trackers whose packages are not installed, and any that would write into an object store.

    Raises:
        InputError: naming the first of them.
    """
    if names and isinstance(study, ObjectPath):
        raise InputError(
            f"compute.track has {names[0]!r}, which writes files beside a study, and '{study}' is not a folder; "
            "track a study on a disk, or leave --track out"
        )
    for name in names:
        if importlib.util.find_spec(package := TRACKERS[name][1]) is None:
            raise InputError(
                f"compute.track has {name!r}, which needs the package {package}; install it with: "
                f"pip install 'modescape[{name}]'"
            )


def open_tracker(name: str, about: About) -> Tracker:
    """Start or resume tracking a study.

    Raises:
        InputError: if it cannot be started.
    """
    try:
        return importlib.import_module(TRACKERS[name][0]).open_run(about)
    except Exception as error:  # whatever a tracker finds wrong with its settings or its server
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(f"tracking with {name} cannot begin: {reason}") from error
