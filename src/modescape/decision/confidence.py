"""Calibration errors that get worse, in words."""

from __future__ import annotations

import math

from modescape.decision.candidates import Table
from modescape.decision.rules import Decision
from modescape.wording import scores
from modescape.wording.numbers import fixed, significant

LEAST_ERROR = 0.01  # of a calibration error that is said to be higher: it has no interval of a difference


def calibration_error(table: Table, decision: Decision) -> str:
    """Whether what is advised is worse calibrated than one network, and why."""
    one, own = table.ece[0], table.ece[decision.chosen]
    if decision.advice in ("keep_one", "undecided") or not (own - one > LEAST_ERROR):
        return ""
    excess = table.excess[decision.chosen]
    why = "overconfident" if excess > 0 else "underconfident"
    by, both = abs(100 * excess), [scores.written("ece", value) for value in (own, one)]
    return (
        f"Its calibration error was measured higher, {both[0]} against {both[1]}: it is {why}, "
        f"its mean confidence {fixed(by)} points {'above' if excess > 0 else 'below'} its accuracy"
        f"{_temperature(table, decision)}."
    )


def _temperature(table: Table, decision: Decision) -> str:
    """The temperature that was found, and whether it is applied."""
    if table.temperature is None or not math.isfinite(found := float(table.temperature[decision.chosen])):
        return ""
    value, where = significant(found), f"found on {table.chosen_on}"
    if decision.candidate(table).calibration == "average":
        return f", although it is calibrated, at the temperature {value} {where}"
    return f"; the temperature {where} is {value} (above 1 lowers confidence, below 1 raises it)"
