"""What a decision is in sentences, the most important first."""

from __future__ import annotations

import math

from modescape.decision.budgets import Machine
from modescape.decision.candidates import Candidate, Difference, Table
from modescape.decision.comparisons import advised_steps, comparisons
from modescape.decision.confidence import calibration_error
from modescape.decision.prices import price_words
from modescape.decision.rules import Decision, Ending, Rules, at_full_cost, price_of
from modescape.metrics.scores import TARGET_UNIT, Score
from modescape.wording.numbers import SPACE, decimals_for, fixed, interval, least_decimals, listing, percent

SAME = 1e-12  # what rounding leaves of a difference that there is not
STEPS = 10  # most steps of the size that are told


def change(score: Score, found: Difference, unit: str = "") -> str:
    """A difference with its interval, in words."""
    numbers = [score.factor * value for value in (found.value, found.low, found.high)]
    decimals = decimals_for(*numbers, least=1 if score.percent else least_decimals(score.unit, *numbers), most=4)
    own = score.in_unit(unit).difference_unit
    behind = "" if own in ("1", TARGET_UNIT) else SPACE + own
    return f"{fixed(numbers[0], decimals, signed=True)}{behind} ({interval(numbers[1], numbers[2], decimals)})"


def changes(table: Table, one: int, other: int, unit: str = "", widened: float = 1.0) -> str:
    """Differences in all scores that are told, their intervals times a factor."""
    parts = []
    for name, score in table.scores.items():
        found = table.difference(one, other, name).widened(widened)
        same = abs(found.low) < SAME and abs(found.high) < SAME
        parts.append(f"{score.short} unchanged" if same else f"{score.short} {change(score, found, unit)}")
    return ", ".join(parts)


def called(table: Table, place: int) -> str:
    """A candidate inside a sentence."""
    one = table.candidates[place]
    return f"the average of {one.label}" if one.advice == "ensemble" else one.label


def baseline(table: Table) -> str:
    """What all are compared with: one network as it is, or the best of networks that others made."""
    return table.candidates[0].label if table.given else "one network as it is"


def _what_to_do(table: Table, decision: Decision) -> str:
    one = decision.candidate(table)
    what = {
        "train_longer": f"Train longer: {one.name}",
        "train_wider": f"Train one wider network: {one.name}",
        "average_weights": f"Average the weights: keep {one.name}",
        "align_and_average": f"Align the networks, then average their weights: keep {one.name}",
        "ensemble": f"Average {one.name}",
        "keep_one": f"Keep {one.name}",
        "calibrate": f"Calibrate {one.name}",
    }[decision.advice]
    return f"{what}{_calibrated(one) if decision.advice != 'calibrate' else ''}"


def _calibrated(one: Candidate) -> str:
    return (
        {"none": "", "members": ", each calibrated first", "average": ", then calibrate the average"}[one.calibration]
        if one.several
        else ("" if one.calibration == "none" else ", and calibrate it")
    )


def head(
    table: Table,
    decision: Decision,
    rules: Rules,
    machine: Machine | None = None,
    unit: str = "",
    ending: Ending | None = None,
) -> list[str]:
    """What is said first: that members had not converged, what beats the ensemble at its cost, and the advice.

    Args:
        table: what was measured.
        decision: over it.
        rules: that it was made by.
        machine: what one network takes.
        unit: of a regression's targets.
        ending: of training, where nothing else says it.
    """
    parts = [
        _not_converged(ending or Ending()),
        _beaten(table, decision, unit),
        _advice(table, decision, rules, machine or Machine(), unit),
    ]
    return [part for part in parts if part]


def evidence(table: Table, decision: Decision, unit: str = "", numbers: bool = False) -> list[str]:
    """What stands behind the advice.

    Args:
        table: what was measured.
        decision: over it.
        unit: of a regression's targets.
        numbers: with the comparisons and the steps of size, for which a page has tables.
    """
    parts = [
        _overruled(table, decision, unit),
        _both(table, decision, unit),
        _rival(table, decision, unit),
        *(_compared(table, decision, unit) if numbers else []),
        _further(table, decision, unit) if numbers else "",
        calibration_error(table, decision),
        f"Candidates were chosen on {table.chosen_on} and judged on {table.judged_on}; intervals are for "
        f"{table.covers}.",
    ]
    return [part for part in parts if part]


