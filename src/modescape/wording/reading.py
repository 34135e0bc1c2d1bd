"""Single numbers out of results, absent ones as NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Gain:
    """Change of a score by averaging ``size`` networks, against the mean member or a run's final network."""

    size: int
    value: float
    low: float
    high: float

    @property
    def conclusive(self) -> bool:
        """Whether there is an interval and it leaves 0 out."""
        return math.isfinite(self.low) and math.isfinite(self.high) and not self.low <= 0 <= self.high


def pick(dataset: xr.Dataset | None, variable: str, **labels: object) -> float:
    """One number of a result; NaN when the result, the variable or a label is absent."""
    if dataset is None or variable not in dataset:
        return math.nan
    held, dims = dataset.variables[variable].values, list(dataset.variables[variable].dims)
    for dim, label in labels.items():  # pages pick thousands of numbers: xarray's own selection takes 20 times as long
        if dim not in dims:
            return math.nan
        axis = dims.index(dim)
        there = dataset.variables[dim].values if dim in dataset.variables else np.arange(held.shape[axis])
        places = np.flatnonzero(there == label)
        if not places.size:
            return math.nan
        held = held.take(places, axis)
    return float(np.nanmean(held)) if held.size and np.isfinite(held).any() else math.nan


def holding(results: Mapping[str, xr.Dataset], *variables: str) -> xr.Dataset | None:
    """The first result, in the order of the page, with all of these variables: whichever analysis it is of."""
    return next((one for one in results.values() if all(name in one for name in variables)), None)


def full_size(sizes: xr.Dataset | None, method: str, metric: str = "accuracy") -> int:
    """The largest ensemble of this kind that was scored; 0 when there is none."""
    if sizes is None:
        return 0
    scored = [int(size) for size in sizes["size"].values if not math.isnan(score_at(sizes, method, metric, size))]
    return max(scored, default=0)


def full_gain(sizes: xr.Dataset | None, method: str, metric: str = "accuracy") -> Gain | None:
    """The gain of the largest ensemble of this kind; None when fewer than two networks were averaged."""
    size = full_size(sizes, method, metric)
    if size < 2:
        return None
    low, value, high = (pick(sizes, name, approach=method, metric=metric, size=size) for name in _GAIN)
    return Gain(size, value, low, high) if math.isfinite(value) else None


def final_gain(sizes: xr.Dataset | None, metric: str = "accuracy") -> Gain | None:
    """Gain of averaging all snapshots of a run over its final network; None where that was not measured."""
    size = full_size(sizes, "snapshots", metric)
    low, value, high = (pick(sizes, f"final_gain{end}", metric=metric) for end in ("_low", "", "_high"))
    return Gain(size, value, low, high) if size > 1 and math.isfinite(value) else None


_GAIN = ("gain_low", "gain", "gain_high")


def disagreements(solutions: xr.Dataset | None) -> tuple[float, float]:
    """Mean disagreement of two independent networks, and of two late snapshots of one run; NaN when unknown."""
    return pick(solutions, "pair_mean", metric="disagreement"), pick(solutions, "last_epochs_disagreement")


def score_at(sizes: xr.Dataset | None, method: str, metric: str, size: object) -> float:
    """The score of ensembles of this size; size 1 is the mean member."""
    return pick(sizes, "score", approach=method, metric=metric, size=size)
