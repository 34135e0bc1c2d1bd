"""The part of ensemble sizes at the head of a regression's page, in the target's unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.analyses.ensemble_size.rows import score_rows
from modescape.covers import covers_of
from modescape.wording.head import Card, Part
from modescape.wording.numbers import (
    ABSENT,
    SPACE,
    decimals_for,
    fixed,
    interval,
    listing,
    of_target,
    percent,
)
from modescape.wording.reading import Gain, final_gain, full_gain, pick
from modescape.wording.takeaways import for_whom

if TYPE_CHECKING:
    import xarray as xr

RMSE = "rmse"
STEPS = 10  # most sizes that are listed


def is_of_numbers(sizes: xr.Dataset | None) -> bool:
    """Whether a result is of a regression."""
    return sizes is not None and "metric" in sizes.coords and RMSE in sizes["metric"].values


def part_of_numbers(sizes: xr.Dataset, weighed: bool = False) -> Part:
    """Whether averaging worked, by how much, and how many networks are enough.

    Args:
        sizes: the result.
        weighed: a decision is shown, which interprets the result.
    """
    gain, final = full_gain(sizes, "independent", RMSE), final_gain(sizes, RMSE)
    unit, worked = unit_of(sizes), gain is not None and gain.conclusive and gain.value < 0
    whom = for_whom(covers_of(sizes, "score"))
    cards = (
        []
        if gain is None
        else [_ensemble_card(sizes, gain, unit), _gain_card("Change by the ensemble", gain, unit, _whose(sizes))]
    )
    return Part(
        answer={30: "" if worked and weighed else _answer(gain, bool(sizes.attrs.get("given")))},
        sentences={
            30: _sentence(gain, "independent networks", "that of the mean single network", unit),
            31: _sentence(final, "snapshots of one run", "that of its final network", unit),
        },
        why={30: _cancel(sizes, gain)},
        cards={20: cards},
        enough=_enough(sizes, gain, unit, weighed),
        scores=score_rows(sizes),
        covers=f"Intervals are{whom}." if gain is not None and whom else "",
        covers_scores=covers_of(sizes, "gain"),
        worked=worked,
    )


def unit_of(dataset: xr.Dataset) -> str:
    """The suffix of a value in the target's unit: a space and the unit; "" where the unit is unknown."""
    unit = str(dataset.attrs.get("target_unit", ""))
    return f"{SPACE}{unit}" if unit else ""


def _answer(gain: Gain | None, given: bool) -> str:
    if gain is None:
        return "No verdict on the ensemble: it needs at least two trained networks."
    if not gain.conclusive:
        whose = "these predictions" if given else "this study"
        return f"Inconclusive: {whose} cannot tell whether averaging all networks helped."
    if given:
        return f"Their average is {'better' if gain.value < 0 else 'worse'} than one of them picked at random."
    return "Averaging independent networks worked." if gain.value < 0 else "Averaging independent networks hurt."


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
    """A sentence on why, by the exact law of the squared error."""
    if gain is None:
        return ""
    single, together = _law(sizes, gain.size)
    if not math.isfinite(single):
        return ""
    share = percent((single - together) / single) if single > 0 else ABSENT
    return (
        f"Averaging takes {share} off the mean squared error of the mean network, {of_target(single)} to "
        f"{of_target(together)} (in squared target units): exactly the variance of the predictions; errors that all "
        f"networks share remain."
    )


def _law(sizes: xr.Dataset, size: int) -> tuple[float, float]:
    single, together = (pick(sizes, "squared_error_law", approach="independent", size=at) for at in (1, size))
    return single, together


def _enough(sizes: xr.Dataset, gain: Gain | None, unit: str, weighed: bool) -> str:
    """The change of each size, unless a decision shows it, and what the law of the squared error adds."""
    if gain is None:
        return ""
    by_size = f"{_by_size(sizes, unit)},{for_whom(_whose(sizes))}"
    told = "" if weighed else f"Averaging changes the root mean squared error of one network by {by_size}."
    single, together = _law(sizes, gain.size)
    if not math.isfinite(single):
        return told
    limit = max(single - (single - together) / (1 - 1 / gain.size), 0.0)
    roots = [f"{of_target(math.sqrt(value))}{unit}" for value in (single, together, limit)]
    return (
        f"{told} By the closed form of the squared error, the RMSE is {roots[0]} for one network, {roots[1]} for "
        f"{gain.size} averaged, and {roots[2]} for infinitely many."
    ).strip()


def _whose(sizes: xr.Dataset) -> str:
    """Whom the interval of a gain is for: one pair does not show how pairs differ."""
    return covers_of(sizes, "gain")


def _by_size(sizes: xr.Dataset, unit: str) -> str:
    parts = []
    for size in (int(size) for size in sizes["size"].values if size > 1):
        at = {"approach": "independent", "metric": RMSE, "size": size}
        low, value, high = (pick(sizes, name, **at) for name in ("gain_low", "gain", "gain_high"))
        if math.isfinite(value):
            decimals = decimals_for(low, value, high, least=1, most=4)
            change = f"{fixed(value, decimals, signed=True)}{unit} with {size}"
            state = "; inconclusive" if low <= 0 <= high else ""
            parts.append(f"{change} ({interval(low, high, decimals)}{state})")
    return listing(parts[:STEPS])


def _ensemble_card(sizes: xr.Dataset, gain: Gain, unit: str) -> Card:
    low, value, high = (
        pick(sizes, name, approach="independent", metric=RMSE, size=gain.size)
        for name in ("score_low", "score", "score_high")
    )
    decimals = decimals_for(low, value, high, least=1, most=4)
    return Card(
        f"RMSE of {gain.size} together",
        f"{fixed(value, decimals)}{unit}",
        interval(low, high, decimals, covers_of(sizes, "score")),
    )


def _gain_card(label: str, gain: Gain, unit: str, whom: str) -> Card:
    decimals = decimals_for(gain.low, gain.value, gain.high, least=1, most=4)
    note = interval(gain.low, gain.high, decimals, whom) + ("" if gain.conclusive else ": inconclusive")
    return Card(label, f"{fixed(gain.value, decimals, signed=True)}{unit}", note)
