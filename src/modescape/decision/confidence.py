"""Calibration errors that get worse, in words."""

from __future__ import annotations

import math

from modescape.decision.candidates import Table
from modescape.decision.rules import Decision
from modescape.wording import scores
from modescape.wording.numbers import decimals_for, fixed, interval, significant

LEAST_ERROR = 0.01  # a calibration error that is higher by less is not told of


def calibration_error(table: Table, decision: Decision) -> str:
    """Whether what is advised, or else the largest ensemble, is worse calibrated than one network, and why."""
    advised = [] if decision.advice in ("keep_one", "undecided") else [decision.chosen]
    for place in [*advised, *_ensembles(table)]:
        found = table.worse_calibrated(place)
        if found.value > LEAST_ERROR:
            name = "it" if place in advised else f"the average of {table.candidates[place].label}"
            return _said(table, place, name) if found.low > 0 else _open(table, place, name)
    return ""


def _ensembles(table: Table) -> list[int]:
    """The largest ensemble as it is; none where there is none."""
    raw = [
        at for at, one in enumerate(table.candidates) if one.name.endswith(" networks") and one.calibration == "none"
    ]
    raw = [at for at in raw if table.candidates[at].several]
    return [max(raw, key=lambda at: table.candidates[at].size)] if raw else []


def _said(table: Table, place: int, name: str) -> str:
    excess = table.excess[place]
    why = "overconfident" if excess > 0 else "underconfident"
    return (
        f"{name[:1].upper()}{name[1:]} is worse calibrated than one network: {_errors(table, place)}. It is {why}, its "
        f"mean confidence {fixed(abs(100 * excess))} points {'above' if excess > 0 else 'below'} its accuracy"
        f"{_temperature(table, place)}."
    )


def _open(table: Table, place: int, name: str) -> str:
    """The interval of the difference includes 0, or there is none."""
    return f"Whether {name} is worse calibrated than one network cannot be told: {_errors(table, place)}."


def _errors(table: Table, place: int) -> str:
    """Both errors, and the interval of their difference."""
    found = table.worse_calibrated(place)
    both = [scores.written("ece", value) for value in (table.ece[place], table.ece[0])]
    decimals = decimals_for(found.low, found.high, least=3, most=4)
    if not math.isfinite(found.low):
        return f"ECE {both[0]} against {both[1]}, without an interval of the difference"
    bounds = interval(found.low, found.high, decimals, table.covers)
    return f"ECE {both[0]} against {both[1]} (difference: {bounds})"


def _temperature(table: Table, place: int) -> str:
    """The temperature that was found, and whether it is applied."""
    if table.temperature is None or not math.isfinite(found := float(table.temperature[place])):
        return ""
    value, where = significant(found), f"found on {table.chosen_on}"
    if table.candidates[place].calibration == "average":
        return f", although it is calibrated, at the temperature {value} {where}"
    return f"; the temperature {where} is {value} (above 1 lowers confidence, below 1 raises it)"
