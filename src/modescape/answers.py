"""The answers of ``--json``: one JSON object with the same outline for every command."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from modescape.version import __version__

LEVEL = 0.95  # of intervals
SCHEMA = 1  # version of the answers: raised when a key is renamed, removed or changes its meaning, not for new keys


def answer(command: str, *, verdict: Sequence[str], warnings: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """The object that a command prints with --json.

    Args:
        command: its name, such as "compare".
        verdict: the findings, in sentences.
        warnings: what else a user should know, in sentences.
        **more: what else the command answers; see docs/json.md.
    """
    head = {"modescape": __version__, "command": command, "verdict": list(verdict), "warnings": list(warnings)}
    return {**head, "schema": SCHEMA, **more}


def schema(command: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a command's answer, with the definitions that commands share.

    Args:
        command: its name, such as "run" or "recipes show"; ``schemas/run.json`` and ``schemas/recipes-show.json``.

    Raises:
        FileNotFoundError: if no command has this name.

    >>> schema("report")["title"]
    'What modescape report --json answers; version 1'
    """
    folder = resources.files("modescape") / "schemas"
    own, shared = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8").replace("shared.json#/", "#/"))
        for name in (command.replace(" ", "-"), "shared")
    )
    return {**own, "$defs": {**shared["$defs"], **own.get("$defs", {})}}


def score(value: float, low: float, high: float, *, covers: str, level: float = LEVEL) -> dict[str, Any]:
    """A number with its interval.

    Args:
        value: the estimate.
        low: lower end; NaN: there is no interval.
        high: upper end.
        covers: what the interval is for, such as "these models on new examples".
        level: coverage of such intervals, 0 to 1.
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
    if hasattr(value, "tolist"):  # a NumPy array or scalar
        return _plain(value.tolist())
    if isinstance(value, Sequence):
        return [_plain(inner) for inner in value]
    return str(value)
