"""Calibration errors that get worse, in words."""

from __future__ import annotations

import math

from modescape.decision.candidates import Table
from modescape.decision.rules import Decision
from modescape.wording import scores
from modescape.wording.numbers import fixed, significant

LEAST_ERROR = 0.01  # of a calibration error that is said to be higher: it has no interval of a difference


def calibration_error(table: Table, decision: Decision) -> str:
    """Whether what is advised, or else the largest ensemble, is worse calibrated than one network, and why."""
    advised = [] if decision.advice in ("keep_one", "undecided") else [decision.chosen]
    for place in [*advised, *_ensembles(table)]:
        if table.ece[place] - table.ece[0] > LEAST_ERROR:
            one = table.candidates[place]
            whose = (
                "Its"
                if place in advised
                else f"The average of {one.label} seems worse calibrated than one network: its"
            )
            return _said(table, place, whose)
    return ""


def _ensembles(table: Table) -> list[int]:
    """The largest ensemble as it is; none where there is none."""
    raw = [
        at for at, one in enumerate(table.candidates) if one.name.endswith(" networks") and one.calibration == "none"
    ]
    raw = [at for at in raw if table.candidates[at].several]
    return [max(raw, key=lambda at: table.candidates[at].size)] if raw else []


def _said(table: Table, place: int, whose: str) -> str:
    excess = table.excess[place]
    why = "overconfident" if excess > 0 else "underconfident"
    by, both = abs(100 * excess), [scores.written("ece", value) for value in (table.ece[place], table.ece[0])]
    return (
        f"{whose} calibration error was measured higher, {both[0]} against {both[1]}: it is {why}, "
        f"its mean confidence {fixed(by)} points {'above' if excess > 0 else 'below'} its accuracy"
        f"{_temperature(table, place)}."
    )


def _temperature(table: Table, place: int) -> str:
    """The temperature that was found, and whether it is applied."""
    if table.temperature is None or not math.isfinite(found := float(table.temperature[place])):
        return ""
    value, where = significant(found), f"found on {table.chosen_on}"
    if table.candidates[place].calibration == "average":
        return f", although it is calibrated, at the temperature {value} {where}"
    return f"; the temperature {where} is {value} (above 1 lowers confidence, below 1 raises it)"