def _not_converged(ending: Ending) -> str:
    if not ending.falling:
        return ""
    return (
        f"The members had not converged: the validation loss of {ending.falling} of {ending.members} was still "
        "falling when training ended."
    )


def lead(table: Table, decision: Decision) -> str:
    """How the sentence of the advice begins: what to do, without numbers of what it gains."""
    if decision.advice == "undecided":
        few = f"undecided with {table.examples:,} test images:"
        if decision.between is None:
            return few.capitalize()
        return f"Either {compared_with(table, decision.chosen)} or {compared_with(table, decision.between)}, {few}"
    if decision.advice == "keep_one" and decision.chosen == 0:
        return f"Keep {baseline(table)}:"
    if decision.advice == "train_longer" and decision.candidate(table).advice != "train_longer":
        return "Train longer first, and decide then:"
    return f"{_what_to_do(table, decision)}:"


def _advice(table: Table, decision: Decision, rules: Rules, machine: Machine, unit: str) -> str:
    return f"{lead(table, decision)} {_behind(table, decision, rules, machine, unit)}"


def _behind(table: Table, decision: Decision, rules: Rules, machine: Machine, unit: str) -> str:
    """The advice after its lead: the gain, its interval, its price; or why there is none."""
    one = decision.candidate(table)
    told = changes(table, decision.chosen, 0, unit, decision.widened)
    if decision.between is not None:
        return _between(table, decision, decision.between, unit)
    if decision.advice == "undecided":
        what = called(table, decision.chosen)
        why = f"they do not show whether {what} is worth its price over one network ({told})"
        return f"{why}; {_enough(decision)}."
    if decision.advice == "keep_one" and decision.chosen == 0:
        return f"{_why_kept(table, decision, rules, unit)}."
    if decision.advice == "train_longer" and one.advice != "train_longer":
        return "the gain of averaging undertrained networks says little about trained ones."
    of_one, price = _share(table, decision), price_words(one, machine)
    return f"{told} against {baseline(table)}{of_one} (intervals for {table.covers}). Its price: {price}."


def _enough(decision: Decision) -> str:
    if not decision.needed:
        return "how many would settle it is unknown"
    return f"about {decision.needed:,} test images would settle it if this held"


def _between(table: Table, decision: Decision, other: int, unit: str) -> str:
    """What the chosen candidate and the one that seems better gain in the deciding score, and why it is open."""
    score = table.score
    alone = [change(score, table.difference(place, 0), unit) for place in (decision.chosen, other) if place]
    gains = f"against {baseline(table)}, {score.short} {' or '.join(alone)}; " if len(alone) > 1 else ""
    ahead, count = change(score, table.difference(other, decision.chosen), unit), len(decision.kept(table))
    return (
        f"{gains}prices included, the former was best on {table.chosen_on}, the latter is ahead here "
        f"({score.short} {ahead}), which may be chance among {count} candidates; {_enough(decision)}."
    )


def _both(table: Table, decision: Decision, unit: str) -> str:
    """All scores of two candidates between which it is open, against one network."""
    if decision.between is None:
        return ""
    places = [place for place in (decision.chosen, decision.between) if place]
    told = "; ".join(f"{called(table, place)}, {changes(table, place, 0, unit)}" for place in places)
    return f"Compared with {baseline(table)}: {told}."


def _share(table: Table, decision: Decision) -> str:
    """The gain over the loss of one network on the same examples, where that has a zero."""
    if table.score.smallest != 0:
        return ""
    own = float(table.mean[table.deciding][0])
    loss = 1 - own if table.score.higher_is_better else own
    if not (math.isfinite(loss) and loss > 0):
        return ""
    what = "errors" if table.score.higher_is_better else table.score.short
    return f", {percent(abs(decision.gain.value) / loss)} of its {what}"


