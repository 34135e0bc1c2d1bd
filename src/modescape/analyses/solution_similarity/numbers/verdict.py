"""What independent networks of a regression add to the head of the page: how far apart their predictions are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.wording.head import Card, Part
from modescape.wording.numbers import SPACE, count, of_target, significant
from modescape.wording.reading import pick

if TYPE_CHECKING:
    import xarray as xr


def part_of_numbers(solutions: xr.Dataset, unrelated: str) -> Part:
    """How far networks and snapshots lie apart, and how good one network is.

    Args:
        solutions: the result.
        unrelated: what a cosine near 0 does not say.
    """
    unit = str(solutions.attrs.get("target_unit", ""))
    behind = f"{SPACE}{unit}" if unit else ""
    values = solutions["rmse"].values
    spread = f"{count(len(values), 'member')} from {of_target(values.min())} to {of_target(values.max())}"
    return Part(
        sentences={20: _sentence(solutions, behind)},
        why={10: _reason(solutions)},
        limits={50: unrelated},
        cards={10: [Card("RMSE of one network, on average", f"{of_target(values.mean())}{behind}", spread)]},
    )


def _sentence(solutions: xr.Dataset, unit: str) -> str:
    across, within = pick(solutions, "pair_mean", metric="prediction_distance"), pick(solutions, "last_epochs_distance")
    if math.isnan(across):
        return ""
    text = f"The predictions of two independent networks are {significant(across)}{unit} apart (root mean square)"
    if math.isnan(within) or within == 0:
        return f"{text}."
    low, high = (pick(solutions, f"pair_{end}", metric="prediction_distance") for end in ("low", "high"))
    text = f"{text}, those of two snapshots of one run {significant(within)}{unit}"
    if low <= within <= high:
        return f"{text}: inconclusive, as the interval of the first includes the second."
    return f"{text}: {significant(across / within)} times as much across runs as within one."


def _reason(solutions: xr.Dataset) -> str:
    over = pick(solutions, "pair_mean", metric="normalized_distance")
    if math.isnan(over):
        return ""
    start = "They are different functions" if over >= 0.5 else "They are similar functions"
    return (
        f"{start}: the predictions of two are {significant(over)} times their error apart (0: the same predictions; "
        "1.4: uncorrelated errors)."
    )
