"""What the decision adds to the head of the page: it stands first there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.equal_cost.reading import decided
from modescape.decision.tables import compared, steps
from modescape.decision.words import change, evidence, head, lead
from modescape.wording.head import Card, Part
from modescape.wording.scores import written

if TYPE_CHECKING:
    import xarray as xr

    from modescape.decision import Decision, Table


def verdict(results: Mapping[str, xr.Dataset]) -> Part:
    """The advice with its interval and its price, and what stands behind it."""
    found = decided(results)
    if found is None:
        return Part()
    table, rules, decision = found
    own = next(one for one in results.values() if "covariance" in one)
    unit = str(own.attrs.get("target_unit", ""))
    said = " ".join(head(table, decision, rules, unit=unit))
    return Part(
        answer={12: said},
        sentences={5: " ".join(evidence(table, decision, unit))},
        lead=lead(table, decision),
        compared=compared(table, decision, unit),
        steps=steps(table, decision, unit),
        cards={25: longer_card(table, decision, unit)},
        beaten=bool(decision.beaten_by),
        # "Why did the ensemble work?" suits no other advice
        question="" if decision.advice == "ensemble" or own.attrs.get("given") else "Should you ensemble?",
    )


def longer_card(table: Table, decision: Decision, unit: str) -> list[Card]:
    """The longer run that is advised, where it is shorter than the one at the ensemble's cost, which has its own."""
    one = decision.candidate(table)
    metric = next((name for name in ("accuracy", "rmse") if name in table.scores), table.deciding)
    if decision.advice != "train_longer" or one.advice != "train_longer" or one.at_full_cost:
        return []
    score = table.scores[metric]
    value = written(metric, float(table.mean[metric][decision.chosen]))
    found = change(score, table.difference(decision.chosen, 0, metric), unit)
    label = one.label.capitalize() if score.percent else f"{score.short} of {one.label}"
    return [Card(label, value, f"{found} against one network, {table.covers}")]
