"""Advice that another candidate seems to beat on the judging examples is undecided between the two."""

from __future__ import annotations

import math

import pytest
from made_tables import LONG, ONE, several, table

from modescape.decision import Rules, decide
from modescape.decision.rules import net_gain
from modescape.decision.words import change, evidence, head

BETWEEN = [(ONE, 0.5, 0.5), (several(2), 0.44, 0.46), (LONG, 0.46, 0.44)]  # the second is chosen, the third does better


@pytest.mark.parametrize(("doubt", "advice", "between"), [(0.02, "undecided", 2), (0.05, "ensemble", None)])
def test_an_advice_that_another_candidate_seems_to_beat_is_doubted(doubt, advice, between):
    """The long run's loss is lower by 0.02 and its price higher by 0.0025: its net gain is higher by 3.5 % of 0.5."""
    found = decide(table(*BETWEEN, error=0.01), Rules(doubt=doubt))
    assert (found.advice, found.chosen, found.between) == (advice, 1, between)
    assert net_gain(table(*BETWEEN), 2, Rules(), 1).value == pytest.approx(0.035 * 0.5)


def test_how_many_examples_would_settle_a_doubt():
    """With that many, the difference is significant for all candidates together, and overrules the choice."""
    few = decide(table(*BETWEEN, error=0.01))
    assert few.needed == pytest.approx(1000 * (2.241403 * 0.01 / 0.0175) ** 2, rel=0.05)
    enough = decide(table(*BETWEEN, error=0.01 * math.sqrt(1000 / few.needed)))
    assert (enough.advice, enough.chosen, enough.overruled) == ("train_longer", 2, 1)


def test_a_doubt_names_both_candidates_and_what_each_gains():
    rows = table(*BETWEEN, error=0.01)
    (said,) = head(rows, decide(rows), Rules())
    assert said.startswith("Either the average of 2 networks or a long run, undecided with 1,000 test images: ")
    gains = " or ".join(change(rows.score, rows.difference(place, 0)) for place in (1, 2))
    assert (
        f"against one network as it is, NLL {gains}; prices included, the former was best on 500 validation images"
        in said
    )
    ahead = f"the latter is ahead here (NLL {change(rows.score, rows.difference(2, 1))})"
    assert f"{ahead}, which may be chance among 3 candidates; about 1,700 test images would settle it" in said
    behind = " ".join(evidence(rows, decide(rows)))
    assert "Compared with one network as it is: the average of 2 networks, NLL" in behind
    assert "is worth its price" not in behind
