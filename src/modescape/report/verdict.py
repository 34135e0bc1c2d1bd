"""The verdict in plain words: pure functions from results to sentences.

A rule of the house (science.md 11.10): where the interval of a gain holds 0, the verdict says "inconclusive".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modescape.plots import steps
from modescape.report.cards import Card, key_figures, probability_scores
from modescape.report.convergence import not_converged, trained_out
from modescape.report.equal_cost import LONG, beaten, compared, cost_answer, cost_sentences
from modescape.report.reading import Gain, disagreements, final_gain, full_gain, full_size, pick, score_at
from modescape.report.wording import (
    SPACE,
    accuracy,
    count,
    decimals_for,
    fixed,
    interval,
    listing,
    percent,
    significant,
)
from modescape.report.worth import Worth, worth_sentence, worths

if TYPE_CHECKING:
    import xarray as xr

ENOUGH = 0.9  # share of the full gain that counts as "enough members"
SAME = 0.05  # ratios within 5 % of 1 are called "about as much"


@dataclass(frozen=True)
class Verdict:
    """What the page opens with."""

    question: str  # the heading
    answer: str  # short sentences: whether members had converged, what wins at equal cost, whether averaging worked
    sentences: list[str]  # the comparison with figures
    why: list[str]  # the reasons, as far as they were measured
    enough: str  # how many members are enough
    limits: list[str]  # what this does not show
    cards: list[Card]
    scores: list[tuple[str, str, str, str, str]]  # score, one network, ensemble, gain, its interval
    worths: list[Worth]  # what each way to make an ensemble buys
    worth: str  # the best of one run in a sentence
    covers: str = ""  # what the intervals of the ensemble and of gains cover


def judge(results: Mapping[str, xr.Dataset]) -> Verdict:
    """The verdict of a study; whatever is missing is left out or said to be missing."""
    solutions, sizes, cyclic = (results.get(name) for name in ("solution_similarity", "ensemble_size", "cyclic"))
    independent = full_gain(sizes, "independent")
    sentences = [
        *cost_sentences(cyclic),
        _disagreement_sentence(solutions),
        _gain_sentence(independent, "independent networks"),
        _snapshot_sentence(sizes),
    ]
    if independent is None and sizes is not None:
        sentences[-2] = "Fewer than two independent networks were scored, so there is no ensemble of them to judge."
    worked = independent is not None and independent.conclusive and independent.value > 0
    answers = [not_converged(results.get("training")), cost_answer(cyclic), _answer(independent, sizes)]
    return Verdict(
        question="Why did the ensemble work?" if worked and not beaten(cyclic) else "Did the ensemble work?",
        answer=" ".join(filter(None, answers)),
        sentences=[sentence for sentence in sentences if sentence],
        why=_why(solutions, sizes),
        enough=enough_members(sizes),
        limits=_limits(results),
        cards=key_figures(solutions, sizes, cyclic),
        scores=probability_scores(sizes),
        worths=worths(*(results.get(name) for name in ("ensemble_methods", "calibration", "subspace_scales"))),
        worth=worth_sentence(results.get("ensemble_methods"), results.get("calibration")),
        covers=_covers(independent),
    )


def _covers(gain: Gain | None) -> str:
    if gain is None:
        return ""
    pair = "; that of the gain of two networks, for these two" if gain.size == 2 else ""
    return (
        "Unless said otherwise, intervals are for other networks of this recipe (snapshots: other runs) on other test "
        f"images{pair}."
    )


def _answer(gain: Gain | None, sizes: xr.Dataset | None) -> str:
    if gain is None:
        missing = "ensemble_size was not measured" if sizes is None else "it takes at least two trained networks"
        return f"No verdict on the ensemble: {missing}."
    if not gain.conclusive:
        return "Inconclusive: this study cannot tell whether averaging helped."
    return "Averaging independent networks worked." if gain.value > 0 else "Averaging independent networks did harm."


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
        return sentence + ": inconclusive, as the interval of the second holds the first."
    ratio = across / within
    if abs(ratio - 1) < SAME:
        return sentence + ": about as much."
    return sentence + f": {significant(ratio)} times as much."


def _gain_sentence(gain: Gain | None, networks: str, over: str = "") -> str:
    if gain is None:
        return ""
    value, low, high = 100 * gain.value, 100 * gain.low, 100 * gain.high
    decimals = decimals_for(value, low, high)
    subject = f"Averaging {gain.size}{SPACE}{networks}"
    bounds = interval(low, high, decimals)
    if not gain.conclusive:
        reason = "because the interval holds 0" if math.isfinite(low) and math.isfinite(high) else "without an interval"
        change = f"changes accuracy by {fixed(value, decimals, signed=True)} points{over} ({bounds})"
        return f"{subject} {change}: inconclusive, {reason}."
    if value > 0:
        return f"{subject} gains {fixed(value, decimals)} points of accuracy{over} ({bounds})."
    bounds = interval(-high, -low, decimals)
    return f"{subject} loses {fixed(-value, decimals)} points of accuracy{over} ({bounds})."


def _snapshot_sentence(sizes: xr.Dataset | None) -> str:
    """The gain of snapshots over the run's final network, and that over its mean snapshot."""
    mean, final = full_gain(sizes, "snapshots"), final_gain(sizes)
    if final is None:  # results of an older version
        return _gain_sentence(mean, "snapshots of one run")
    sentence = _gain_sentence(final, "snapshots of one run", " over its final network")
    if mean is None:
        return sentence
    value, low, high = 100 * mean.value, 100 * mean.low, 100 * mean.high
    decimals = decimals_for(value, low, high)
    than = f"{fixed(value, decimals, signed=True)} points ({interval(low, high, decimals)})"
    return f"{sentence} Over the mean snapshot it is {than}{'' if mean.conclusive else ': inconclusive'}."


