"""`modescape seeds` and `ms.seeds` for people and for programs, and the 100 BERTs of McCoy et al. 2020."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from scipy import stats
from shared_data import shared_data  # noqa: F401 - a fixture
from test_cli import called
from test_json import checked

import modescape as ms
from modescape.answers import as_json
from modescape.errors import InputError

TABLE = "method,seed,score\na,0,91.0\na,1,92.1\na,2,93.2\nb,0,90.3\nb,1,91.1\nb,2,90.2\n"
MNLI, HANS = "MNLI dev acc.", "Lexical (nonent)"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text(TABLE)
    return path


def test_people_read_the_verdict_first(table):
    done = called("seeds", str(table), "--width=2", "--sequential")
    assert done.returncode == 0, done.stderr
    text = done.stdout.replace("\u00a0", " ")
    assert text.startswith("a is ahead of b by 1.57 (95 % interval")
    assert "within seed noise; undecided" in text
    assert "cannot get below p = 0.25" in text
    for part in ("width", "power", "best of 3", "Read as long: method is 'method'", "go on", "evidence"):
        assert part in text, part


def test_programs_read_one_object_with_the_same_numbers(table):
    done = called("seeds", str(table), "--json", "--unpaired", "--width=2", "--sequential")
    answer = checked(json.loads(done.stdout))
    assert done.stdout.count("\n") == 1
    assert list(answer)[:4] == ["modescape", "command", "verdict", "warnings"]
    found = ms.seeds(table, paired=False, width=2.0, sequential=True)
    assert answer == json.loads(as_json(found.as_dict()))
    first = answer["methods"][0]
    assert (first["name"], first["runs"], first["mean"]) == ("a", 3, pytest.approx(92.1))
    low, high = stats.t.interval(0.95, 2, 92.1, stats.sem([91.0, 92.1, 93.2]))
    assert (first["interval"]["low"], first["interval"]["high"]) == (pytest.approx(low), pytest.approx(high))
    (difference,) = answer["differences"]
    assert difference["permutation"] == {"p": pytest.approx(0.2), "smallest": pytest.approx(0.1)}
    assert difference["p"] == pytest.approx(
        stats.ttest_ind([91.0, 92.1, 93.2], [90.3, 91.1, 90.2], equal_var=False).pvalue
    )
    assert [(one["of"], one["for"]) for one in answer["runs_needed"]] == [
        (["a"], "width"),
        (["b"], "width"),
        (["a", "b"], "width"),
        (["a", "b"], "power"),
    ]
    assert difference["sequential"]["decision"] == "go on"


def test_standard_input_is_a_file(table):
    by_file = called("seeds", str(table), "--json").stdout
    # the command runs in the tests' process, whose standard input is replaced
    with mock.patch.object(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TABLE.encode()))):
        done = called("seeds", "-", "--json")
    assert json.loads(done.stdout)["methods"] == json.loads(by_file)["methods"]


WRONG = {
    "no file": (["nothing.csv"], "'nothing.csv' cannot be read"),
    "one run": (["one.csv"], "'b' has one run ('one.csv', line 4)"),
    "copies": (["copies.csv"], "'b' is 'a': the same scores in all 3 runs"),
    "group": (["one.csv", "--group", "x"], "'x' is not METHOD=PATTERN"),
    "width": (["scores.csv", "--width", "0"], "a width of 0 was asked for; expected one above 0"),
    "power": (["scores.csv", "--power", "1"], "a power of 1 was asked for; expected one between 0.05 and 1"),
    "difference": (["scores.csv", "--difference", "0"], "a difference of 0 was asked for"),
    "column": (["scores.csv", "--score", "acc"], "'scores.csv' has no column 'acc'; its columns: method, seed, score"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_a_line(table, case):
    (table.parent / "one.csv").write_text("method,seed,score\na,0,1.5\na,1,1.6\nb,0,1.7\n")
    (table.parent / "copies.csv").write_text("a,b\n.5,.5\n.6,.6\n.7,.7\n")
    arguments, message = WRONG[case]
    done = called("seeds", *arguments, cwd=table.parent)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dict_of_arrays_is_answered():
    found = ms.seeds({"a": np.array([91.0, 92.1, 93.2]), "b": [80.3, 81.1, 80.2]})
    assert found.differences[0].more_than_noise
    assert str(found).replace("\u00a0", " ").startswith("a is better than b by 11.57")
    assert (
        ms.seeds({"loss a": [1.0, 1.2], "loss b": [1.5, 1.4]}, lower_is_better=True).verdict[0].startswith("loss a is")
    )
    with pytest.raises(InputError, match="run 1, column 'score': nan is not a score"):
        ms.seeds({"a": [0.5, float("nan")]})
    assert "are they in one unit?" in " ".join(ms.seeds({"a": [0.91, 92.3, 0.93], "b": [0.9, 0.94]}).warnings)
    alone = ms.seeds({"a": [91.0, 92.1, 93.2]})
    assert alone.verdict[0].startswith("a: 92.10 on average over 3")
    assert not alone.differences


@pytest.fixture
def bert(shared_data) -> Path:  # noqa: F811
    return shared_data / "scores" / "bert-100-seeds.csv"


def test_bert_s_100_seeds_are_those_of_the_paper(bert):
    found = ms.seeds(bert, score=[MNLI, HANS])
    mnli, hans = (one.summary for one in found.methods)
    assert (mnli.runs, round(100 * mnli.mean, 2), round(100 * mnli.sd, 2)) == (100, 84.34, 0.24)
    assert (hans.runs, round(100 * hans.mean, 1), round(100 * hans.sd, 1)) == (100, 27.7, 12.4)
    assert "Lines 102 (Minimum), 103 (Maximum), 104 (Mean), 105 (Standard deviation) are summaries" in " ".join(
        found.notes
    )
    assert found.differences[0].difference.paired


@pytest.mark.ci
def test_the_whole_table_of_bert_is_answered(bert):
    found = ms.seeds(bert, against=MNLI)
    assert len(found.methods) == 36  # of 38 columns, two have a score of 1 in all runs
    assert sum("in all 100 runs" in line for line in found.warnings) == 2


def test_five_of_bert_s_seeds_say_what_a_hundred_do(bert, tmp_path):
    lines = bert.read_text(encoding="utf-8-sig").splitlines()
    (tmp_path / "five.csv").write_text("\n".join(lines[:6]))
    every = ms.seeds(bert, score=[MNLI, HANS]).methods
    few = ms.seeds(tmp_path / "five.csv", score=[MNLI, HANS]).methods
    for five, hundred in zip(few, every, strict=True):
        assert five.summary.runs == 5
        assert five.summary.low < hundred.summary.mean < five.summary.high
        assert five.summary.sd_low < hundred.summary.sd < five.summary.sd_high


@pytest.mark.parametrize(("column", "width"), [(MNLI, 0.002), (HANS, 0.12)])
def test_the_wanted_number_of_bert_s_runs_is_right_by_resampling(bert, tmp_path, column, width):
    (one,) = ms.seeds(bert, score=column, width=width).methods
    scores, numbers = np.array(one.runs.scores), np.random.default_rng(0)
    runs = one.for_width.runs
    drawn = scores[numbers.integers(100, size=(4000, runs))]
    widths = 2 * stats.t.ppf(0.975, runs - 1) * drawn.std(-1, ddof=1) / np.sqrt(runs)
    assert np.median(widths) == pytest.approx(width, rel=0.06)
    assert 0.4 < (widths <= width).mean() < 0.75
    lines = bert.read_text(encoding="utf-8-sig").splitlines()
    (tmp_path / "five.csv").write_text("\n".join(lines[:6]))
    low, high = ms.seeds(tmp_path / "five.csv", score=column, width=width).methods[0].for_width[1:]
    assert low <= runs <= high  # the range suggested from five runs contains it


def test_the_power_of_bert_s_runs_is_right_by_resampling(bert):
    (one,) = ms.seeds(bert, score=HANS).methods
    scores, numbers = np.array(one.runs.scores), np.random.default_rng(1)
    better = {"a": scores, "b": numbers.permutation(scores) + 0.1}
    (pair,) = ms.seeds(better, power=0.8, difference=0.1).differences
    runs = pair.for_power.runs
    first, second = (np.array(one)[numbers.integers(100, size=(4000, runs))] for one in better.values())
    found = stats.ttest_ind(first, second, axis=-1, equal_var=False).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.025)
