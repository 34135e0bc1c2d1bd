"""The basis of a decision as tables of the page: the values that `modescape decide` gives in sentences."""

from __future__ import annotations

import math

from modescape.covers import headed
from modescape.decision.candidates import Difference, Table
from modescape.decision.comparisons import advised_steps, comparisons
from modescape.decision.rules import Decision
from modescape.decision.words import compared_with
from modescape.metrics.scores import TARGET_UNIT, Score
from modescape.wording.head import Rows
from modescape.wording.numbers import significant
from modescape.wording.scores import difference


def compared(table: Table, decision: Decision, unit: str = "") -> Rows | None:
    """Candidates against those of equal cost; None where there are none.

    Args:
        table: what was measured.
        decision: over it.
        unit: of a regression's targets.
    """
    groups = []
    for one in comparisons(table, decision):
        rows = []
        for place in one.places:
            cells = [_cell(name, table.difference(place, one.against, name)) for name in table.scores]
            candidate = table.candidates[place]
            price = (candidate.price.training, candidate.price.passes)
            rows.append((candidate.label, [*cells, *((_times(times), "") for times in price)]))
        groups.append((f"{one.title}, compared with {compared_with(table, one.against)}", rows))
    changes = (headed(_head(score, unit), table.covers) for score in table.scores.values())
    header = ("candidate", *changes, "training (times)", "passes (times)")
    return Rows(header, groups, _about(table)) if groups else None


def steps(table: Table, decision: Decision, unit: str = "") -> Rows | None:
    """The change by each further network; None where sizes were not measured. Arguments as `compared`."""
    rows = [
        (f"{small} to {large}", [_cell(table.deciding, found)])
        for small, large, found in advised_steps(table, decision)
    ]
    networks = "networks, the best first" if table.given else "networks"
    header = (networks, headed(f"change in {_head(table.score, unit)}", table.covers))
    return Rows(header, [("", rows)], _about(table)) if rows else None


def _about(table: Table) -> str:
    return f"Differences with 95 % intervals for {table.covers}."


def _head(score: Score, unit: str) -> str:
    own = score.in_unit(unit)
    return own.short if own.difference_unit in ("1", TARGET_UNIT) else f"{own.short} ({own.difference_unit})"


def _cell(metric: str, found: Difference) -> tuple[str, str]:
    return difference(metric, found.low, found.value, found.high)


def _times(value: float) -> str:
    """Times those of one network; NaN, which is not known, as a dash."""
    return str(round(value)) if math.isfinite(value) and value == round(value) else significant(value)
