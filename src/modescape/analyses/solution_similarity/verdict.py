"""What independent solutions add to the head of the page: how different they are, and how equally good."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.solution_similarity.numbers.verdict import part_of_numbers
from modescape.covers import covers_of
from modescape.wording.head import Card, Part
from modescape.wording.numbers import (
    SPACE,
    accuracy,
    count,
    decimals_for,
    fixed,
    interval,
    percent,
    significant,
)
from modescape.wording.reading import disagreements, pick

if TYPE_CHECKING:
    import xarray as xr


SAME = 0.05  # ratios within 5 % of 1 are called "about as much"


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """How much networks and snapshots disagree, and whether they are equally accurate."""
    solutions = results.get("solution_similarity")
    if solutions is None:
        return Part()
    if "prediction_distance" in solutions:
        return part_of_numbers(solutions, _UNRELATED)
    return Part(
        sentences={20: _disagreement_sentence(solutions)},
        why={10: _functions_reason(solutions), 20: _equals_reason(solutions), 40: _snapshot_reason(solutions)},
        limits={50: _UNRELATED},
        cards={10: _accuracy_cards(solutions), 40: _disagreement_cards(solutions)},
    )


_UNRELATED = (
    "That the networks are unrelated: hidden units can be permuted without changing the function, so a cosine near 0 "
    "says little by itself."
)


def _accuracy_cards(solutions: xr.Dataset) -> list[Card]:
    if "accuracy" not in solutions or not solutions.sizes.get("member", 0):
        return []
    values = solutions["accuracy"].values
    spread = f"{count(len(values), 'member')} from {accuracy(values.min())} to {accuracy(values.max())}"
    return [Card("One network, on average", accuracy(values.mean()), spread)]


def _disagreement_cards(solutions: xr.Dataset) -> list[Card]:
    cards = []
    across, within = disagreements(solutions)
    if not math.isnan(within):
        cards.append(Card("Disagreement within a run", percent(within), "two late snapshots"))
    if not math.isnan(across):
        low, high = (100 * pick(solutions, f"pair_{end}", metric="disagreement") for end in ("low", "high"))
        whom = covers_of(solutions, "pair")
        note = f"two independent networks, {interval(low, high, decimals_for(low, high), whom)}"
        cards.append(Card("Disagreement across runs", percent(across), note))
    return cards


def _disagreement_sentence(solutions: xr.Dataset | None) -> str:
    across, within = disagreements(solutions)
    if math.isnan(across) and math.isnan(within):
        return ""
    if math.isnan(across):
        return f"Two snapshots of one run disagree on {percent(within)} of the test images."
    if math.isnan(within):
        return f"Two independent networks disagree on {percent(across)} of the test images."
    sentence = (
        f"Two snapshots of one run disagree on {percent(within)} of the test images, "
        f"two independent networks on {percent(across)}"
    )
    if within == 0:
        return sentence + "."
    low = pick(solutions, "pair_low", metric="disagreement")
    high = pick(solutions, "pair_high", metric="disagreement")
    if low <= within <= high:
        return sentence + ": inconclusive, as the interval of the second includes the first."
    ratio = across / within
    if abs(ratio - 1) < SAME:
        return sentence + ": about as often."
    return sentence + f": {significant(ratio)} times as often."


def _functions_reason(solutions: xr.Dataset | None) -> str:
    normalized = pick(solutions, "pair_mean", metric="normalized_disagreement")
    cosine = pick(solutions, "pair_mean", metric="cosine_without_batch_norm")
    if math.isnan(cosine):
        cosine = pick(solutions, "pair_mean", metric="cosine")
    if math.isnan(normalized):
        return ""
    if normalized >= 0.5:
        start = "They are different functions: their disagreement rate is"
    else:
        start = "They are similar functions: their disagreement rate is only"
    text = f"{start} {significant(normalized)} times their error rate (0: the same predictions)."
    if not math.isnan(cosine):
        angle = "their weights are nearly orthogonal" if abs(cosine) < 0.1 else "their weights share a direction"
        text += f" The mean cosine of two weight vectors is {significant(cosine)}: {angle}."
    moved = pick(solutions, "pair_mean", metric="displacement_cosine")
    if not math.isnan(moved):
        text += (
            f" They start from one checkpoint; the mean cosine of their displacements from it is {significant(moved)}."
        )
    return text


def _equals_reason(solutions: xr.Dataset | None) -> str:
    """How far the members' accuracies differ beyond what a finite test set makes of equal ones."""
    if solutions is None or "accuracy" not in solutions or solutions.sizes.get("member", 0) < 2:
        return ""
    low, high = float(solutions["accuracy"].min()), float(solutions["accuracy"].max())
    across, _ = disagreements(solutions)
    if across == 0:
        return f"They give every test image the same label ({accuracy(low)} right): averaging cannot change a label."
    names = ("", "_sampling", "_beyond", "_beyond_high")
    sd, sampling, beyond, most = (100 * pick(solutions, f"accuracy_sd{name}") for name in names)
    p_value, q = pick(solutions, "cochran_p"), pick(solutions, "cochran_q")
    bounds = f"{accuracy(low)} to {accuracy(high)}"
    if not math.isfinite(p_value):  # results of an older version, or members that are right on the same images
        return f"Their accuracies range from {bounds}."
    decimals = decimals_for(sd, sampling, beyond, most)
    test = f"Cochran's Q {fixed(q)}, p{SPACE}{_p_in_words(p_value)}"
    start = (
        f"They are not equally accurate ({bounds}; {test})"
        if p_value < 0.05
        else f"Whether they differ in accuracy beyond test-set sampling is unclear ({bounds}; {test})"
    )
    return (
        f"{start}: the standard deviation between members is {fixed(sd, decimals)} points; test-set sampling alone "
        f"gives {fixed(sampling, decimals)}, the rest is {fixed(beyond, decimals)} (at most {fixed(most, decimals)}, "
        f"95{SPACE}% upper bound); squares of these add up."
    )


def _p_in_words(p_value: float) -> str:
    return f"<{SPACE}0.001" if p_value < 0.001 else f"={SPACE}{fixed(p_value, 3 if p_value < 0.01 else 2)}"


def _snapshot_reason(solutions: xr.Dataset | None) -> str:
    independent = pick(solutions, "jensen_shannon", approach="independent")
    snapshots = pick(solutions, "jensen_shannon", approach="snapshots")
    if math.isnan(independent) or math.isnan(snapshots):
        return ""
    comparison = "more" if independent > snapshots else "no more"
    return (
        f"Independent networks spread {comparison} than snapshots in what they predict: Jensen-Shannon divergence "
        f"{significant(independent)} against {significant(snapshots)}{SPACE}nats, with as many networks in both."
    )
