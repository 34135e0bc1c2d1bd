"""Invalid tables and texts on the command line: one line says what came and how to fix it; nothing is left behind."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

pytestmark = pytest.mark.ci

ROWS = 60
EMPTY = "; leave missing cells empty (null): the column's median is filled in"
BEYOND = " is beyond 1e+100; take another unit"
DRIVER = """
import contextlib, io, json, os, sys
from modescape.cli import main
found = {}
for name, words in json.load(sys.stdin).items():
    sys.argv, error = ["modescape", *words], io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = main()
        except SystemExit as end:
            code = end.code
    found[name] = [code, error.getvalue(), os.path.exists("out")]
print(json.dumps(found))
"""


def table(column: str = "", rows: int = ROWS, **cells: str) -> list[dict[str, str]]:
    """Rows of a table; ``cells`` replace values of a column: ``r5="x"`` in one row, or ``every`` cell."""
    stream = np.random.default_rng(0)
    found = [
        {"a": f"{stream.normal():.3f}", "b": str(row % 7), "c": "uvw"[row % 3], "y": ("yes", "no")[row % 2]}
        for row in range(rows)
    ]
    for place, cell in cells.items():
        for row in range(rows) if place == "every" else [int(place[1:])]:
            found[row][column] = cell.format(row=row, half=row / 2)
    return found


def texts(column: str = "t", **cells: str) -> list[dict[str, str]]:
    """The same of sentences."""
    base = [{"t": f"sentence {row}", "y": ("yes", "no")[row % 2]} for row in range(ROWS)]
    for place, cell in cells.items():
        for row in range(ROWS) if place == "every" else [int(place[1:])]:
            base[row][column] = cell
    return base


def lines(rows, delimiter=",", header=None) -> str:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerows([header or list(rows[0]), *(row.values() for row in rows)])
    return stream.getvalue()


def objects(**of_row_5) -> str:
    return "\n".join(json.dumps({"a": row / 2, "y": row % 2} | (of_row_5 if row == 5 else {})) for row in range(ROWS))


def parts(train, test) -> dict[str, str]:
    return {"train.csv": lines(train), "test.csv": lines(test)}


ONE_COLUMN = "expected features and a target; cells of a line are separated by commas, semicolons or tabs"
Y = ("yes", "no") * (ROWS // 2)
X = np.arange(3.0 * ROWS).reshape(ROWS, 3)
LACKS = "which the training rows have"
TABLES = {  # contents of the file (or of a folder's files), and the message (… stands for a library's words)
    "NaN": (lines(table("a", r5="nan")), "{csv}: train, row 5, column 'a': 'nan' is not a finite number" + EMPTY),
    "a text": (lines(table("a", r5="oops")), "{csv}: train, row 5, column 'a': 'oops' is not a finite number" + EMPTY),
    "infinity": (
        lines(table("a", r5="-inf")),
        "{csv}: train, row 5, column 'a': '-inf' is not a finite number" + EMPTY,
    ),
    "too large": (
        lines(table("a", r5="1e300")),
        "{csv}: train, row 5, column 'a': '1e300'" + BEYOND,
    ),
    "huge whole number": (
        lines(table("a", r5="9" * 5000)),
        "{csv}: train, row 5, column 'a': '" + "9" * 38 + "… is not a finite number" + EMPTY,
    ),
    "decimal commas": (
        lines(table("a", every="{row},5"), ";"),
        "{csv}: train, row 0, column 'a': '0,5' has a decimal comma, expected a point; 60 rows have one",
    ),
    "decimal commas of a target": (
        lines(table("y", every="{row},5"), ";"),
        "{csv}: train, row 0, column 'y': '0,5' has a decimal comma, expected a point; 60 rows have one",
    ),
    "one class": (lines(table("y", every="no")), "{csv}: train: the target 'y' is 'no' in all 60 rows"),
    "a constant target": (lines(table("y", every="2.5")), "{csv}: train: the target 'y' is 2.5 in all rows"),
    "a text among targets": (
        lines(table("y", every="{half}", r9="tall")),
        "{csv}: train, row 9, column 'y': 'tall' is not a finite number",
    ),
    "an infinite target": (
        lines(table("y", every="{half}", r9="inf")),
        "{csv}: train, row 9, column 'y': 'inf' is not a finite number",
    ),
    "a huge target": (
        lines(table("y", every="{half}", r9="1e308")),
        "{csv}: train, row 9, column 'y': '1e308'" + BEYOND,
    ),
    "a missing target": (
        lines(table("y", r4="")),
        "{csv}: train, row 4, column 'y': the target is missing in 1 row; leave it out",
    ),
    "missing targets": (
        lines(table("y", r4="", r8="")),
        "{csv}: train, row 4, column 'y': the target is missing in 2 rows; leave them out",
    ),
    "no rows": ("a,b,y\n", "{csv}: the table has a header and no rows"),
    "nothing": ("", "{csv}: the table is empty"),
    "no such column": (
        lines(table(), header=["a", "b", "c", "z"]),
        "{csv}: train: there is no column 'y'; name it with --set data.target=COLUMN; its columns: a, b, c, z",
    ),
    "two columns of one name": (
        lines(table(), header=["a", "b", "a", "y"]),
        "{csv}: two columns have one name (a, b, a, y); rename one",
    ),
    "no feature": (lines([{"y": one} for one in Y]), "{csv}: train has one column, 'y', " + ONE_COLUMN),
    "another delimiter": (lines(table(), "|"), "{csv}: train has one column, 'a|b|c|y', " + ONE_COLUMN),
    "blanks between cells": (lines(table(), " "), "{csv}: train has one column, 'a b c y', " + ONE_COLUMN),
    "a line too long": (
        lines(table()).replace("\n", "\n1,", 1),
        "{csv}: line 2 has 5 cells, expected 4 (a, b, c, y)",
    ),
    "a quotation mark never closed": (
        lines(table()).replace("\n", '\n"', 1),
        "{csv}: line 2: a quotation mark is opened and never closed",
    ),
    "Latin-1": (
        lines(table("c", r4="Größe")).encode("latin-1"),
        "{csv} cannot be read as a table: it is not UTF-8 text; save it as UTF-8 (…",
    ),
    "a test file without a column": (
        parts(table(), [{name: row[name] for name in "acy"} for row in table()]),
        "{folder}: test lacks the column 'b', " + LACKS,
    ),
    "a text in the test file": (
        parts(table(), table("a", r2="x")),
        "{folder}: test, row 2, column 'a': 'x' is not a finite number" + EMPTY,
    ),
    "an empty test file": (
        {"train.csv": lines(table()), "test.csv": "a,b,c,y\n"},
        "{test_csv}: the table has a header and no rows",
    ),
    "other classes in the test file": (
        parts(table(), table("y", every="never")),
        "no test row belongs to a class in the training split (test rows have classes such as never); give "
        "both splits the same classes, spelled in the same way",
    ),
    "one class in the training file": (
        parts(table("y", every="no"), table()),
        "all training rows (50) belong to the class 'no'; networks need two classes. Give more rows, larger "
        "data.train, or smaller data.test and data.validation",
    ),
    "a Parquet file of lists": (
        pa.table({"a": [[1.0]] * ROWS, "y": Y}),
        "{parquet}: column 'a' holds list<element: double>, expected numbers, texts or truth values; leave it out: "
        "--set 'data.leave_out=[a]'",
    ),
    "NaN in a Parquet file": (
        pa.table({"a": [1.0, float("nan")] * (ROWS // 2), "y": Y}),
        "{parquet}: train, row 1, column 'a': nan is not a finite number" + EMPTY,
    ),
    "no Parquet file": (b"PAR1", "{parquet} cannot be read as Parquet: …"),
    "JSON of mixed types": (
        {"jsonl": objects(a="oops")},
        "{jsonl}: train, row 5, column 'a': 'oops' is not a finite number" + EMPTY,
    ),
    "a huge whole number in JSON": (
        {"jsonl": objects(a=10**400)},
        "{jsonl}: line 6, column 'a': a whole number of more than 64 bits; write it as a text, or with "
        "a fraction (1e30)",
    ),
    "half of a character": (
        {"jsonl": objects(a="\ud800")},
        "{jsonl}: line 6, column 'a': half of a character (a lone surrogate)",
    ),
    "a key twice": ({"jsonl": '{"a": 1, "a": 2, "y": 0}\n'}, "{jsonl}: line 1 has 'a' twice; rename one"),
    "infinity in an array": (
        {"x": np.where(X == 7, np.inf, X), "y": np.arange(ROWS) % 2},
        "{npz}, row 2, column 'column1': inf is not a finite number" + EMPTY,
    ),
    "NaN among targets of an array": (
        {"x": X, "y": np.where(np.arange(ROWS) == 4, np.nan, X[:, 0] / 2)},
        "{npz}, row 4, column 'target': the target is missing in 1 row; leave it out",
    ),
    "too few targets": (
        {"x": X, "y": X[1:, 0]},
        "{npz}: x is float64 [60, 3] and y float64 [59], expected numbers [row, column] and a target [row], or several "
        "[row, target]",
    ),
    "empty arrays": ({"x": X[:0], "y": X[:0, 0]}, "{npz} is empty"),
}
TEXTS = {
    "a text too long": (
        lines(texts(r6="x" * 300)),
        "{csv}: train, row 6, column 't': the text has 300 tokens, data.length is 96; make it longer, or cut such "
        "texts off: --set data.truncate=true",
    ),
    "an empty text": (
        lines(texts(r6=" ")),
        "{csv}: train, row 6, column 't': the text is missing, expected a text of at least one token",
    ),
    "a text of length zero": (
        {"jsonl": "\n".join(json.dumps({"t": "x" * (row != 6), "y": row % 2}) for row in range(ROWS))},
        "{jsonl}: train, row 6, column 't': the text is '', expected a text of at least one token",
    ),
    "numbers in the place of texts": (
        pa.table({"t": range(ROWS), "y": Y}),
        "{parquet}: train, row 0, column 't': the text is 0, expected a text",
    ),
    "no such column of texts": (
        lines([{"u": row["t"], "y": row["y"]} for row in texts()]),
        "{csv}: train has no column 't'; name it with --set data.text=COLUMN; its columns: u, y",
    ),
    "a test file without texts": (
        parts(texts(), [{"u": "1", "y": one} for one in Y]),
        "{folder}: test lacks the column 't', " + LACKS,
    ),
}
CASES = {(recipe, name): case for recipe, cases in (("table", TABLES), ("text", TEXTS)) for name, case in cases.items()}


def written(folder, content) -> str:
    """Write the files of a case; returns the name of its file, or of the folder of its files."""
    if isinstance(content, str | bytes):
        name = "rows.parquet" if content == b"PAR1" else "rows.csv"
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name
    if isinstance(content, pa.Table):
        parquet.write_table(content, folder / "rows.parquet")
        return "rows.parquet"
    if "x" in content:
        np.savez(folder / "rows.npz", **content)
        return "rows.npz"
    if "jsonl" in content:
        (folder / "rows.jsonl").write_text(content["jsonl"])
        return "rows.jsonl"
    for name, text in content.items():
        (folder / name).write_text(text)
    return "."


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, list]:
    """Exit code, standard error and whether a study exists, for every case; one process runs them one after another."""
    root, commands = tmp_path_factory.mktemp("wrong"), {}
    small = ["data.test=20", "data.validation=10", "train.members=1", "train.epochs=1", "analyses=[training]"]
    for number, ((recipe, name), (content, _)) in enumerate(CASES.items()):
        folder = root / f"case{number}"
        folder.mkdir()
        source = folder.name if (made := written(folder, content)) == "." else f"{folder.name}/{made}"
        own = [f"data.source={source}", *([] if source.endswith("npz") else ["data.target=y"])]
        own += ["data.text=t"] if recipe == "text" else []
        settings = [f"--set={one}" for one in [*small, *own]]
        commands[f"{recipe}: {name}"] = ["run", recipe, "--out", "out", "--engine", "here", "--quiet", *settings]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], input=json.dumps(commands), capture_output=True, text=True, cwd=root, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize(("recipe", "name"), CASES, ids=str)
def test_what_is_wrong_is_refused_before_anything_is_written(said, recipe, name):
    code, error, there = said[f"{recipe}: {name}"]
    folder = f"case{list(CASES).index((recipe, name))}"
    places = {kind: f"'{folder}/rows.{kind}'" for kind in ("csv", "jsonl", "parquet", "npz")}
    places |= {"folder": f"'{folder}'", "test_csv": f"'{folder}/test.csv'"}
    expected = "modescape: " + CASES[recipe, name][1].format(**places)
    assert (code, there) == (2, False)
    assert error.strip() == expected or (expected.endswith("…") and error.startswith(expected[:-1]))


def test_what_is_no_fault_is_taken(tmp_path):
    """Byte order marks, line endings, line breaks in cells, semicolons; a class only in the test file is reported."""
    from modescape import data
    from modescape import recipe as recipes

    plain = lines(table("c", every="u\nv", r3='a "w"'))
    found = []
    for name, content in (
        ("plain", plain),
        ("marked", "\ufeff" + plain.replace("\n0", "\r\n0")),
        ("semicolons", lines(table("c", every="u\nv", r3='a "w"'), ";")),
    ):
        (tmp_path / f"{name}.csv").write_bytes(content.encode())
        given = recipes.Data(source=str(tmp_path / f"{name}.csv"), target="y", test=20, validation=10)
        found.append(data.load(given, 0))
    assert len({one.fingerprint for one in found}) == 1
    assert set(found[0].kind.values[0]) == {"u\nv", 'a "w"'}
    for name, text in parts(table(), table("y", r3="maybe")).items():
        (tmp_path / name).write_text(text)
    loaded = data.load(recipes.Data(source=str(tmp_path), target="y", validation=10), 0)
    assert loaded.notes == (
        "No training row belongs to the class maybe; 1 of 60 test rows do, and can only be errors.",
    )
