"""modescape: train ensembles of networks and look at their loss landscape and function space.

Names are imported when they are first used, so that ``import modescape`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from modescape.version import __version__ as __version__

if TYPE_CHECKING:
    from modescape.alignment import align, align_many
    from modescape.curvature import eigenvalues, ggn, hessian, spectral_density, trace
    from modescape.functionspace import (
        cosine_similarity,
        disagreement,
        diversity_limits,
        jensen_shannon,
        normalized_diversity,
    )
    from modescape.landscape import Landscape
    from modescape.metrics import accuracy, brier, combine, ece, ensemble_curve, nll
    from modescape.paths import fit_path, fit_paths
    from modescape.paths.between import barrier
    from modescape.pipeline import run
    from modescape.pipeline.comparison import compare
    from modescape.pipeline.exporting import Ensemble, export
    from modescape.pipeline.importing import import_study
    from modescape.pipeline.seeds import seeds
    from modescape.study import Study

__all__ = [  # noqa: RUF022 - by heading
    # Studies
    "Ensemble",
    "Study",
    "export",
    "run",
    # Predictions and checkpoints of others
    "compare",
    "import_study",
    # Scores of predictions
    "accuracy",
    "brier",
    "combine",
    "ece",
    "ensemble_curve",
    "nll",
    # Networks as functions
    "cosine_similarity",
    "disagreement",
    "diversity_limits",
    "jensen_shannon",
    "normalized_diversity",
    # Scores of repeated runs
    "seeds",
    # Loss landscapes
    "Landscape",
    "eigenvalues",
    "ggn",
    "hessian",
    "spectral_density",
    "trace",
    # Networks in weight space
    "align",
    "align_many",
    "barrier",
    "fit_path",
    "fit_paths",
]

_ROOMS = {
    "Ensemble": "modescape.pipeline.exporting",
    "export": "modescape.pipeline.exporting",
    "Study": "modescape.study",
    "run": "modescape.pipeline",
    "compare": "modescape.pipeline.comparison",
    "seeds": "modescape.pipeline.seeds",
    "import_study": "modescape.pipeline.importing",
    "accuracy": "modescape.metrics",
    "brier": "modescape.metrics",
    "combine": "modescape.metrics",
    "ece": "modescape.metrics",
    "ensemble_curve": "modescape.metrics",
    "nll": "modescape.metrics",
    "cosine_similarity": "modescape.functionspace",
    "disagreement": "modescape.functionspace",
    "diversity_limits": "modescape.functionspace",
    "jensen_shannon": "modescape.functionspace",
    "normalized_diversity": "modescape.functionspace",
    "Landscape": "modescape.landscape",
    "align": "modescape.alignment",
    "align_many": "modescape.alignment",
    "barrier": "modescape.paths.between",
    "fit_path": "modescape.paths",
    "fit_paths": "modescape.paths",
    "eigenvalues": "modescape.curvature",
    "ggn": "modescape.curvature",
    "hessian": "modescape.curvature",
    "spectral_density": "modescape.curvature",
    "trace": "modescape.curvature",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'modescape' has no attribute {name!r}")
    value = getattr(importlib.import_module(_ROOMS[name]), name)
    globals()[name] = value  # found without this function from now on
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
