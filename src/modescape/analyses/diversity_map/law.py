"""The exact laws of an ensemble's error that the map uses, one per task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from modescape.metrics import SCORES, brier_equivalent_interval, brier_law
from modescape.metrics.equivalents import BrierEquivalent, squared_error_equivalent_interval
from modescape.metrics.regression import SquaredErrorLaw, example_squared, squared_error_law
from modescape.metrics.subsets import BrierLaw
from modescape.offered import Offered

SEVERITY = 3  # of the shifted panels
VALIDATION = "validation"


@dataclass(frozen=True)
class Law:
    """An exact law of an ensemble's error, E(k) = E1 - (1 - 1/k) V, and what the map shows for a task."""

    error: str  # in names of variables
    named: str
    units: str
    between: str  # what V is
    of_examples: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (predictions, targets) -> [..., example]
    law: Callable[[np.ndarray, np.ndarray], BrierLaw | SquaredErrorLaw]  # of [network, example, width]
    equivalent: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], BrierEquivalent]
    settings: tuple[str, ...]
    sets: tuple[str, ...]  # of examples


LAWS = {  # task -> its law
    "classification": Law(
        error="brier",
        named="Brier score",
        units="1",
        between="mean over pairs of half the squared distance of probabilities",
        of_examples=SCORES["brier"].examples,
        law=brier_law,
        equivalent=brier_equivalent_interval,
        settings=("raw", "calibrated", "raw, shifted", "calibrated, shifted"),
        sets=("test", f"shift {SEVERITY}", VALIDATION),
    ),
    "regression": Law(
        error="squared_error",
        named="squared error",
        units="square of the target's unit",
        between="mean over pairs of half the squared distance of the predicted means",
        of_examples=example_squared,
        law=squared_error_law,
        equivalent=squared_error_equivalent_interval,
        settings=("raw",),  # no calibration moves a mean
        sets=("test",),
    ),
}


def law_of(offered: Offered) -> Law:
    """The law of a task; for given predictions on the unchanged test examples alone."""
    law = LAWS[offered.task]
    return replace(law, settings=law.settings[:1], sets=law.sets[:1]) if offered.given else law
