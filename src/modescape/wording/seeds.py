"""Scores of repeated runs in sentences: the verdict, caveats, assumptions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from modescape.metrics.seeds import Judgement, Method, Needed, Pair, expected_maximum
from modescape.wording.numbers import SPACE, count, fixed, listing

MOST_TASKS = 6  # of which each has its sentence
FEW = 5  # runs: with fewer a spread is hardly known
MOST_DECIMALS = 12
LOSS = re.compile(r"loss|error|err\b|nll|perplexity|\bppl|rmse|\bmae\b|\bmse\b|\bfid\b|\bwer\b", re.IGNORECASE)
APART = 20  # ratio of means from which two columns are hardly of one unit


def decimals_of(sd: float) -> int:
    """Decimals with which a spread has three significant digits."""
    return min(max(2 - math.floor(math.log10(sd)), 0), MOST_DECIMALS) if sd > 0 else 3


def p_value(p: float) -> str:
    """A p value with two significant digits: "p = 0.012", "p < 0.0001"."""
    return f"p{SPACE}<{SPACE}0.0001" if p < 1e-4 else f"p{SPACE}={SPACE}{p:.2g}"


def needed_text(needed: Needed | None) -> str:
    """How many runs, with the range that the spread leaves: "14 (6 to 90)"."""
    if needed is None:
        return "-"
    one, low, high = ("over a million" if runs is None else f"{runs:,}" for runs in needed)
    return f"{one} ({low} to {high})"


def kind_of_test(pair: Pair) -> str:
    """Which test it was, over how many runs."""
    first, second = pair.difference.runs
    if pair.difference.paired:
        return f"paired t test, {count(first, 'pair')} of runs"
    return f"Welch's t test, {first} and {count(second, 'run')}"


def verdict(found: Judgement) -> list[str]:
    """The answer in sentences, the most important first."""
    if not found.pairs:
        return [*(_alone(one) for one in found.methods[:MOST_TASKS]), *_luck(found)]
    tasks = list(dict.fromkeys(pair.first.task for pair in found.pairs))
    lines = [line for task in tasks[:MOST_TASKS] for line in _of_task(found, task)]
    if len(found.pairs) > 1:
        sure = sum(pair.more_than_noise for pair in found.pairs)
        lines.append(
            f"Of {len(found.pairs):,} differences {sure:,} {'is' if sure == 1 else 'are'} more than seed noise, "
            "after Holm's correction."
        )
    return [*lines, *_exact(found), *_luck(found), *_looking(found)]


def _alone(one: Method) -> str:
    decimals, found = decimals_of(one.summary.sd), one.summary
    return (
        f"{one.runs.label}: {fixed(found.mean, decimals)} on average over {count(found.runs, 'run')} "
        f"(95{SPACE}% interval for the mean over new runs {fixed(found.low, decimals)} to "
        f"{fixed(found.high, decimals)}), spread over seeds (sd) {fixed(found.sd, decimals)}."
    )


def _of_task(found: Judgement, task: str) -> list[str]:
    """On one task: the method with the best mean against the next one."""
    own = [one for one in found.methods if one.runs.task == task]
    own.sort(key=lambda one: one.summary.mean, reverse=not found.question.lower_is_better)
    wanted = {own[0].runs.method, own[1].runs.method}
    close = [pair for pair in found.pairs if pair.first.task == task and {*_names(pair)} == wanted]
    if not close:  # compared with one method alone
        pairs = [pair for pair in found.pairs if pair.first.task == task]
        close = [min(pairs, key=lambda pair: pair.p_holm)] if pairs else []
    return [line for pair in close for line in _of_pair(found, pair, f"On {task}: " if task else "")]


def _names(pair: Pair) -> tuple[str, str]:
    return pair.first.method, pair.second.method


def _of_pair(found: Judgement, pair: Pair, start: str) -> list[str]:
    difference = pair.difference
    decimals = decimals_of(abs(difference.high - difference.low) / 4)
    up = difference.value > 0
    better, worse = _names(pair) if up != found.question.lower_is_better else reversed(_names(pair))
    ends = (difference.low, difference.high) if up else (-difference.high, -difference.low)
    many = ", Holm's correction" if len(found.pairs) > 1 else ""
    told = (
        f"{fixed(abs(difference.value), decimals)} (95{SPACE}% interval {fixed(ends[0], decimals)} to "
        f"{fixed(ends[1], decimals)}; {kind_of_test(pair)}, {p_value(pair.p_holm)}{many})"
    )
    if pair.more_than_noise:
        lines = [f"{start}{better} is better than {worse} by {told}: more than seed noise."]
    else:
        lines = [f"{start}{better} is ahead of {worse} by {told}: within seed noise; undecided."]
        lines += _to_settle(found, pair, decimals)
    return lines


def _to_settle(found: Judgement, pair: Pair, decimals: int) -> list[str]:
    if pair.for_power is None:
        return []
    power, wanted = pair.asked
    what = "a true difference of that size" if found.question.difference is None else f"a true difference of {wanted:g}"
    needed, there = pair.for_power, pair.difference.runs
    now = str(there[0]) if there[0] == there[1] else f"{there[0]} and {there[1]}"
    runs = "more than a million runs" if needed.runs is None else count(needed.runs, "run")
    low, high = ("a million and more" if runs is None else f"{runs:,}" for runs in (needed.low, needed.high))
    share = f"{100 * power:.0f}{SPACE}% of cases"
    return [
        f"To detect {what} in {share} takes {runs} of each method (now {now}); {low} to {high}, as the spread itself "
        f"is known from {count(min(there), 'run')} only."
    ]


def _exact(found: Judgement) -> list[str]:
    """The permutation tests, where they say something of their own."""
    tested = [(pair, exact) for pair in found.pairs if (exact := pair.difference.permutation) is not None]
    lines = []
    blind = [(pair, exact) for pair, exact in tested if exact.smallest > 0.05]
    if blind:
        pair, exact = blind[0]
        first, second = pair.difference.runs
        runs = f"{first} pairs" if pair.difference.paired else f"{first} against {second} runs"
        here = f" (here {exact.p:.2g})" if len(tested) == 1 else ""
        lines.append(
            f"A permutation test of {runs} cannot get below p{SPACE}={SPACE}{exact.smallest:.2g}, whatever the "
            f"scores{here}: the answer assumes roughly normal scores."
        )
    apart = [(pair, exact) for pair, exact in tested if exact.smallest <= 0.05]
    apart = [(pair, exact) for pair, exact in apart if (exact.p <= 0.05) != (pair.difference.p <= 0.05)]
    return lines + [
        f"Caution with {pair.first.label} and {pair.second.label}: the exact permutation test, which needs no normal "
        f"scores, gives {p_value(exact.p)}, the t test {p_value(pair.difference.p)}."
        for pair, exact in apart[:MOST_TASKS]
    ]


def _luck(found: Judgement) -> list[str]:
    """How much of the best of n is luck."""
    best_of = found.methods[0].best_of
    if best_of < 2:
        return []
    above = expected_maximum(best_of)
    widest = max(found.methods, key=lambda one: one.summary.sd)
    decimals = decimals_of(widest.summary.sd)
    lines = [
        f"The best of {best_of} runs lies {above:.2f} sd beyond the mean by luck alone: up to "
        f"{fixed(above * widest.summary.sd, decimals)} here ({widest.runs.label})."
    ]
    counts = [one.summary.runs for one in found.methods]
    if found.pairs and max(counts) > min(counts):
        most, least = max(counts), min(counts)
        lines.append(
            f"Of two equal methods the one with {most} runs, not {least}, has the best run of all in "
            f"{100 * most / (most + least):.0f}{SPACE}% of cases."
        )
    worse = [(min(pair.better_best, 1 - pair.better_best), pair) for pair in found.pairs]
    worse = [(chance, pair) for chance, pair in worse if chance >= 0.05 and pair.more_than_noise]
    if worse:
        chance, pair = max(worse, key=lambda one: one[0])
        lines.append(
            f"By their best of {best_of} alone {pair.first.label} and {pair.second.label} would stand in the wrong "
            f"order in {100 * chance:.0f}{SPACE}% of cases."
        )
    return lines


def _looking(found: Judgement) -> list[str]:
    """The result of the sequential test."""
    looked = [(pair, pair.looked) for pair in found.pairs if pair.looked is not None]
    by_decision: dict[str, list[str]] = {}
    for pair, look in looked:
        by_decision.setdefault(look.decision, []).append(f"{pair.first.label} - {pair.second.label}")
    return [
        f"Sequential test ({count(len(pairs), 'comparison')}): {decision}"
        f"{' for ' + listing(pairs) if len(looked) > 1 and len(pairs) <= MOST_TASKS else ''}."
        for decision, pairs in by_decision.items()
    ]


def cautions(found: Judgement) -> list[str]:
    """Caveats for the reader."""
    few = [one.runs.label for one in found.methods if one.summary.runs < FEW]
    skewed = [one.runs.label for one in found.methods if one.summary.skewed]
    names = [one.runs.label for one in found.methods]
    lines = []
    if few:
        lines.append(
            f"{_some(few)}: fewer than {FEW} runs; the spread is poorly known, and intervals assume normal scores."
        )
    if skewed:
        lines.append(f"{_some(skewed)}: skewed over runs; the bootstrap interval (BCa) is given beside Student's t.")
    beyond = [one.runs.label for one in found.methods if _beyond(one)]
    if beyond:
        lines.append(
            f"{_some(beyond)}: if the scores are shares, the interval goes beyond 0 or 1; it is too crude there."
        )
    mixed = [one.runs.label for one in found.methods if 0 < min(one.runs.scores) <= 1 and _factor(one) > APART]
    if mixed:
        lines.append(
            f"{_some(mixed)}: the largest score is more than {APART} times the smallest; are they in one unit?"
        )
    losses = [name for name in names if LOSS.search(name)]
    if losses and not found.question.lower_is_better:
        lines.append(f"{_some(losses)}: higher is taken to be better; if it is not, pass --lower-is-better.")
    sizes = [abs(pair.first.scores[0] / pair.second.scores[0]) for pair in found.pairs if pair.second.scores[0]]
    if sizes and max(max(sizes), 1 / max(min(sizes), 1e-300)) > APART:
        lines.append("Some methods differ so much in size that their scores may not be in one unit.")
    if not found.pairs and len(found.methods) == 1:
        lines.append("There is only one method: a difference needs two.")
    return lines


def _beyond(one: Method) -> bool:
    scores, found = one.runs.scores, one.summary
    return all(0 <= score <= 1 for score in scores) and (found.low < 0 or found.high > 1)


def _factor(one: Method) -> float:
    """Largest over smallest score, of positive ones; 1 of shares, which may differ as they like."""
    scores = one.runs.scores
    return max(scores) / min(scores) if max(scores) > 1 else 1.0


def _some(names: Sequence[str]) -> str:
    shown = [*names[:MOST_TASKS], *([f"{len(names) - MOST_TASKS} others"] if len(names) > MOST_TASKS else [])]
    return listing(shown)


def assumptions(found: Judgement) -> list[str]:
    """The assumptions behind the numbers."""
    paired = {pair.difference.paired for pair in found.pairs}
    lines = ["Intervals and tests are for new, independent runs of the same code on the same data."]
    if True in paired:
        lines.append("Runs with the same name are paired: paired t test (--unpaired: Welch's).")
    if False in paired:
        lines.append(
            "Runs without a name in common are not paired: Welch's t test, a spread for each method (--paired pairs "
            "them in order)."
        )
    if found.pairs:
        lines.append(
            "Runs needed are for one comparison at 5 %, assuming the observed spread and roughly normal scores; their "
            "range comes from the interval of the spread."
        )
    if found.question.sequential:
        lines.append(
            "The sequential test takes runs in pairs, in the order of the file, and keeps its 5 % "
            "error rate however often one looks, for normal differences."
        )
    return lines
