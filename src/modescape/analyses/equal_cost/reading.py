"""The decision from a result: its table, its thresholds, and the convergence of training by other results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from modescape.decision import Budget, Decision, Rules, Table, decide
from modescape.decision.budgets import Machine
from modescape.decision.labelled import table_of_result
from modescape.decision.rules import Ending
from modescape.wording.reading import holding

if TYPE_CHECKING:
    import xarray as xr

THRESHOLDS = tuple(Rules.__dataclass_fields__)


def rules_of(dataset: xr.Dataset) -> Rules:
    """The thresholds that a result was measured with."""
    return Rules(**{name: float(dataset.attrs[name]) for name in THRESHOLDS if name in dataset.attrs})


def ending_of(results: Mapping[str, xr.Dataset]) -> Ending:
    """How many members had not been trained to the end, as far as that was checked."""
    training = holding(results, "trend", "end_change")
    if training is None:
        return Ending()
    trend = training["trend"].values
    return Ending(falling=int(np.sum(trend == -1)), members=len(trend))


def decided(
    results: Mapping[str, xr.Dataset],
    rules: Rules | None = None,
    budget: Budget | None = None,
    machine: Machine | None = None,
) -> tuple[Table, Rules, Decision] | None:
    """The decision from results; None where no candidates were measured.

    Args:
        results: analysis -> its result.
        rules: thresholds; default: those of the result.
        budget: see `modescape.decision.decide`.
        machine: likewise.
    """
    dataset = holding(results, "covariance", "chosen", "averaged")
    if dataset is None:
        return None
    table, own = table_of_result(dataset), rules or rules_of(dataset)
    return table, own, decide(table, own, budget, machine, ending_of(results))
