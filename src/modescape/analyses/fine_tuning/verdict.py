"""What the common start adds to the head of the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.covers import covers_of
from modescape.wording.head import Part
from modescape.wording.numbers import accuracy, decimals_for, fixed, interval, percent
from modescape.wording.reading import pick

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """What the start does to a network, to the ensemble, and to what averaging gains."""
    tuned = results.get("fine_tuning")
    return Part(
        sentences={35: _sentence(tuned)}, why={50: _why(tuned)}, limits={55: _LIMIT if tuned is not None else ""}
    )


_LIMIT = (
    "What members from scratch would reach with settings of their own: they have those of the fine-tuned ones, and no "
    "learning rate was searched for either."
)


def _change(tuned: xr.Dataset | None, name: str) -> tuple[float, float, float]:
    low, middle, high = (
        100 * pick(tuned, f"{name}_difference{end}", metric="accuracy") for end in ("_low", "", "_high")
    )
    return low, middle, high


def _sentence(tuned: xr.Dataset | None) -> str:
    """Accuracy of the ensembles of both kinds, and the difference of what they gain."""
    ensemble, gain = (_change(tuned, name) for name in ("score", "gain"))
    if not math.isfinite(ensemble[1]):
        return ""
    mine, theirs = (
        accuracy(pick(tuned, "score", approach=name, metric="accuracy")) for name in ("fine-tuned", "from scratch")
    )
    return (
        f"The ensemble of fine-tuned members is right on {mine}, that of as many from scratch on {theirs}: "
        f"{_points(ensemble, covers_of(tuned, 'score_difference'))}. What averaging gains, fine-tuned against from "
        f"scratch: {_points(gain, covers_of(tuned, 'gain_difference'))}."
    )


def _points(change: tuple[float, float, float], whom: str) -> str:
    low, value, high = change
    decimals = decimals_for(low, value, high)
    if not low * high > 0:
        return f"{fixed(value, decimals, signed=True)} points ({interval(low, high, decimals, whom)}): inconclusive"
    least, most = sorted((abs(low), abs(high)))
    word = "more" if value > 0 else "less"
    return f"{fixed(abs(value), decimals)} points {word} ({interval(least, most, decimals, whom)})"


def _why(tuned: xr.Dataset | None) -> str:
    """How alike the two kinds are in what they predict."""
    mine, theirs = (pick(tuned, "disagreement", approach=name) for name in ("fine-tuned", "from scratch"))
    if not (math.isfinite(mine) and math.isfinite(theirs)):
        return ""
    return (
        f"Two fine-tuned networks label {percent(mine)} of the test images differently, two from scratch "
        f"{percent(theirs)}."
    )
