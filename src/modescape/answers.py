"""What a command answers to a program: one JSON object, of the same outline whichever command it is of."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from modescape.version import __version__

LEVEL = 0.95  # of intervals


def answer(command: str, *, verdict: Sequence[str], warnings: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """The object that a command prints with --json.

    Args:
        command: its name, such as "compare".
        verdict: sentences.
        warnings: sentences; what a user should know and did not ask for.
        **more: what else the command answers; see docs/json.md.
    """
    head = {"modescape": __version__, "command": command, "verdict": list(verdict), "warnings": list(warnings)}
    return {**head, **more}


def score(value: float, low: float, high: float, *, covers: str, level: float = LEVEL) -> dict[str, Any]:
    """A number with its interval.

    Args:
        value: the estimate.
        low: lower end; NaN: there is no interval.
        high: upper end.
        covers: of what the interval is, such as "these models on new examples".
        level: how often such intervals cover the truth.
    """
    return {"value": value, "low": low, "high": high, "level": level, "covers": covers}


def as_json(content: Mapping[str, Any]) -> str:
    """One line of JSON; what is not a number, or not finite, is null, as JSON has neither."""
    return json.dumps(_plain(content), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # an array of NumPy, or one of its scalars
        return _plain(value.tolist())
    if isinstance(value, Sequence):
        return [_plain(inner) for inner in value]
    return str(value)
