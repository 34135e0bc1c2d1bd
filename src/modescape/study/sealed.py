"""JSON files that hold the checksum of their own content, so that a flipped bit is detected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modescape.errors import DamageError
from modescape.study import layout

SEAL = "sha256"  # the last key; of everything before it, in the order of the file


def sealed_text(values: Mapping[str, Any]) -> str:
    """An object as indented JSON whose last key is the SHA-256 of the others; the order of keys is kept.

    Raises:
        ValueError: if a number is not finite.
    """
    plain = dict(values)
    return json.dumps({**plain, SEAL: _seal(plain)}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_sealed(path: Path) -> dict[str, Any]:
    """The object in a file of `sealed_text`, without its seal.

    Raises:
        FileNotFoundError: if there is no such file.
        WorkError: if it cannot be read, is no JSON object, or its seal does not fit.
    """
    return parse_sealed(path, layout.read_file(path, layout.MOST_JSON))


def parse_sealed(path: Path, data: bytes) -> dict[str, Any]:
    """What `read_sealed` makes of a file's bytes."""
    values = layout.parse_json(path, data)
    seal = values.pop(SEAL, None)
    try:
        fits = seal == _seal(values)
    except RecursionError as error:
        raise DamageError(f"'{path}' is damaged: it is nested too deeply") from error
    if not fits:
        raise DamageError(f"'{path}' is damaged: its checksum does not match")
    return values


def _seal(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, separators=(",", ":")).encode()).hexdigest()
