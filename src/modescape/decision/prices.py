"""The costs of candidates, in words."""

from __future__ import annotations

import math

from modescape.decision.budgets import Machine
from modescape.decision.candidates import Candidate
from modescape.wording.numbers import SPACE, count, listing, significant


def price_words(one: Candidate, machine: Machine) -> str:
    """The cost of a candidate."""
    training = _trainings(one.price.training) if math.isfinite(one.price.training) else ""
    passes = count(round(one.price.passes), "forward pass", "forward passes")
    passes = passes if one.price.passes == round(one.price.passes) else f"{one.price.passes:.1f} forward passes"
    latency = machine.latency(one)
    seconds = f" ({significant(1000 * latency)}{SPACE}ms an example on this machine)" if math.isfinite(latency) else ""
    memory = machine.memory(one)
    held = f"{_bytes(memory)} of weights" if math.isfinite(memory) else ""
    time = one.price.training * machine.training_seconds
    training += f" ({significant(time)}{SPACE}s here)" if training and math.isfinite(time) else ""
    return listing([part for part in (training, f"{passes} per prediction{seconds}", held) if part])


def _trainings(number: float) -> str:
    whole = f"{number:,.0f}" if number == round(number) else significant(number)
    return f"{whole}{SPACE}times the training" if number != 1 else "no more training"


def _bytes(number: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{significant(number / size, 3)}{SPACE}{unit}"
    return f"{number:.0f}{SPACE}bytes"
