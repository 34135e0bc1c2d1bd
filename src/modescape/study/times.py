"""Seconds that an analysis measured, `results/<analysis>.times.json`, as results themselves hold no clock time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from modescape import durable
from modescape.errors import ModescapeError
from modescape.study import layout
from modescape.study.sealed import read_sealed, sealed_text

ENCODING = "times"
"""Where a result carries them, in `xarray.Dataset.encoding`, until they are written."""
PREFIX = "seconds_"
"""Attributes of results that are shown begin with it."""


def times_path(study: Path, name: str) -> Path:
    """The file of an analysis's times."""
    return layout.result_path(study, name).with_suffix(".times.json")


def write_times(study: Path, name: str, times: Mapping[str, float]) -> None:
    """Replace the measured times, name -> seconds; unknown ones (NaN) are left out."""
    known = {what: seconds for what, seconds in times.items() if math.isfinite(seconds)}
    durable.write_text(times_path(study, name), sealed_text(known), study)


def read_times(study: Path, name: str) -> dict[str, float]:
    """The measured times; empty if the file is missing or damaged."""
    try:
        held = read_sealed(times_path(study, name))
    except (FileNotFoundError, ModescapeError):
        return {}
    numbers = {key: value for key, value in held.items() if type(value) in (int, float) and math.isfinite(value)}
    return {key: float(value) for key, value in numbers.items() if value >= 0}
