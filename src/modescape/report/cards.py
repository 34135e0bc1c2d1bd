"""The key figures at the top of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modescape.report import scores
from modescape.report.equal_cost import LONG, Against, compared
from modescape.report.reading import Gain, disagreements, final_gain, full_gain, pick, score_at
from modescape.report.wording import ABSENT, SPACE, accuracy, count, decimals_for, fixed, interval, percent

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Card:
    """One key figure."""

    label: str
    value: str
    note: str = ""


def key_figures(solutions: xr.Dataset | None, sizes: xr.Dataset | None, cyclic: xr.Dataset | None = None) -> list[Card]:
    """Cards for whatever was measured."""
    cards = []
    if solutions is not None and "accuracy" in solutions and solutions.sizes.get("member", 0):
        values = solutions["accuracy"].values
        spread = f"{accuracy(values.min())} to {accuracy(values.max())}, {count(len(values), 'member')}"
        cards.append(Card("One network, on average", accuracy(values.mean()), spread))
    gain = full_gain(sizes, "independent")
    if gain is not None:
        cards.append(_ensemble_card(sizes, gain))
        cards.append(_gain_card("Gain of the ensemble", gain))
    cards += _cost_cards(cyclic)
    across, within = disagreements(solutions)
    if not math.isnan(within):
        cards.append(Card("Disagreement within a run", percent(within), "two late snapshots"))
    if not math.isnan(across):
        low, high = (100 * pick(solutions, f"pair_{end}", metric="disagreement") for end in ("low", "high"))
        note = f"two independent networks, {interval(low, high, decimals_for(low, high))}"
        cards.append(Card("Disagreement across runs", percent(across), note))
    snapshots = final_gain(sizes)
    if snapshots is not None:
        cards.append(_gain_card(f"Gain of {snapshots.size}{SPACE}snapshots over the run's end", snapshots))
    return cards


def _cost_cards(cyclic: xr.Dataset | None) -> list[Card]:
    """One network at the ensemble's training cost."""
    found = [one for one in compared(cyclic, LONG) if one.metric == "accuracy"]
    epochs = pick(cyclic, "training_epochs", method=LONG)
    label = f"One network, {count(round(epochs), 'epoch')}" if math.isfinite(epochs) else ""
    return [Card(label, accuracy(one.value), _cost_note(one)) for one in found]


def _cost_note(one: Against) -> str:
    numbers = [100 * number for number in (one.difference, one.low, one.high)]
    decimals = decimals_for(*numbers)
    words = {"better": "", "worse": "", "equal": ": inconclusive"}[one.state]
    change = f"{fixed(numbers[0], decimals, signed=True)}{SPACE}points against the ensemble"
    return f"{change}, {interval(numbers[1], numbers[2], decimals)}{words}"


def _ensemble_card(sizes: xr.Dataset | None, gain: Gain) -> Card:
    low, value, high = (
        pick(sizes, name, method="independent", metric="accuracy", size=gain.size)
        for name in ("score_low", "score", "score_high")
    )
    return Card(f"Ensemble of {gain.size}", accuracy(value), interval(100 * low, 100 * high, 1))


def _gain_card(label: str, gain: Gain) -> Card:
    value, low, high = 100 * gain.value, 100 * gain.low, 100 * gain.high
    decimals = decimals_for(value, low, high)
    note = interval(low, high, decimals) + ("" if gain.conclusive else ": inconclusive")
    return Card(label, f"{fixed(value, decimals, signed=True)}{SPACE}points", note)


def probability_scores(sizes: xr.Dataset | None) -> list[tuple[str, str, str, str, str]]:
    """Name, one network, the full ensemble, the change and its interval, for the scores that no card shows."""
    rows = []
    for metric, score in scores.known(sizes).items():
        gain = full_gain(sizes, "independent", metric)
        if gain is None or metric == "accuracy":
            continue
        single, together = (
            scores.written(metric, score_at(sizes, "independent", metric, size)) for size in (1, gain.size)
        )
        change, bounds = scores.difference(metric, gain.low, gain.value, gain.high)
        bounds = bounds if math.isfinite(gain.low) else ABSENT
        change += scores.unit(metric) if score.percent else ""
        inconclusive = "" if gain.conclusive else "; inconclusive"
        rows.append((score.with_unit(score.label), single, together, change, bounds + inconclusive))
    return rows
