"""What it adds to the head of the page: what averaging the weights of two networks costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.connectivity.draw import kinds_of, mean_of
from modescape.covers import covers_of
from modescape.wording.head import Part
from modescape.wording.numbers import significant
from modescape.wording.reading import holding
from modescape.wording.takeaways import for_whom

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """How high the loss is between two members, and what of that is the order of their units."""
    found = holding(results, "mean_barrier", "path_barrier")
    if found is None:
        return Part()
    raw, low, high = mean_of(found, "raw", "loss")
    if not math.isfinite(raw):
        return Part()
    sentence = (
        f"Between two of them the test loss rises by {significant(raw)} nats on the straight line of their weights"
    )
    whom = for_whom(covers_of(found, "mean_barrier"))
    if math.isfinite(low) and math.isfinite(high):
        sentence += f" (mean over pairs, 95 % interval {significant(low)} to {significant(high)}{whom})"
        if low <= 0:
            return Part(why={45: f"{sentence}: whether their weights can be averaged is unclear."})
    best = {kind: mean_of(found, kind, "loss") for kind in kinds_of(found) if kind.startswith("aligned")}
    if best and all(math.isfinite(value) for value, *_ in best.values()):
        kind = min(best, key=lambda kind: best[kind][0])
        reset = " and their statistics are reset" if kind == "aligned_reset" else ""
        value, low, high = best[kind]
        ends = f" ({significant(low)} to {significant(high)})" if math.isfinite(low) and math.isfinite(high) else ""
        sentence += f", by {significant(value)}{ends} once their units are aligned{reset}"
    return Part(why={45: f"{sentence}."})
