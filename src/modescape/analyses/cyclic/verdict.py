"""What the comparison at equal training cost adds to the head of the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.auxiliary import WHOLE
from modescape.analyses.cyclic.equal_cost import Against, beaten, compared, cost_answer, cost_sentences
from modescape.covers import covers_of
from modescape.wording.head import Card, Part, trained_less
from modescape.wording.numbers import accuracy, count, decimals_for, fixed, interval, of_target
from modescape.wording.reading import holding, pick

if TYPE_CHECKING:
    import xarray as xr


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """What wins at equal training cost, and what was not compared; also that nothing was."""
    cyclic = results.get("cyclic")
    decision = holding(results, "covariance", "chosen", "averaged")  # which weighs the longest run itself
    weighed = set() if decision is None else {str(advice) for advice in decision["advice"].values}
    whole = "train_longer" not in weighed
    return Part(
        answer={20: cost_answer(cyclic, whole)},
        sentences=dict(enumerate(cost_sentences(cyclic, whole), 10)),
        limits={20: "" if "train_wider" in weighed else _price(cyclic)},
        cards={30: _cost_cards(cyclic)},
        trained_less={10: trained_less(cyclic, "cyclic schedules")},
        beaten=beaten(cyclic),
    )


def _cost_cards(cyclic: xr.Dataset | None) -> list[Card]:
    """One network at the ensemble's training cost."""
    found = [one for one in compared(cyclic, WHOLE) if one.metric in ("accuracy", "rmse")]
    epochs = pick(cyclic, "training_epochs", approach=WHOLE)
    whom = covers_of(cyclic, "difference", WHOLE)
    label = f"One network at the ensemble's cost, {count(round(epochs), 'epoch')}" if math.isfinite(epochs) else ""
    return [
        Card(label, accuracy(one.value), _cost_note(one, whom))
        if one.score.percent
        else Card(f"RMSE of {label[:1].lower()}{label[1:]}", f"{of_target(one.value)}{one.unit}", _cost_note(one, whom))
        for one in found
    ]


def _cost_note(one: Against, whom: str) -> str:
    numbers = [one.score.factor * number for number in (one.difference, one.low, one.high)]
    decimals = decimals_for(*numbers)
    words = {"better": "", "worse": "", "equal": ": inconclusive"}[one.state]
    change = f"{fixed(numbers[0], decimals, signed=True)}{one.unit} against the ensemble"
    return f"{change}, {interval(numbers[1], numbers[2], decimals, whom)}{words}"


def _price(cyclic: xr.Dataset | None) -> str:
    start = "Whether the ensemble is worth its price: "
    passes = "prediction costs one forward pass per member"
    if compared(cyclic, WHOLE):
        return f"{start}{passes}, and at its cost only a longer run was trained, no larger network."
    return (
        f"{start}training and prediction cost as many times those of one network as it has members; neither a longer "
        f"run nor a larger network was trained at equal cost."
    )
