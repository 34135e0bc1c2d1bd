"""Gain and cost of each ensemble method: rows of a table and a sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modescape.analyses.equivalents import best_of, equivalent, inside_a_run
from modescape.covers import covers_of, short
from modescape.methods import label_of
from modescape.plots import steps
from modescape.wording.head import Purchase
from modescape.wording.numbers import ABSENT, SPACE, count, decimals_for, fixed
from modescape.wording.reading import Gain, pick
from modescape.wording.scores import known
from modescape.wording.takeaways import for_whom

if TYPE_CHECKING:
    import xarray as xr

ONE = 1.05  # equivalents below it are written "1.0"


def purchases(
    methods: xr.Dataset | None, calibration: xr.Dataset | None, scales: xr.Dataset | None = None
) -> list[Purchase]:
    """A row for every method within one member, and for as many independent networks; none if nothing was measured.

    Args:
        methods: result of `ensemble_methods`.
        calibration: result of `calibration`.
        scales: result of `subspace_scales`: methods whose sweep ended at the best step are flagged.
    """
    if methods is None:
        return []
    quality = str(methods["metric"].values[0])  # accuracy, RMSE
    score = known(methods).get(quality)
    factor = score.factor if score else 1.0
    measured = score.of_differences(score.short) if score else quality  # with the target's unit
    samples = int(methods.attrs["samples"])
    edge = steps.stepping(scales)["edge"] if scales is not None and "edge" in scales else []
    rows = []
    for method in (str(name) for name in methods["approach"].values):
        independent = method == "independent"
        size = min(samples, methods.sizes["size"]) if independent else 1
        if independent and size == 1:
            continue
        passes = size * pick(methods, "forward_passes", approach=method)
        label = label_of(method)
        rows.append(
            Purchase(
                method=f"{size}{SPACE}independent networks" if independent else label,
                place=_place(methods, "approach", method) + (", the last that was tried" if label in edge else ""),
                training=f"{size}",
                passes=fixed(passes, 0),
                quality=_change(_gain(methods, method, quality, size), factor, _apart(methods, method)),
                measured=measured,
                covers=covers_of(methods, "gain"),
                covers_equivalent=covers_of(calibration, "equivalent"),
                nll=_change(_gain(methods, method, "nll", size), 1, _apart(methods, method)),
                equivalent=_equivalent(calibration, method, size if independent else samples),
            )
        )
    return rows


def equivalent_sentence(methods: xr.Dataset | None, calibration: xr.Dataset | None) -> str:
    """How many independent networks the best subspace method is worth; "" if that was not measured."""
    if methods is None or calibration is None:
        return ""
    found = inside_a_run(calibration)
    if not found:
        return ""
    best = best_of(found)
    own, whom = found[best], for_whom(covers_of(calibration, "equivalent"))
    bounds, semicolon, state = own.bounds().partition(";")
    place = _place(calibration, "other_approach", best)
    name = f"{label_of(best)}; {place}" if place else label_of(best)
    subject = f"{count(own.size, 'network')} of one run ({name})"
    if own.below:
        return (
            f"No method within one run was better than one network by calibrated likelihood: the best, {subject}, is "
            f"worth {own.text()}; 95{SPACE}% interval {bounds}{whom}{semicolon}{state}."
        )
    if own.value < ONE:
        return (
            f"No method within one run is worth more than one network by calibrated likelihood; the best: {subject}, "
            f"95{SPACE}% interval {bounds}{whom}."
        )
    inconclusive = "" if own.low > 1 else ": inconclusive"
    return (
        f"{subject} are worth {own.text()} independent networks by calibrated likelihood "
        f"(95{SPACE}% interval {bounds}{whom}{inconclusive})."
    )


def _place(dataset: xr.Dataset, dim: str, method: str) -> str:
    return steps.place(*(pick(dataset, key, **{dim: method}) for key in ("scale", "distance")))


def _gain(methods: xr.Dataset, method: str, metric: str, size: int) -> Gain:
    low, value, high = (
        pick(methods, name, approach=method, metric=metric, size=size) for name in ("gain_low", "gain", "gain_high")
    )
    return Gain(size, value, low, high)


def _apart(methods: xr.Dataset, method: str) -> str:
    """Behind bounds: what they are for, where that is not what those of the other rows are for."""
    own = covers_of(methods, "gain", method)
    return "" if own == covers_of(methods, "gain") else f" ({short(own)})"


def _change(gain: Gain, factor: float, apart: str) -> tuple[str, str]:
    if not math.isfinite(gain.value):
        return ABSENT, ""
    value, low, high = factor * gain.value, factor * gain.low, factor * gain.high
    decimals = decimals_for(value, low, high) if factor > 1 else decimals_for(value, low, high, least=3, most=5)
    bounds = f"{_bounds(low, high, decimals)}{apart}"
    return fixed(value, decimals, signed=True), bounds if gain.conclusive else f"{bounds}; inconclusive"


def _equivalent(calibration: xr.Dataset | None, method: str, size: int) -> tuple[str, str]:
    own = equivalent(calibration, method, size)
    if method == "independent" and own.known:
        return fixed(size, 0), "by definition"
    return own.text(), own.bounds()


def _bounds(low: float, high: float, decimals: int) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "no interval"
    return f"{fixed(low, decimals)} to {fixed(high, decimals)}"
