"""A study on disk: checkpoints, predictions, results, manifest, lock; read lazily.

Importing this, opening a study and asking for its status need the standard library and PyYAML alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modescape.study.checkpoints import drop_resume_before, read_resume, write_checkpoint, write_resume
    from modescape.study.members import Member, write_history, write_member_state
    from modescape.study.predictions import Predictions
    from modescape.study.status import StudyStatus, summary, verify
    from modescape.study.study import Study
    from modescape.study.writing import PredictionWriter

_WHERE = {
    "Member": "members",
    "PredictionWriter": "writing",
    "Predictions": "predictions",
    "Study": "study",
    "StudyStatus": "status",
    "drop_resume_before": "checkpoints",
    "read_resume": "checkpoints",
    "summary": "status",
    "verify": "status",
    "write_checkpoint": "checkpoints",
    "write_history": "members",
    "write_member_state": "members",
    "write_resume": "checkpoints",
}

__all__ = [
    "Member",
    "PredictionWriter",
    "Predictions",
    "Study",
    "StudyStatus",
    "drop_resume_before",
    "read_resume",
    "summary",
    "verify",
    "write_checkpoint",
    "write_history",
    "write_member_state",
    "write_resume",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
