"""What candidates take of a machine, and those that a budget allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modescape.decision.candidates import Candidate, Table
from modescape.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Limits on the cost of a prediction; None: no limit."""

    passes: float | None = None  # forward passes of one network
    memory: float | None = None  # bytes of weights
    latency: float | None = None  # seconds for one example

    def __post_init__(self) -> None:
        """Refuse what is no limit."""
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"--{name} is {value:g}; expected a number above 0")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The cost of one network of the recipe; NaN where it was not measured."""

    bytes: float = math.nan  # of weights and buffers
    seconds_per_pass: float = math.nan  # one example, on this machine
    training_seconds: float = math.nan  # of one member, where it was trained

    def memory(self, one: Candidate) -> float:
        """Bytes that a candidate holds."""
        return one.price.networks * self.bytes

    def latency(self, one: Candidate) -> float:
        """Seconds that a candidate takes for one example."""
        return one.price.passes * self.seconds_per_pass


def affordable(table: Table, budget: Budget, machine: Machine) -> list[int]:
    """Candidates that keep to a budget.

    Raises:
        InputError: if one network does not, or what a limit is of was not measured.
    """
    limits = {
        "passes": (budget.passes, lambda one: one.price.passes, "forward passes"),
        "memory": (budget.memory, machine.memory, "bytes"),
        "latency": (budget.latency, machine.latency, "seconds"),
    }
    kept = list(range(len(table.candidates)))
    for name, (most, taken, unit) in limits.items():
        if most is None:
            continue
        one = taken(table.candidates[0])
        if math.isnan(one):
            raise InputError(f"--{name} is {most:g}, but what one network takes is not known here; leave it out")
        if one > most:
            said, alone = _measured(most, unit), _measured(one, unit)
            raise InputError(f"--{name} is {said}, and one network alone takes {alone}; allow at least that")
        kept = [place for place in kept if taken(table.candidates[place]) <= most]
    return kept


def _measured(value: float, unit: str) -> str:
    """A number in a message: 3 forward passes, 1 forward pass, 40,960 bytes."""
    number = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return f"{number} {unit if value != 1 else unit.removesuffix('es') if unit.endswith('passes') else unit[:-1]}"