def _why_kept(table: Table, decision: Decision, rules: Rules, unit: str) -> str:
    if decision.rival is None:
        return "nothing else fits the budget" if decision.left_out else "nothing else was measured"
    label = called(table, decision.rival)
    price = price_of(table, decision.rival, rules)
    told = changes(table, decision.rival, 0, unit)
    least = change(table.score, Difference(price, math.nan, math.nan), unit).split(" (")[0].lstrip("+")
    return f"the next best, {label}, gives {told}; its price requires a gain of {least} in {table.score.short}"


def _beaten(table: Table, decision: Decision, unit: str) -> str:
    """What does better than the ensemble at its own training cost."""
    if not decision.beaten_by:
        return ""
    ensemble = next(
        place for place in at_full_cost(table, decision.kept(table)) if table.candidates[place].advice == "ensemble"
    )
    told = [change(table.score, table.difference(place, ensemble), unit) for place in decision.beaten_by]
    better = listing([called(table, place) for place in decision.beaten_by])
    verb = "does" if len(told) == 1 else "do"
    return (
        f"At the training cost of {table.candidates[ensemble].name}, {better} {verb} better than "
        f"{called(table, ensemble)}: {table.score.short} {listing(told)}, for {table.covers}."
    )


def _overruled(table: Table, decision: Decision, unit: str) -> str:
    """That the examples that judge spoke against what had been chosen."""
    if decision.overruled is None:
        return ""
    label, whole = called(table, decision.overruled), f"all {len(decision.kept(table))} candidates together"
    why = "is not shown to be worth its price"
    if table.gain(decision.chosen, decision.overruled).widened(decision.widened).low > 0:
        why = (
            f"is worse there: compared with it, the advice gives "
            f"{changes(table, decision.chosen, decision.overruled, unit)}"
        )
    return (
        f"The advice was chosen on {table.judged_on}, so its 95 % intervals hold for {whole}. The best on "
        f"{table.chosen_on}, {label}, {why}."
    )


def _rival(table: Table, decision: Decision, unit: str) -> str:
    """The best of another kind against what is advised."""
    if decision.rival is None or decision.advice == "undecided" or not decision.rival or not decision.chosen:
        return ""
    if decision.advice == "train_longer" and decision.candidate(table).advice != "train_longer":
        return ""
    found = table.gain(decision.rival, decision.chosen)
    state = "is better" if found.low > 0 else "is worse" if found.high < 0 else "cannot be told apart from it"
    told = changes(table, decision.rival, decision.chosen, unit)
    label = called(table, decision.rival)
    if table.gain_where_chosen(decision.rival, decision.chosen) > 0 and not found.told:
        return f"Whether {label} would be even better is unclear: {told}."
    return f"The next best of another kind, {label}, {state}: {told}."


def _compared(table: Table, decision: Decision, unit: str) -> list[str]:
    """A sentence for every group of comparisons."""
    found = []
    for one in comparisons(table, decision):
        told = [f"{called(table, place)}, {changes(table, place, one.against, unit)}" for place in one.places]
        found.append(f"{one.title}, compared with {compared_with(table, one.against)}: {'; '.join(told)}.")
    return found


def compared_with(table: Table, place: int) -> str:
    """What others are compared with, inside a sentence."""
    return called(table, place) if place else baseline(table)


def _further(table: Table, decision: Decision, unit: str) -> str:
    """What each further network gains, k -> k + 1, in the calibration that is advised."""
    steps = advised_steps(table, decision)[:STEPS]
    if not steps:
        return ""
    told = [f"{small} to {large}: {change(table.score, found, unit)}" for small, large, found in steps]
    which = "each further network, the best first," if table.given else "each further network"
    return f"For {table.covers}, {which} changes the {table.score.short}, from {'; '.join(told)}."
