"""What the sizes of ensembles add to the head of the page of a regression: the same in the target's unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.analyses.ensemble_size.rows import score_rows
from modescape.wording.head import Card, Part
from modescape.wording.numbers import SPACE, count, decimals_for, fixed, interval, percent
from modescape.wording.reading import Gain, final_gain, full_gain, pick

if TYPE_CHECKING:
    import xarray as xr

RMSE = "rmse"
ENOUGH = 0.9  # share of the full gain that counts as "enough members"


def is_of_numbers(sizes: xr.Dataset | None) -> bool:
    """Whether a result is of a regression."""
    return sizes is not None and "metric" in sizes.coords and RMSE in sizes["metric"].values


def part_of_numbers(sizes: xr.Dataset, weighed: bool = False) -> Part:
    """Whether averaging worked, by how much, and how many networks are enough.

    Args:
        sizes: the result.
        weighed: a decision says what to make of it, so that the bare answer need not.
    """
    gain, final = full_gain(sizes, "independent", RMSE), final_gain(sizes, RMSE)
    unit, worked = unit_of(sizes), gain is not None and gain.conclusive and gain.value < 0
    cards = (
        [] if gain is None else [_ensemble_card(sizes, gain, unit), _gain_card("Change by the ensemble", gain, unit)]
    )
    return Part(
        answer={30: "" if worked and weighed else _answer(gain, bool(sizes.attrs.get("given")))},
        sentences={
            30: _sentence(gain, "independent networks", "that of the mean single network", unit),
            31: _sentence(final, "snapshots of one run", "that of its final network", unit),
        },
        why={30: _cancel(sizes, gain)},
        cards={20: cards},
        enough=_enough(sizes, gain, unit),
        scores=score_rows(sizes),
        covers="" if gain is None else f"Intervals are for other networks {_kind(sizes)} on other test images.",
        worked=worked,
    )


def _kind(sizes: xr.Dataset) -> str:
    return "like these" if sizes.attrs.get("given") else "of this recipe"


def unit_of(dataset: xr.Dataset) -> str:
    """What stands behind a number in the target's unit: a space and the unit; "" where the data does not say it."""
    unit = str(dataset.attrs.get("target_unit", ""))
    return f"{SPACE}{unit}" if unit else ""


def _answer(gain: Gain | None, given: bool) -> str:
    if gain is None:
        return "No verdict on the ensemble: it takes at least two trained networks."
    if not gain.conclusive:
        whose = "these predictions" if given else "this study"
        return f"Inconclusive: {whose} cannot tell whether averaging helped."
    if given:
        return f"Their average is {'better' if gain.value < 0 else 'worse'} than one of them picked at random."
    return "Averaging independent networks worked." if gain.value < 0 else "Averaging independent networks did harm."


def _sentence(gain: Gain | None, networks: str, than: str, unit: str) -> str:
    """How the RMSE changes; both in the target's unit."""
    if gain is None:
        return ""
    decimals = decimals_for(gain.low, gain.value, gain.high, least=1, most=4)
    bounds = interval(gain.low, gain.high, decimals)
    subject = f"Averaging {gain.size}{SPACE}{networks}"
    if not gain.conclusive:
        return (
            f"{subject} changes the root mean squared error by {fixed(gain.value, decimals, signed=True)}{unit} over "
            f"{than} ({bounds}): inconclusive."
        )
    verb = "lowers" if gain.value < 0 else "raises"
    change = f"{fixed(abs(gain.value), decimals)}{unit} over {than}"
    least, most = sorted((abs(gain.low), abs(gain.high)))
    bounds = interval(least, most, decimals)
    return f"{subject} {verb} the root mean squared error by {change} ({bounds})."


def _cancel(sizes: xr.Dataset, gain: Gain | None) -> str:
    """The exact law of the squared error says why."""
    if gain is None:
        return ""
    single, together = _law(sizes, gain.size)
    if not math.isfinite(single):
        return ""
    return (
        f"Their errors partly cancel: the mean squared error of the mean prediction is that of the mean network less "
        f"the variance of the predictions, {fixed(single, 3)} - {fixed(single - together, 3)} = {fixed(together, 3)} "
        "(in squares of the target's unit; exact)."
    )


def _law(sizes: xr.Dataset, size: int) -> tuple[float, float]:
    single, together = (pick(sizes, "squared_error_law", approach="independent", size=at) for at in (1, size))
    return single, together


def _enough(sizes: xr.Dataset, gain: Gain | None, unit: str) -> str:
    if gain is None or not gain.conclusive or gain.value >= 0:
        return ""
    reached = [
        int(size)
        for size in sizes["size"].values
        if pick(sizes, "gain", approach="independent", metric=RMSE, size=size) <= ENOUGH * gain.value
    ]
    first = (
        f"{count(min(reached), 'network')} reach {percent(ENOUGH)} of what all {gain.size} gain in root mean squared "
        "error (of means over subsets; this number has no interval)."
    )
    single, together = _law(sizes, gain.size)
    if not math.isfinite(single):
        return first
    limit = max(single - (single - together) / (1 - 1 / gain.size), 0.0)
    roots = [f"{fixed(math.sqrt(value), 3)}{unit}" for value in (single, together, limit)]
    return (
        f"{first} By an exact law of the squared error, its root is {roots[0]} of one network, {roots[1]} of "
        f"{gain.size} together, and {roots[2]} of infinitely many."
    )


def _ensemble_card(sizes: xr.Dataset, gain: Gain, unit: str) -> Card:
    low, value, high = (
        pick(sizes, name, approach="independent", metric=RMSE, size=gain.size)
        for name in ("score_low", "score", "score_high")
    )
    decimals = decimals_for(low, value, high, least=1, most=4)
    return Card(f"RMSE of {gain.size} together", f"{fixed(value, decimals)}{unit}", interval(low, high, decimals))


def _gain_card(label: str, gain: Gain, unit: str) -> Card:
    decimals = decimals_for(gain.low, gain.value, gain.high, least=1, most=4)
    note = interval(gain.low, gain.high, decimals) + ("" if gain.conclusive else ": inconclusive")
    return Card(label, f"{fixed(gain.value, decimals, signed=True)}{unit}", note)
