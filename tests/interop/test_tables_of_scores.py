"""Tables of scores in every format and layout, and errors that name the line."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from modescape.errors import InputError
from modescape.interop.scores import Columns, read_scores, scores_of

LONG = "method,seed,score\na,0,91.0\na,1,92.1\na,2,93.2\nb,0,90.3\nb,1,91.1\nb,2,90.2\n"
FOUND = {("a", ""): [91.0, 92.1, 93.2], ("b", ""): [90.3, 91.1, 90.2]}


@pytest.fixture
def read(tmp_path):
    """Write the text to a file and read it: scores by method and task, the first method's runs, and the notes."""

    def reading(text, name="scores.csv", columns=None, groups=()):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return outlined(*read_scores([path], columns, groups))

    return reading


def outlined(runs, notes):
    return {(one.method, one.task): list(one.scores) for one in runs}, runs[0].names, " ".join(notes)


FORMS = {
    "comma": LONG,
    "semicolon": LONG.replace(",", ";"),
    "tab": LONG.replace(",", "\t"),
    "bar": LONG.replace(",", "|"),
    "mark": "\N{ZERO WIDTH NO-BREAK SPACE}" + LONG,
    "windows": LONG.replace("\n", "\r\n"),
    "decimal commas": LONG.replace(",", ";").replace(".", ","),
    "blank lines": LONG.replace("b,0", "\n,,\nb,0"),
    "16 bits": LONG.encode("utf-16"),
    "other names": LONG.replace("method,seed,score", "Model,Random_Seed,val_acc"),
    "other order": "score,seed,method\n"
    + "".join(",".join(reversed(row.split(","))) + "\n" for row in LONG.split()[1:]),
    "JSON lines": "\n".join(
        json.dumps({"method": method, "seed": seed, "score": score})
        for (method, _), scores in FOUND.items()
        for seed, score in enumerate(scores)
    ),
    "JSON list": json.dumps(
        [
            {"method": method, "seed": seed, "score": s}
            for (method, _), all_ in FOUND.items()
            for seed, s in enumerate(all_)
        ]
    ),
    "wide": "run,a,b\n0,91.0,90.3\n1,92.1,91.1\n2,93.2,90.2\n",
    "across": "method,seed 0,seed 1,seed 2\na,91.0,92.1,93.2\nb,90.3,91.1,90.2\n",
    "names of runs": "Name,acc\na_seed0,91.0\na_seed1,92.1\na_seed2,93.2\nb_seed0,90.3\nb_seed1,91.1\nb_seed2,90.2\n",
    "pandas": ",a,b\n0,91.0,90.3\n1,92.1,91.1\n2,93.2,90.2\n",
    "percent signs": LONG.replace(".0", ".0%").replace(".1", ".1 %").replace(".2", ".2%").replace(".3", ".3%"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_scores_in_the_unit_of_the_file(read, form):
    found, names, notes = read(FORMS[form])
    assert found == FOUND
    assert (names is None) == (form == "pandas")
    assert "Read as" in notes or "Read with" in notes
    assert ("decimal points" in notes) == (form == "decimal commas")


def test_parquet_and_data_frames_have_them_too(read):
    table = pa.table({"a": FOUND["a", ""], "b": FOUND["b", ""], "seed": [0, 1, 2], "note": ["x", None, "y"]})
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    found, names, notes = read(sink.getvalue().to_pybytes(), "scores.parquet")
    assert (found, names) == (FOUND, ("0", "1", "2"))
    assert "note is text" in notes
    assert outlined(*scores_of(table))[0] == FOUND
    assert outlined(*scores_of(table.to_pandas()))[0] == FOUND
    named = {method: dict(zip("xyz", scores, strict=True)) for (method, _), scores in FOUND.items()}
    assert outlined(*scores_of(named))[:2] == (FOUND, ("x", "y", "z"))
    assert outlined(*scores_of({method: np.array(scores) for (method, _), scores in FOUND.items()}))[:2] == (
        FOUND,
        None,
    )
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table({"a": np.zeros(1_000_001)}), sink)
    with pytest.raises(InputError, match="1,000,001 rows; expected"):
        read(sink.getvalue().to_pybytes())
    for wrong in (3, {"a": 3.0}, [0.5, 0.6]):
        with pytest.raises(InputError, match="expected"):
            scores_of(wrong)


def test_tasks_come_from_a_column_or_from_several_scores(read):
    found, _, _ = read("method,task,seed,score\na,x,0,1.5\na,x,1,2.5\na,y,0,3.5\na,y,1,4.5\nb,x,0,5.5\nb,x,1,6.5\n")
    assert found == {("a", "x"): [1.5, 2.5], ("b", "x"): [5.5, 6.5], ("a", "y"): [3.5, 4.5]}
    found, _, notes = read("method,seed,acc,f1,lr\na,0,1.5,7.5,.1\na,1,2.5,8.5,.1\nb,0,3.5,9.5,.1\nb,1,4.5,6.5,.1\n")
    assert found == {
        ("a", "acc"): [1.5, 2.5],
        ("b", "acc"): [3.5, 4.5],
        ("a", "f1"): [7.5, 8.5],
        ("b", "f1"): [9.5, 6.5],
    }
    assert "Column lr is text, or settings" in notes
    only = Columns(method="method", run="seed", scores=("f1",))
    found, _, _ = read("method,seed,acc,f1,lr\na,0,1.5,7.5,.1\na,1,2.5,8.5,.1\nb,0,3.5,9.5,.1\n", columns=only)
    assert found == {("a", ""): [7.5, 8.5], ("b", ""): [9.5]}


SUMMARIES = {
    "words": "run,a,b\n1,.5,.7\n2,.6,.9\n3,.8,.8\nmean,.63,.8\nStd. dev.,.15,.1\nmin,.5,.7\n",
    "words elsewhere": "a,b,note\n.5,.7,\n.6,.9,\n.8,.8,\n.63,.8,average of 3\n.15,.1,standard deviation\n",
    "no number": "seed,a,b\n1,.5,.7\n2,.6,.9\n3,.8,.8\nReported,.8,.9\n",
    "pandas": ",a,b\n0,.5,.7\n1,.6,.9\n2,.8,.8\nmean,.63,.8\n",
    "long": "method,seed,score\na,1,.5\na,2,.6\na,3,.8\na,mean,.63\nb,1,.7\nb,2,.9\nb,3,.8\nmean,,.7\n",
}


@pytest.mark.parametrize("case", SUMMARIES)
def test_rows_that_are_summaries_are_left_out_and_said(read, case):
    found, _, notes = read(SUMMARIES[case])
    assert found == {("a", ""): [0.5, 0.6, 0.8], ("b", ""): [0.7, 0.9, 0.8]}
    assert "left out" in notes


def test_methods_may_be_called_like_summaries(read):
    found, _, _ = read("method,seed,score\nmean,1,.5\nmean,2,.6\nmax pooling,1,.7\nmax pooling,2,.9\n")
    assert found == {("mean", ""): [0.5, 0.6], ("max pooling", ""): [0.7, 0.9]}


def test_the_last_step_of_each_run_counts(read):
    found, _, notes = read("method,seed,epoch,score\na,0,1,.1\na,0,2,.5\na,1,2,.6\na,1,1,.2\nb,0,2,.7\nb,1,2,.8\n")
    assert found == {("a", ""): [0.5, 0.6], ("b", ""): [0.7, 0.8]}
    assert "last epoch is taken; 2 earlier" in notes


CHART = (
    '"Step","a-seed0 - acc","a-seed0 - acc__MIN","a-seed0 - acc__MAX","a-seed1 - acc","b-seed0 - acc","b-seed1 - acc"\n'
)


def test_exports_of_trackers(read, tmp_path):
    found, _, notes = read(CHART + "1,.1,.1,.1,.2,.3,.4\n2,.5,.5,.5,,.7,.8\n3,,,,.6,,\n")
    assert found == {("a", ""): [0.5, 0.6], ("b", ""): [0.7, 0.8]}
    assert "chart of W&B" in notes
    assert "mean of several runs" in read(CHART + "1,.1,0,.2,.2,.3,.4\n")[2]
    named = "Step,fancy-river-3 - acc,old-hill-4 - acc\n1,.5,.6\n"
    assert read(named)[0] == {("acc", ""): [0.5, 0.6]}
    groups = [("x", "fancy*"), ("y", "old*")]
    assert read(named, groups=groups)[0] == {("x", ""): [0.5], ("y", ""): [0.6]}
    found, _, notes = read(named, groups={"x": "fancy*"})
    assert found == {("x", ""): [0.5]}
    assert "Runs that match no group are left out: acc/old-hill-4." in notes
    history = "run_id,key,value,step,timestamp\n"
    history += "".join(
        f"{run},{key},{value},{step},9\n"
        for run, key, value, step in [
            ("r1", "a", 0.1, 1),
            ("r1", "a", 0.5, 2),
            ("r1", "b", 0.7, 2),
            ("r2", "a", 0.6, 2),
            ("r2", "b", 0.8, 1),
        ]
    )
    found, names, notes = read(history)
    assert (found, names) == ({("a", ""): [0.5, 0.6], ("b", ""): [0.7, 0.8]}, ("r1", "r2"))
    runs = "run_id,status,metrics.a,metrics.b,params.lr\nr1,FINISHED,.5,.7,.1\nr2,FINISHED,.6,.8,.1\n"
    assert read(runs)[0] == found
    by = "run_id,metrics.acc,params.model,params.seed\nr1,.5,a,0\nr2,.6,a,1\nr3,.7,b,0\nr4,.8,b,1\n"
    assert read(by)[:2] == (found, ("0", "1"))  # pairs of seeds
    paths = []
    for method, seed, score in [("a", 0, 0.5), ("a", 1, 0.6), ("b", 0, 0.7), ("b", 1, 0.8)]:
        paths.append(tmp_path / f"run-{method}_seed{seed}-tag-acc.csv")
        paths[-1].write_text(f"Wall time,Step,Value\n1.5,10,{score}\n1.0,5,.1\n")
    assert outlined(*read_scores(paths))[:2] == (found, ("0", "1"))
    (tmp_path / "other.csv").write_text(LONG)
    with pytest.raises(InputError, match="not a TensorBoard table"):
        read_scores([*paths, tmp_path / "other.csv"])
    with pytest.raises(InputError, match="given twice"):
        read_scores([paths[0], paths[0]])


def test_a_file_may_be_a_method(tmp_path):
    for name, scores in (("a", ".5\n.6"), ("b", ".7\n.8")):
        (tmp_path / f"{name}.csv").write_text(f"acc\n{scores}\n")
    found, _, notes = outlined(*read_scores([tmp_path / "a.csv", tmp_path / "b.csv"]))
    assert found == {("a", ""): [0.5, 0.6], ("b", ""): [0.7, 0.8]}
    assert "Each file is a method" in notes


WRONG = {
    "empty": ("", "the table is empty"),
    "header alone": ("a,b\n", "no rows"),
    "NaN": ("run,a\n0,.5\n1,nan\n", r"line 3, column 'a': nan is not a score"),
    "infinite": ("run,a\n0,.5\n1,-inf\n", r"line 3, column 'a': -inf is not a score"),
    "NaN in JSON": ('{"run": 0, "a": 0.5}\n{"run": 1, "a": NaN}\n', r"line 2, column 'a': nan is not a score"),
    "text": ("run,a\n0,.5\n1,.6\n2,crashed\n", r"line 4, column 'a': 'crashed' is not a number; leave it empty"),
    "mean and spread": ("run,a\n0,.5\n1,.6\n2,0.55 ± 0.1\n", r"line 4.*expected the score of each run, not a mean"),
    "short line": ("run,a,b\n0,.5,.6\n1,.5\n", "line 3 has 2 cells, expected 3"),
    "one name": ("a,a\n.5,.6\n", "two columns are called 'a'"),
    "no scores": ("x,y\nu,v\n", "no column of scores"),
    "run twice": (LONG + "b,2,90.4\n", r"line 8: run '2' of 'b' comes twice \(first: .*line 7\)"),
    "run twice, wide": ("run,a\n0,.5\n0,.6\n", r"line 3: run '0' of 'a' comes twice"),
    "no method": ("method,seed,score\na,0,.5\n,1,.6\nb,0,.7\n", "line 3, column 'method' is empty"),
    "commas and points": ("run;a\n0;0,5\n1;0.6\n", "line 2, column 'a': '0,5' has a comma, and '0.6'"),
    "thousands": ("run;a\n0;1,500\n1;1,600\n", "fraction or thousands"),
    "some percent": ("run,a\n0,50%\n1,0.6\n", "line 3, column 'a': no percent sign"),
    "unlabelled mean": ("a,b\n.51,.71\n.62,.93\n.82,.82\n.65,.82\n.16,.11\n", "line 5 is the mean of the rows above"),
    "no run": ("run,a,b\n0,.5,.7\n1,.6,.9\n2,.8,.8\n,.9,.9\n", "line 5 names no run"),
    "huge": ("run,a\n0,1e99\n", "line 2, column 'a': 1e\\+99 is beyond"),
    "not UTF-8": (b"run,a\n0,\xff\xff\n", "neither UTF-8 text nor Parquet"),
    "not Parquet": (b"PAR1 and more", "cannot be read as Parquet"),
    "summaries alone": ("run,a\nmean,.5\nstd,.1\n", "every row summarises others"),
    "a list of numbers": ("[1, 2]", "a list of objects was expected"),
    "JSON, no object": ('{"a": 1}\n[1]\n', "line 2 is not a JSON object"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_by_its_line(read, case):
    text, message = WRONG[case]
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert "scores.csv'" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_column_that_is_not_there_is_refused_with_those_that_are(read):
    with pytest.raises(InputError, match=r"no column 'seeds'; its columns: method, seed, score"):
        read(LONG, columns=Columns(run="seeds"))
    with pytest.raises(InputError, match="no run fits the group 'x'"):
        read(LONG, groups=[("x", "nothing*")])
    with pytest.raises(InputError, match="fits the groups x, y"):
        read(LONG, groups=[("x", "a"), ("y", "*")])


def test_a_run_that_is_the_mean_of_others_by_chance_is_a_run(read):
    assert read("a\n90\n91\n92\n91\n")[0] == {("a", ""): [90, 91, 92, 91]}


def test_missing_runs_are_missing(read):
    found, names, notes = read("seed,a,b\n0,.5,.7\n1,,.9\n2,.8,n/a\n3,.9,.75\n")
    assert found == {("a", ""): [0.5, 0.8, 0.9], ("b", ""): [0.7, 0.9, 0.75]}
    assert names == ("0", "2", "3")
    assert "Column 'a' has no score in line 3" in notes


def test_broken_tables_are_answered_or_refused(read):
    numbers = np.random.default_rng(7)
    texts = [text for text in FORMS.values() if isinstance(text, str)] + [
        *SUMMARIES.values(),
        CHART + "1,.1,.1,.1,.2,.3,.4\n",
    ]
    pieces = [
        "",
        ",",
        "\n",
        '"',
        "nan",
        "-",
        "1e400",
        "±",
        "\x00",
        "{",
        "[",
        "é",
        "mean",
        "0,5",
        "99999999999999999999",
    ]
    for _ in range(100):
        text = texts[numbers.integers(len(texts))]
        for _ in range(numbers.integers(1, 4)):
            at = numbers.integers(len(text))
            text = text[:at] + pieces[numbers.integers(len(pieces))] + text[at + numbers.integers(3) :]
        try:
            found, _, _ = read(text)
        except InputError:
            continue
        assert all(np.isfinite(scores).all() for scores in found.values())
