"""What an interval covers is named in every table, card and curve: one kind per column, line and band."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from example_results import OF_NUMBERS, example_of_numbers, example_result

from modescape import covers
from modescape.analyses import ANALYSES
from modescape.analyses.figures import described
from modescape.plots.interval_keys import by_covers, interval_keys
from modescape.plots.panels import Chart, Panel, Series
from modescape.report.sections import summarize
from modescape.report.verdict import judge
from modescape.wording.examples import in_words_of

if TYPE_CHECKING:
    from modescape.report.verdict import Verdict

KINDS = {value for name, value in vars(covers).items() if name.startswith(("NEW", "THESE"))}
SHORT = {covers.short(kind) for kind in KINDS}
DRAWN = KINDS | {in_words_of("rows", kind) for kind in KINDS}  # in the words for these examples
BOUNDS = re.compile(r"\d[^a-z]* to (fewer than |> |< )?[^a-z]*\d")  # 1.2 to 2.1
MADE = [pytest.param(example_result, name, id=name) for name in ANALYSES]
MADE += [pytest.param(example_of_numbers, name, id=f"{name} of numbers") for name in OF_NUMBERS]


def names_a_kind(text: str) -> bool:
    return any(kind in text for kind in SHORT)


@pytest.mark.parametrize(("make", "name"), MADE)
def test_every_interval_of_a_result_says_what_it_is_for(make, name: str) -> None:
    dataset = make(name)
    ends = [str(one) for one in dataset.data_vars if covers.ENDS.match(str(one))]
    told = {one: dataset[one].attrs.get("covers") for one in ends}
    assert set(told.values()) <= KINDS, told


@pytest.mark.parametrize(("make", "name"), MADE)
def test_every_column_of_bounds_names_one_kind(make, name: str) -> None:
    summary = summarize(name, make(name))
    for row in summary.rows:
        for head, cell in zip(summary.header, row, strict=True):
            if BOUNDS.search(cell):
                assert names_a_kind(head) or names_a_kind(cell) or names_a_kind(row[-1]), (head, cell)


@pytest.mark.parametrize(("make", "name"), MADE)
def test_every_interval_that_is_drawn_is_named(make, name: str) -> None:
    chart = described(name, make(name))
    keys = [text for text, _ in interval_keys(chart)]
    assert all(any(text.endswith(kind) for kind in DRAWN) for text in keys), keys
    assert len(keys) == len(set(keys))
    panels = [panel.covers for panel in chart.panels if isinstance(panel, Panel) and panel.covers]
    assert set(panels) <= DRAWN
    assert all(names_a_kind(panel.title) for panel in chart.panels if BOUNDS.search(panel.title))


def judged(numbers: bool, given: bool) -> Verdict:
    """The head of a page, from the made-up results of all analyses that a page shows."""
    names = OF_NUMBERS if numbers else list(ANALYSES)
    wanted = [name for name in names if given or not name.startswith(("model_", "subset_", "contributions", "parts_"))]
    make = example_of_numbers if numbers else example_result
    return judge({name: make(name) for name in wanted}, given=given)


@pytest.mark.parametrize(("numbers", "given"), [(False, False), (True, False), (False, True)])
def test_every_card_and_table_of_the_head_names_a_kind(numbers: bool, given: bool) -> None:
    verdict = judged(numbers, given)
    bounded = [card for card in verdict.cards if "interval" in card.note]
    assert bounded
    for card in bounded:
        assert names_a_kind(card.note), card
    assert names_a_kind(verdict.change_head)
    assert all(names_a_kind(head) for head in verdict.purchase_heads[2:])
    assert all(kind in KINDS for kind in re.findall(r"intervals are for ([^.;]*)", verdict.covers))


def test_a_kind_of_its_own_is_told_apart_in_the_legend() -> None:
    place = np.arange(3.0)
    marks = Series(name="a", x=place, y=place, low=place - 1, high=place + 1, line=None, marker=("o", "circle"))
    apart = by_covers(marks, [covers.NEW, covers.THESE, covers.NEW])
    assert [one.covers for one in apart] == [covers.NEW, covers.THESE]
    assert [one.x.tolist() for one in apart] == [[0, 2], [1]]
    panel = Panel(title="t", x_label="x", y_label="y", series=apart, rows=("p", "q", "r"))
    keys = interval_keys(Chart(title="t", panels=[panel], columns=1, covers=covers.NEW))
    assert keys == [(f"95 %: {covers.NEW}", False), (f"q: 95 %, {covers.THESE}", False)]


def test_two_members_have_one_gain_and_one_pair_which_stand_for_themselves() -> None:
    assert covers.new_if(2 - 1) == covers.THESE
    assert covers.new_if(3 - 1) == covers.NEW
    assert covers.new_if(2, covers.NEW_RUNS) == covers.NEW_RUNS


def test_a_result_of_an_earlier_version_says_it_as_far_as_it_is_known() -> None:
    dataset = example_result("ensemble_size")
    for name in dataset.data_vars:
        dataset[name].attrs = {key: one for key, one in dataset[name].attrs.items() if not key.startswith("covers")}
    made = dataset.assign_attrs(intervals="95 %, for new networks on new test images: Student's t")
    assert covers.covers_of(made, "score") == covers.kind_of(made) == covers.NEW
    assert covers.covers_of(made, "score", which="_these") == covers.THESE
    assert covers.covers_of(dataset.assign_attrs(intervals="95 %: bootstrap"), "score") == ""