def _why(solutions: xr.Dataset | None, sizes: xr.Dataset | None) -> list[str]:
    reasons = [
        _functions_reason(solutions),
        _equals_reason(solutions),
        _cancel_reason(sizes),
        _snapshot_reason(solutions),
    ]
    return [reason for reason in reasons if reason]


def _functions_reason(solutions: xr.Dataset | None) -> str:
    normalized = pick(solutions, "pair_mean", metric="normalized_disagreement")
    cosine = pick(solutions, "pair_mean", metric="cosine_without_batch_norm")
    if math.isnan(cosine):
        cosine = pick(solutions, "pair_mean", metric="cosine")
    if math.isnan(normalized):
        return ""
    if normalized >= 0.5:
        start = "They are different functions: two of them disagree"
    else:
        start = "They are similar functions: two of them disagree only"
    text = f"{start} {significant(normalized)} times as often as one of them errs (0: the same predictions)."
    if not math.isnan(cosine):
        angle = "their weights are close to perpendicular" if abs(cosine) < 0.1 else "their weights share a direction"
        text += f" The mean cosine of two weight vectors is {significant(cosine)}: {angle}."
    return text


def _equals_reason(solutions: xr.Dataset | None) -> str:
    """How far the members' accuracies differ beyond what a finite test set makes of equal ones."""
    if solutions is None or "accuracy" not in solutions or solutions.sizes.get("member", 0) < 2:
        return ""
    low, high = float(solutions["accuracy"].min()), float(solutions["accuracy"].max())
    across, _ = disagreements(solutions)
    if across == 0:
        return f"They label every test image alike ({accuracy(low)} right): averaging can change no label."
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
        else f"That they differ in accuracy cannot be told from sampling of the test images ({bounds}; {test})"
    )
    return (
        f"{start}: the standard deviation between members is {fixed(sd, decimals)} points; test sampling alone makes "
        f"{fixed(sampling, decimals)}, what lies beyond it {fixed(beyond, decimals)} (at most {fixed(most, decimals)}, "
        f"95{SPACE}% upper bound); squares of these add up."
    )


def _p_in_words(p_value: float) -> str:
    return f"<{SPACE}0.001" if p_value < 0.001 else f"={SPACE}{fixed(p_value, 3 if p_value < 0.01 else 2)}"


def _cancel_reason(sizes: xr.Dataset | None) -> str:
    gain = full_gain(sizes, "independent", "brier")
    if gain is None or not gain.conclusive:
        return ""
    single, together = (score_at(sizes, "independent", "brier", size) for size in (1, gain.size))
    moved = f"takes the Brier score from {fixed(single, 3)} to {fixed(together, 3)}"
    if gain.value > 0:
        return f"Their errors do not cancel: averaging the probabilities {moved}, which is worse."
    return f"Their errors partly cancel: averaging the probabilities {moved} (lower is better)."


def _snapshot_reason(solutions: xr.Dataset | None) -> str:
    independent = pick(solutions, "jensen_shannon", method="independent")
    snapshots = pick(solutions, "jensen_shannon", method="snapshots")
    if math.isnan(independent) or math.isnan(snapshots):
        return ""
    comparison = "more" if independent > snapshots else "no more"
    return (
        f"Independent networks spread {comparison} than snapshots in what they predict: Jensen-Shannon divergence "
        f"{significant(independent)} against {significant(snapshots)}{SPACE}nats, with as many networks in both."
    )


