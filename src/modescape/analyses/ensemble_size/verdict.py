"""What the sizes of ensembles add to the head of the page: whether averaging worked, and how many are enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.ensemble_size.numbers import is_of_numbers, part_of_numbers
from modescape.analyses.ensemble_size.rows import score_rows
from modescape.covers import covers_of
from modescape.wording.head import Card, Part
from modescape.wording.numbers import SPACE, accuracy, decimals_for, fixed, interval, listing, percent
from modescape.wording.reading import Gain, final_gain, full_gain, full_size, holding, pick, score_at
from modescape.wording.takeaways import for_whom

if TYPE_CHECKING:
    import xarray as xr


STEPS = 10  # most sizes that are told


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """Whether averaging worked, by how much, and how many networks are enough; also that it was not measured."""
    sizes = results.get("ensemble_size")
    weighed = holding(results, "covariance", "chosen", "averaged") is not None  # a decision says what to make of it
    if sizes is not None and is_of_numbers(sizes):
        return part_of_numbers(sizes, weighed)
    gain = full_gain(sizes, "independent")
    given = sizes is not None and bool(sizes.attrs.get("given"))
    networks, over = ("of them", " over the mean network") if given else ("independent networks", "")
    gained = "" if gain is None else _gain_sentence(gain, networks, over, _whose(sizes))
    worked = gain is not None and gain.conclusive and gain.value > 0
    if gain is None and sizes is not None:
        gained = "Fewer than two independent networks were scored, so there is no ensemble of them to judge."
    return Part(
        answer={30: "" if worked and weighed else _answer(gain, sizes)},
        sentences={30: gained, 31: _snapshot_sentence(sizes)},
        why={30: _cancel_reason(sizes)},
        limits={40: _ONE_PAIR if full_size(sizes, "independent") == 2 else ""},
        cards={20: _ensemble_cards(sizes, gain, given), 50: _snapshot_cards(sizes)},
        enough=enough_members(sizes, weighed),
        scores=score_rows(sizes),
        covers=_covers(gain, sizes),
        covers_scores=covers_of(sizes, "gain"),
        worked=worked,
    )


_ONE_PAIR = (
    "What two other networks would gain: one pair does not show how pairs differ, so the interval of its gain covers "
    "test-set sampling only."
)


def _ensemble_cards(sizes: xr.Dataset | None, gain: Gain | None, given: bool) -> list[Card]:
    if gain is not None and given:  # what they are together stands there already, beside the best alone
        return [_gain_card("Gain over the mean network", gain, _whose(sizes))]
    return (
        [] if gain is None else [_ensemble_card(sizes, gain), _gain_card("Gain of the ensemble", gain, _whose(sizes))]
    )


def _snapshot_cards(sizes: xr.Dataset | None) -> list[Card]:
    gain = final_gain(sizes)
    if sizes is None or gain is None:
        return []
    whom = covers_of(sizes, "final_gain")
    return [_gain_card(f"Gain of {gain.size}{SPACE}snapshots over the run's end", gain, whom)]


def _covers(gain: Gain | None, sizes: xr.Dataset | None) -> str:
    if gain is None:
        return ""
    kind, of_gain, of_runs = (
        covers_of(sizes, *of) for of in (("score",), ("gain",), ("score", "snapshots" if _has_snapshots(sizes) else ""))
    )
    if not kind:
        return ""
    gains = f"; of the gain of two networks: {of_gain}" if of_gain != kind else ""
    runs = f"; of snapshots: {of_runs}" if of_runs != kind else ""
    return f"Unless said otherwise, intervals are for {kind}{gains}{runs}."


def _has_snapshots(sizes: xr.Dataset | None) -> bool:
    return sizes is not None and "snapshots" in sizes["approach"].values


def _answer(gain: Gain | None, sizes: xr.Dataset | None) -> str:
    if gain is None:
        missing = "ensemble_size was not measured" if sizes is None else "it needs at least two trained networks"
        return f"No verdict on the ensemble: {missing}."
    if not gain.conclusive:
        whose = "these predictions" if sizes is not None and sizes.attrs.get("given") else "this study"
        return f"Inconclusive: {whose} cannot tell whether averaging all networks helped."
    if sizes is not None and sizes.attrs.get("given"):
        return f"Their average is {'better' if gain.value > 0 else 'worse'} than one of them picked at random."
    return "Averaging independent networks worked." if gain.value > 0 else "Averaging independent networks hurt."


def _gain_sentence(gain: Gain | None, networks: str, over: str = "", whom: str = "") -> str:
    if gain is None:
        return ""
    value, low, high = 100 * gain.value, 100 * gain.low, 100 * gain.high
    decimals = decimals_for(value, low, high)
    subject = f"Averaging {gain.size}{SPACE}{networks}"
    bounds = interval(low, high, decimals, whom)
    if not gain.conclusive:
        reason = (
            "because the interval includes 0" if math.isfinite(low) and math.isfinite(high) else "without an interval"
        )
        change = f"changes accuracy by {fixed(value, decimals, signed=True)} points{over} ({bounds})"
        return f"{subject} {change}: inconclusive, {reason}."
    if value > 0:
        return f"{subject} gains {fixed(value, decimals)} points of accuracy{over} ({bounds})."
    bounds = interval(-high, -low, decimals, whom)
    return f"{subject} loses {fixed(-value, decimals)} points of accuracy{over} ({bounds})."


def _snapshot_sentence(sizes: xr.Dataset | None) -> str:
    """The gain of snapshots over the run's final network, and that over its mean snapshot."""
    mean, final = full_gain(sizes, "snapshots"), final_gain(sizes)
    if final is None:  # results of an older version
        return _gain_sentence(mean, "snapshots of one run", whom=covers_of(sizes, "gain", "snapshots"))
    sentence = _gain_sentence(final, "snapshots of one run", " over its final network", covers_of(sizes, "final_gain"))
    if mean is None:
        return sentence
    value, low, high = 100 * mean.value, 100 * mean.low, 100 * mean.high
    decimals = decimals_for(value, low, high)
    bounds = interval(low, high, decimals, covers_of(sizes, "gain", "snapshots"))
    than = f"{fixed(value, decimals, signed=True)} points ({bounds})"
    return f"{sentence} Over the mean snapshot it is {than}{'' if mean.conclusive else ': inconclusive'}."


