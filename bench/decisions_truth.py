"""Advice against the truth, and shares of the studies of `bench/decisions.py` in which it is right."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from modescape.decision import Rules, Table, decide
from modescape.decision.rules import Ending, price_of, scale_of

LEAST = Rules().least_gain  # regret up to which advice is right


def against(table: Table, true: Table, falling: Ending) -> dict[str, Any]:
    """The advice drawn from a study's examples, and what remains of its gain on the held-back ones.

    Args:
        table: candidates on the study's examples.
        true: the same candidates on the held-back examples.
        falling: how training ended.
    """
    found = decide(table, Rules(), ending=falling)
    judged = judged_by(true, found.advice, found.candidate(table).label)
    return {**judged, "needed": found.needed, "unconverged": found.unconverged}


def judged_by(true: Table, advice: str, label: str) -> dict[str, Any]:
    """Gains less prices of the advice and of the best candidate, as shares of one network's loss."""
    left = {
        one.label: float(true.gain(place).value - price_of(true, place, Rules())) / scale_of(true)
        for place, one in enumerate(true.candidates)
    }
    left = {name: value for name, value in left.items() if np.isfinite(value)}
    kinds = {one.label: one.advice for one in true.candidates}
    best = max(left, key=lambda name: left[name])
    if advice == "train_longer" and kinds.get(label) != "train_longer":  # no longer training was measured
        longer = [name for name in left if kinds[name] == "train_longer"]
        label = max(longer, key=lambda name: left[name]) if longer else label
    return {
        "advice": advice,
        "candidate": label,
        "best": best,
        "best_advice": kinds[best],
        "left": left.get(label, float("nan")),
        "left_of_best": left[best],
        "regret": left[best] - left.get(label, float("nan")),
    }


def summary(rows: list[dict[str, Any]], least: float) -> dict[str, Any]:
    """Shares of the studies, those with an interval by Wilson's."""
    decided = [row for row in rows if row["advice"] != "undecided"]
    right = [row for row in decided if row["regret"] <= least]
    exact = [row for row in decided if row["advice"] == row["best_advice"]]
    return {
        "studies": len(rows),
        "decided": len(decided),
        "right": len(right),
        "undecided_share": 1 - len(decided) / max(len(rows), 1),
        "undecided_interval": wilson(len(rows) - len(decided), len(rows)),
        "right_share": len(right) / max(len(decided), 1),
        "right_interval": wilson(len(right), len(decided)),
        "exact_share": len(exact) / max(len(decided), 1),
        "mean_regret": float(np.mean([row["regret"] for row in decided])) if decided else None,
        "advice": dict(Counter(row["advice"] for row in rows)),
        "truth": dict(Counter(row["best_advice"] for row in rows)),
        "by_data": counts(rows, "data", least),
        "by_network": counts(rows, "network", least),
        "by_kind": counts(rows, "kind", least),
        "by_advice": counts(rows, "advice", least),
    }


def counts(rows: list[dict[str, Any]], name: str, least: float) -> dict[str, list[int]]:
    """Value of a column -> number of studies, of decided ones, and of right ones among these."""
    found: dict[str, list[int]] = {}
    for value in dict.fromkeys(row[name] for row in rows):
        own = [row for row in rows if row[name] == value]
        told = [row for row in own if row["advice"] != "undecided"]
        found[value] = [len(own), len(told), sum(row["regret"] <= least for row in told)]
    return found


def wilson(hits: int, count: int, z: float = 1.959964) -> list[float] | None:
    """95 % interval of a share (Wilson 1927); None for no studies."""
    if not count:
        return None
    share, weight = hits / count, z**2 / count
    middle, half = (share + weight / 2) / (1 + weight), z * (share * (1 - share) / count + weight / count / 4) ** 0.5
    return [middle - half / (1 + weight), middle + half / (1 + weight)]