def enough_members(sizes: xr.Dataset | None) -> str:
    """How many members reach 90 % of the full gain in accuracy, with what the Brier law adds."""
    gain = full_gain(sizes, "independent")
    if sizes is None or gain is None:
        return ""
    if not gain.conclusive or gain.value <= 0:
        first = f"Accuracy gives no answer, as the gain of all {gain.size} is " + (
            "inconclusive." if not gain.conclusive else "negative."
        )
    else:
        reached = [
            int(size)
            for size in sizes["size"].values
            if pick(sizes, "gain", method="independent", metric="accuracy", size=size) >= ENOUGH * gain.value
        ]
        first = f"{count(min(reached), 'network')} reach {percent(ENOUGH)} of the gain in accuracy of all {gain.size} "
        first += "(of means over subsets; this number has no interval)."
        if min(reached) == gain.size:
            first = f"All {gain.size}: no smaller ensemble reaches {percent(ENOUGH)} of their gain in accuracy."
    return f"{first} {_brier_law(sizes, gain.size)}".strip()


def _brier_law(sizes: xr.Dataset, size: int) -> str:
    single, together = (pick(sizes, "brier_law", method="independent", size=value) for value in (1, size))
    if math.isnan(single) or math.isnan(together):
        return ""
    limit = single - (single - together) / (1 - 1 / size)
    return (
        f"In the Brier score {size} networks get {percent(1 - 1 / size)} of what infinitely many would: "
        f"{fixed(single, 3)} alone, {fixed(together, 3)} together, {fixed(limit, 3)} in the limit (an exact law)."
    )


_OTHER_RECIPES = (
    "Other data, networks or schedules: this is one recipe on one data set, and its test images come from the same "
    "source as its training images."
)


def _price(cyclic: xr.Dataset | None) -> str:
    start = "Whether the ensemble is worth its price: "
    passes = "prediction costs as many times more as it has members"
    if compared(cyclic, LONG):
        return f"{start}{passes}, and no larger network was trained at its cost, only a longer one."
    return (
        f"{start}training costs as many times more as it has members, and so does prediction; neither one longer run "
        "nor one larger network was trained at equal cost."
    )


def _auxiliary(results: Mapping[str, xr.Dataset]) -> str:
    """Where the networks that analyses trained for themselves are trained less than members are; else ""."""
    names = {"cyclic": "cyclic schedules", "randomness": "the sources of randomness"}
    shorter = []
    for name, words in names.items():
        about = results[name].attrs if name in results else {}
        epochs, members = about.get("network_epochs"), about.get("member_epochs")
        images, all_images = about.get("training_images"), about.get("member_images")
        parts = [f"{epochs} of {members} epochs"] if epochs and members and epochs < members else []
        parts += [f"{images:,} of {all_images:,} images"] if images and all_images and images < all_images else []
        if parts:
            shorter.append(f"the networks of {words} are trained on {listing(parts)}")
    return f"Full training: {'; '.join(shorter)} (variants in the recipe)." if shorter else ""


def _limits(results: Mapping[str, xr.Dataset]) -> list[str]:
    texts = [_OTHER_RECIPES, _price(results.get("cyclic"))]
    if text := trained_out(results.get("training"), results.get("cyclic")):
        texts.append(text)
    if full_size(results.get("ensemble_size"), "independent") == 2:
        texts.append(
            "What two other networks would gain: one pair does not show how pairs differ, so the interval of its gain "
            "holds the sampling of the test images only."
        )
    if "solution_similarity" in results:
        texts.append(
            "That the networks are unrelated: hidden units can change places without changing the function, so a "
            "cosine near 0 alone says little."
        )
    if "ensemble_methods" in results:
        texts.append(
            "The best that a subspace method can do: each was tried at a few steps, chosen on validation images, and "
            "with as many networks as all others; more samples, or samples from other training, may give more. "
            f"{steps.choices(results.get('subspace_scales'))}".strip()
        )
    if "shift" in results:
        texts.append("Every shift: corruptions are made from the test images, and each image gets one of them.")
    if auxiliary := _auxiliary(results):
        texts.append(auxiliary)
    if "tsne" in results:
        texts.append("Distances: t-SNE draws separate arms even where there are none; PCA beside it keeps distances.")
    return texts
