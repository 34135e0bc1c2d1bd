"""Cells of the tables that stand beside figures: names of methods, scores, numbers of epochs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modescape.plots.style import method_look
from modescape.wording.numbers import ABSENT

if TYPE_CHECKING:
    import xarray as xr


def names_of(dataset: xr.Dataset, dim: str = "approach") -> list[str]:
    """Labels of a dimension."""
    return [str(method) for method in dataset[dim].values]


def name_of(method: str) -> str:
    """A method as tables and sentences name it."""
    return method_look(method).name


def whole_number(value: float) -> str:
    """A number of epochs or passes."""
    return f"{value:,.0f}" if math.isfinite(value) else ABSENT


def best_name(values: dict[str, float], *, highest: bool) -> str:
    """The method with the best value, in a sentence; a dash when none has one."""
    known = {method: value for method, value in values.items() if math.isfinite(value)}
    if not known:
        return ABSENT
    return name_of((max if highest else min)(known, key=lambda method: known[method]))


def mean_of_known(values: np.ndarray) -> float:
    """Mean of the values that are there; NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
