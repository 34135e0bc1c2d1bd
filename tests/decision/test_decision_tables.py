"""The evidence behind a decision: comparisons, gains per further network, and their tables on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_tables import CALIBRATED, LONG, ONE, SOUP, several, table

from modescape.decision import Budget, Rules, decide
from modescape.decision.comparisons import size_steps
from modescape.decision.tables import compared, steps
from modescape.decision.words import evidence, head, lead


def test_each_further_network_is_told_with_its_paired_interval():
    rows = table((ONE, 0.5, 0.5), (several(2), 0.44, 0.44), (several(3), 0.42, 0.42))
    steps = size_steps(rows, "none")
    assert [(small, large) for small, large, _ in steps] == [(1, 2), (2, 3)]
    assert [found.value for *_, found in steps] == pytest.approx([-0.06, -0.02])
    assert steps[0][2].high == pytest.approx(-0.06 + 1.96e-4, rel=1e-4)


def test_the_lead_begins_the_sentence_of_the_advice():
    for rows in (
        table((ONE, 0.5, 0.5), (several(2), 0.44, 0.44)),
        table((ONE, 0.5, 0.5), (several(2), 0.499, 0.499)),
        table((ONE, 0.5, 0.5), (LONG, 0.3, 0.3), (several(3), 0.35, 0.35)),
    ):
        found = decide(rows)
        assert head(rows, found, Rules())[-1].startswith(f"{lead(rows, found)} ")
        assert not any(sign.isdigit() for sign in lead(rows, found).replace("10 times", "").replace("2 networks", ""))


def test_the_tables_hold_the_paired_differences():
    ensembles = (several(2), 0.44, 0.44), (several(4, True), 0.40, 0.40)
    rows = table((ONE, 0.5, 0.5), *ensembles, (LONG, 0.43, 0.43), error=0.001)
    found = decide(rows)
    beside = compared(rows, found)
    assert beside is not None
    title, ((name, (nll, training, passes)),) = beside.groups[0]
    assert title == "At equal training cost, compared with the average of 4 networks"
    assert (name, nll, training, passes) == (LONG.name, ("+0.030", "0.028 to 0.032"), ("4", ""), ("1", ""))
    further = steps(rows, found)
    assert further is not None
    assert [(name, cell[0]) for name, (cell,) in further.groups[0][1]] == [
        ("1 to 2", "\N{MINUS SIGN}0.060"),
        ("2 to 4", "\N{MINUS SIGN}0.040"),
    ]


def test_without_anything_to_compare_there_is_no_table():
    rows = table((ONE, 0.5, 0.5))
    assert (compared(rows, decide(rows)), steps(rows, decide(rows))) == (None, None)


def test_averages_of_weights_are_compared_with_one_network_in_the_same_calibration():
    """The effect of calibration alone is not credited to averaging."""
    average = replace(SOUP, calibration="average")
    rows = table((ONE, 0.5, 0.5), (CALIBRATED, 0.45, 0.45), (several(4, True), 0.3, 0.3), (average, 0.46, 0.449))
    beside = compared(rows, decide(rows))
    assert beside is not None
    title, ((name, (nll, *_)),) = beside.groups[-1]
    assert title == "Averages of weights, compared with one network (calibrated)"
    assert (name, nll[0]) == (average.label, "\N{MINUS SIGN}0.001")


def test_of_networks_that_others_made_intervals_are_for_these_models_and_sizes_for_the_best():
    first = replace(ONE, name="the best network")
    rows = table((first, 0.5, 0.5), (replace(several(2), name="the 2 best networks"), 0.44, 0.44))
    found = decide(rows)
    assert "(intervals for these models on new examples)" in head(rows, found, Rules())[-1]
    assert "members" not in " ".join([*head(rows, found, Rules()), *evidence(rows, found, numbers=True)])


def test_what_a_budget_does_not_allow_is_not_told():
    rows = table((ONE, 0.5, 0.5), (several(2), 0.44, 0.44), (several(3, True), 0.40, 0.40), (LONG, 0.38, 0.38))
    for passes, sizes in ((1, []), (2, [(1, 2)]), (3, [(1, 2), (2, 3)])):
        found = decide(rows, budget=Budget(passes=passes))
        assert [(small, large) for small, large, _ in size_steps(rows, "none", found.left_out)] == sizes
        assert bool(found.beaten_by) == (passes == 3)
        told = " ".join([*head(rows, found, Rules()), *evidence(rows, found, numbers=True)])
        assert ("3 networks" in told) == (passes == 3)