def _cancel_reason(sizes: xr.Dataset | None) -> str:
    gain = full_gain(sizes, "independent", "brier")
    if gain is None or not gain.conclusive or gain.value >= 0:  # an average never has the higher one (Jensen)
        return ""
    single, together = (score_at(sizes, "independent", "brier", size) for size in (1, gain.size))
    return (
        f"Averaging the probabilities takes {percent((single - together) / single)} off the Brier score, from "
        f"{fixed(single, 3)} to {fixed(together, 3)}, because part of their errors cancels (averaging never raises it)."
    )


def enough_members(sizes: xr.Dataset | None, weighed: bool = False) -> str:
    """What each size gains over one network, and what the Brier law adds.

    Args:
        sizes: the result.
        weighed: a decision tells what each further network changes, so that this need not.
    """
    gain = full_gain(sizes, "independent")
    if sizes is None or gain is None:
        return ""
    told = f"Averaging changes the accuracy of one network by {_by_size(sizes)},{for_whom(_whose(sizes))}."
    told = "" if weighed else told
    return f"{told} {_brier_law(sizes, gain.size)}".strip()


def _by_size(sizes: xr.Dataset) -> str:
    parts = []
    for size in (int(size) for size in sizes["size"].values if size > 1):
        low, value, high = (
            100 * pick(sizes, name, approach="independent", metric="accuracy", size=size)
            for name in ("gain_low", "gain", "gain_high")
        )
        if math.isfinite(value):
            decimals = decimals_for(value, low, high)
            state = "" if low > 0 or high < 0 else "; inconclusive"
            bounds = f"{interval(low, high, decimals)}{state}"
            parts.append(f"{fixed(value, decimals, signed=True)} points with {size} ({bounds})")
    return listing(parts[:STEPS])


def _brier_law(sizes: xr.Dataset, size: int) -> str:
    single, together = (pick(sizes, "brier_law", approach="independent", size=value) for value in (1, size))
    if math.isnan(single) or math.isnan(together):
        return ""
    limit = single - (single - together) / (1 - 1 / size)
    return (
        f"By its closed form, the Brier score is {fixed(single, 3)} for one network, {fixed(together, 3)} for {size} "
        f"averaged, and {fixed(limit, 3)} for infinitely many."
    )


def _ensemble_card(sizes: xr.Dataset | None, gain: Gain) -> Card:
    low, value, high = (
        pick(sizes, name, approach="independent", metric="accuracy", size=gain.size)
        for name in ("score_low", "score", "score_high")
    )
    return Card(
        f"Ensemble of {gain.size}", accuracy(value), interval(100 * low, 100 * high, 1, covers_of(sizes, "score"))
    )


def _whose(sizes: xr.Dataset | None) -> str:
    """Whom the interval of a gain is for: one pair does not show how pairs differ."""
    return covers_of(sizes, "gain")


def _gain_card(label: str, gain: Gain, whom: str) -> Card:
    value, low, high = 100 * gain.value, 100 * gain.low, 100 * gain.high
    decimals = decimals_for(value, low, high)
    note = interval(low, high, decimals, whom) + ("" if gain.conclusive else ": inconclusive")
    return Card(label, f"{fixed(value, decimals, signed=True)}{SPACE}points", note)
