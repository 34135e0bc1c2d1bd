"""What the decision adds to the head of the page: it stands first there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from modescape.analyses.equal_cost.reading import decided
from modescape.decision.tables import compared, steps
from modescape.decision.words import evidence, head, lead
from modescape.wording.head import Part

if TYPE_CHECKING:
    import xarray as xr


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
        beaten=bool(decision.beaten_by),
        # "Why did the ensemble work?" suits no other advice
        question="" if decision.advice == "ensemble" or own.attrs.get("given") else "Should you ensemble?",
    )
