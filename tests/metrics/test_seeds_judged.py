"""Comparisons of methods by their runs, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from modescape.errors import InputError
from modescape.metrics import seeds
from modescape.metrics.paired import holm
from modescape.metrics.seeds import Question, Runs, judge

NAMES = ("0", "1", "2", "3", "4")
A = Runs("a", "", (91.0, 92.1, 93.2, 91.7, 92.6), NAMES)
B = Runs("b", "", (90.3, 91.1, 92.2, 90.9, 91.5), NAMES)
C = Runs("c", "", (90.1, 93.4, 91.2, 90.7, 92.9))


def test_runs_of_one_name_are_paired_and_others_are_not():
    found = judge([A, B, C])
    assert [pair.difference.test for pair in found.pairs] == ["paired t", "Welch", "Welch"]
    assert found.pairs[0].difference == seeds.paired_difference(np.array(A.scores), np.array(B.scores))
    assert found.pairs[1].difference == seeds.welch_difference(np.array(A.scores), np.array(C.scores))
    assert [pair.p_holm for pair in found.pairs] == holm([pair.difference.p for pair in found.pairs]).tolist()
    assert found.pairs[0].more_than_noise
    assert not found.pairs[1].more_than_noise
    assert judge([A, B], Question(paired=False)).pairs[0].difference.test == "Welch"
    assert judge([A, C], Question(paired=True)).pairs[0].difference.paired  # in the order of the file
    part = Runs("d", "", (90.2, 92.3, 91.0, 90.5), ("4", "2", "1", "0"))
    (pair,) = judge([A, part]).pairs
    expected = seeds.paired_difference(np.array([91.0, 92.1, 93.2, 92.6]), np.array([90.5, 91.0, 92.3, 90.2]))
    assert pair.difference == expected
    assert judge([A, Runs("d", "", (90.2, 92.3), ("8", "9"))]).pairs[0].difference.test == "Welch"
    assert len(judge([A, B, C], Question(against="a")).pairs) == 2
    assert judge([A, B, C], Question(against="a")).pairs[0].second.method == "a"


def test_runs_needed_are_those_of_the_question():
    (pair,) = judge([A, B], Question(width=0.3, power=0.9, difference=0.25)).pairs
    noise = seeds.noise_of(pair.difference)
    assert pair.for_width == seeds.runs_for_width(*noise, 0.3)
    assert pair.for_power == seeds.runs_for_power(*noise, 0.25, 0.9)
    assert pair.asked == (0.9, 0.25)
    (pair,) = judge([A, C]).pairs
    noise = seeds.noise_of(pair.difference, (np.std(A.scores, ddof=1), np.std(C.scores, ddof=1)))
    assert pair.for_power == seeds.runs_for_power(*noise, pair.difference.value, 0.8)


def test_losses_are_judged_the_other_way():
    found = judge([A, B], Question(lower_is_better=True, best_of=3))
    turned = judge([Runs(one.method, "", tuple(-s for s in one.scores), NAMES) for one in (A, B)], Question(best_of=3))
    assert found.pairs[0].better_best == pytest.approx(turned.pairs[0].better_best)
    assert found.pairs[0].better_best_seen == pytest.approx(turned.pairs[0].better_best_seen)
    assert found.methods[0].best_expected == pytest.approx(-turned.methods[0].best_expected)
    assert found.methods[0].best_seen == pytest.approx(-turned.methods[0].best_seen)
    assert found.methods[0].best_expected < found.methods[0].summary.mean


def test_looking_after_every_run_is_corrected_for_many():
    found = judge([A, B, C], Question(sequential=True))
    rows = [np.subtract(one.scores, two.scores) for one, two in ((A, B), (A, C), (B, C))]
    p = holm([seeds.anytime_p(seeds.e_values(row)) for row in rows])
    assert [pair.looked.p for pair in found.pairs] == p.tolist()
    assert [pair.looked.decision for pair in found.pairs] == ["stop: difference", "go on", "go on"]
    low, high = seeds.confidence_sequence(rows[0])
    assert (found.pairs[0].looked.low, found.pairs[0].looked.high) == (low[-1], high[-1])
    noise = np.random.default_rng(0).normal(0, 0.1, size=(2, 40))
    close = [Runs(name, "", tuple(90 + own)) for name, own in zip("ab", noise, strict=True)]
    assert judge(close, Question(sequential=True, difference=1.0)).pairs[0].looked.decision.startswith("stop: smaller")


REFUSED = {
    "one run": ([A, Runs("b", "", (90.0,), ("0",), ("line 7",))], "'b' has one run (line 7)"),
    "one score": ([A, Runs("b", "", (0.9,) * 5)], "'b' has the same score, 0.9, in all 5 runs"),
    "copies": ([A, Runs("b", "", A.scores)], "'b' is 'a': the same scores in all 5 runs"),
    "two copies": ([Runs("a", "", (0.5, 0.6)), Runs("b", "", (0.5, 0.6))], "'b' is 'a'"),
    "copies on a task": ([Runs("a", "x", A.scores), Runs("b", "x", A.scores)], "'b' is 'a' on 'x'"),
    "runs": (
        [Runs("a", "", (91.234, 92.1, 91.234), NAMES[:3]), Runs("b", "", (90.365, 91.1, 90.365), NAMES[:3])],
        "run '2' is run '0': the same scores in all 2 columns",
    ),
    "nothing": ([], "there are no scores"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_answered_is_refused(case):
    columns, message = REFUSED[case]
    with pytest.raises(InputError) as caught:
        judge(columns)
    assert message in str(caught.value)


def test_the_mean_of_tasks_is_taken_run_by_run():
    other = Runs("a", "y", (1.0, 2.0, 4.0, 8.0), ("3", "2", "1", "0"))
    on = [Runs("a", "x", A.scores, NAMES), other, Runs("b", "x", B.scores, NAMES), Runs("b", "y", C.scores, NAMES)]
    found = judge(on, Question(mean_of_tasks=True))
    assert [one.runs.task for one in found.methods] == ["x", "y", "x", "y", "mean of tasks", "mean of tasks"]
    a, b = found.methods[4:]
    assert a.runs.scores == pytest.approx([(91.0 + 8) / 2, (92.1 + 4) / 2, (93.2 + 2) / 2, (91.7 + 1) / 2])
    assert b.runs.scores == pytest.approx(np.mean([B.scores, C.scores], axis=0))
    assert [pair.first.task for pair in found.pairs] == ["x", "y", "mean of tasks"]
    for columns, message in ((on[:3], "'b' has no scores on 'y'"), ([A, B], "one task"), ([*on[:2], C], "no scores")):
        with pytest.raises(InputError, match=message):
            judge(columns, Question(mean_of_tasks=True))
    unnamed = [Runs("a", task, (0.5, 0.6)) for task in "xy"]
    with pytest.raises(InputError, match="runs have no names"):
        judge(unnamed, Question(mean_of_tasks=True))


def test_too_many_differences_are_refused_at_once():
    many = [Runs(str(number), "", (0.5, 0.5 + number, 0.7)) for number in range(1, 150)]
    with pytest.raises(InputError, match="149 methods have more than 10,000 differences"):
        judge(many)


def test_wrong_questions_are_refused():
    with pytest.raises(InputError, match="no method 'x' to compare with; expected one of 'a', 'b'"):
        judge([A, B], Question(against="x"))
    with pytest.raises(InputError, match="best of 0 runs"):
        judge([A, B], Question(best_of=0))
    with pytest.raises(InputError, match="share 0 runs by name"):
        judge([A, Runs("d", "", (90.2, 92.3), ("8", "9"))], Question(paired=True))
    with pytest.raises(InputError, match="has 5 runs without names, 'd' 2"):
        judge([C, Runs("d", "", (90.2, 92.3))], Question(paired=True))


def test_what_is_odd_and_can_be_answered_is_said():
    assert "have no spread" in judge([Runs("a", "", (0.0, 1e-300)), Runs("b", "", (1e-300, 0.0))]).warnings[0]
    flat = Runs("flat", "", (1.0,) * 5, NAMES)
    found = judge([A, B, flat])
    assert [one.runs.method for one in found.methods] == ["a", "b"]
    assert "'flat' has the same score, 1, in all 5 runs: this says nothing about seeds" in found.warnings[0]
    shifted = judge([A, Runs("d", "", tuple(score - 1 for score in A.scores), NAMES)])
    assert "differ by the same 1 in every run" in shifted.warnings[0]
    assert shifted.pairs[0].difference.test == "Welch"
    again = judge([Runs("a", "", (0.84768, 0.84768, 0.84768, 0.85)), B])
    assert "'a' has 0.84768 in 3 of 4 runs" in again.warnings[0]
    coarse = judge([Runs("a", "", (1.0, 1.0, 0.9, 1.0), NAMES[:4]), Runs("b", "", (1.0, 1.0, 0.9, 1.0), NAMES[:4])])
    assert coarse.pairs  # with four runs, two equal values are a coincidence
