"""Scales chosen for sampled networks: arrays in ``choosing/<name>.safetensors``, with a checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import numpy as arrays

from modescape import durable
from modescape.errors import DamageError, WorkError
from modescape.plain import shown
from modescape.study import layout

INPUTS = "inputs"  # array that holds the digest of what the others depend on
CHECKSUM_BYTES = 32  # SHA-256 behind the file


def write_choice(study: Path, name: str, values: Mapping[str, np.ndarray], digest: str) -> None:
    """Write arrays, atomically; equal arrays give equal bytes.

    Args:
        study: the study's folder.
        name: of the choice.
        values: float64 arrays by their names.
        digest: of everything that they depend on.
    """
    named = {key: np.ascontiguousarray(value, dtype=np.float64) for key, value in sorted(values.items())}
    data = arrays.save({**named, INPUTS: np.frombuffer(digest.encode(), dtype=np.uint8)})
    durable.write_bytes(layout.choice_path(study, name), data + hashlib.sha256(data).digest(), study)


def read_choice(study: Path, name: str, digest: str | None = None) -> dict[str, np.ndarray] | None:
    """Read the arrays; None if there are none, or they belong to other inputs.

    Args:
        study: the study's folder.
        name: of the choice.
        digest: as written; None: whatever it is.

    Raises:
        DamageError: if the file is damaged.
    """
    path = layout.choice_path(study, name)
    try:
        content = layout.read_file(path)
    except FileNotFoundError:
        return None
    data, checksum = content[:-CHECKSUM_BYTES], content[-CHECKSUM_BYTES:]
    again = f"make it again with: {layout.run_again(study)}"
    if hashlib.sha256(data).digest() != checksum:
        raise DamageError(f"'{path}' is damaged: its checksum does not match; {again}")
    try:
        found = arrays.load(data)
        inputs = found.pop(INPUTS).tobytes().decode()
    except Exception as error:  # safetensors and NumPy raise several kinds
        raise DamageError(f"'{path}' cannot be loaded: {shown(error)}; {again}") from error
    return found if digest in (None, inputs) else None


def readable_choice(study: Path, name: str, digest: str) -> dict[str, np.ndarray] | None:
    """`read_choice`, with None for a damaged file, which will be made again."""
    try:
        return read_choice(study, name, digest)
    except WorkError:
        return None
