"""Turns, ratios, tables and published pages of benchmarks."""

import json

import pytest

from modescape.bench.harness import Result, Row, in_turns, median_seconds, publish, write


def result(**changes) -> Result:
    rows = [
        Row(name="plain", values=[10.0, 20.0, 30.0]),
        Row(name="ours", values=[40.0, 50.0, 60.0], ratios=[4, 2.5, 2]),
    ]
    about = {"name": "speed", "question": "How fast?", "unit": "images/s", "setting": "2 members", "command": "run it"}
    return Result(**{**about, "rows": rows, "reference": "plain", **changes})


def test_variants_take_turns_and_are_compared_turn_by_turn():
    calls = []

    def variant(name, values):
        left = iter(values)
        return lambda: (calls.append(name), next(left))[1]

    variants = {"plain": variant("plain", [1.0, 4.0]), "ours": variant("ours", [3.0, 2.0])}
    plain, ours = in_turns(variants, 2, reference="plain")
    assert calls == ["plain", "ours", "plain", "ours"]
    assert (plain.values, plain.ratios) == ([1.0, 4.0], None)
    assert (ours.values, ours.ratios) == ([3.0, 2.0], [3.0, 0.5])


def test_of_times_the_smaller_is_the_better():
    variants = {"plain": lambda: 6.0, "ours": lambda: 2.0}
    _, ours = in_turns(variants, 1, reference="plain", larger_is_better=False)
    assert ours.ratios == [3.0]


def test_a_table_shows_medians_ranges_ratios_and_sentences():
    table = result(notes={"in words": "twice as much", "in numbers": {"a": 1}}).table()
    assert table.splitlines() == [
        "| | images/s, median (range) | ratio to plain, median (range) |",
        "|---|---|---|",
        "| plain | 20 (10 to 30) | 1 |",
        "| ours | 50 (40 to 60) | 2.50 (2.00 to 4.00) |",
        "",
        "- in words: twice as much",
    ]


def test_what_is_said_about_a_figure_holds_all_that_repeats_it():
    about = result().about()
    for part in ("2 members", "n = 3", "cores", "torch 2", "modescape ", "Command: `run it`"):
        assert part in about


def test_a_result_is_kept_as_json(tmp_path):
    kept = json.loads(write(result(), tmp_path / "results").read_text())
    assert kept["rows"][1]["values"] == [40.0, 50.0, 60.0]
    assert {"version", "platform", "date", "command"} <= set(kept)


def test_a_page_gets_the_table_between_its_marks_and_keeps_the_rest(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n")
    publish(result(), page)
    publish(result(), page)  # a second time replaces, not appends
    text = page.read_text()
    assert text.startswith("before\n<!-- speed -->\n| | images/s")
    assert text.endswith("<!-- /speed -->\nafter\n")
    assert text.count("| ours |") == 1
    assert "old" not in text


def test_a_page_without_marks_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="no place for 'speed': put <!-- speed -->"):
        publish(result(), page)
    assert page.read_text() == "nothing"


def test_a_short_call_is_timed_after_warming_up():
    calls = []
    assert 0 <= median_seconds(lambda: calls.append(1), repeats=4, warm_up=3) < 1
    assert len(calls) == 7
