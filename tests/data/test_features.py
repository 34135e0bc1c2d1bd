"""Tables: what is read, how it is scaled and encoded, and what is refused by row and column."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modescape import data, recipe
from modescape.data import embedded, features
from modescape.data.inputs.table import CATEGORY, NUMBER
from modescape.errors import InputError

ROWS = 40


def read(section):
    return features.read(section, recipe.Task())


def settings(source, **more):
    return recipe.Data(source=str(source), **{"test": 8, "validation": 8, "target": "y", **more})


def table(**changes):
    """Lines of a table: two numeric columns, one of texts, a constant and a target; ``name_row`` sets a cell."""
    stream = np.random.default_rng(3)
    columns = {
        "a": [f"{number:.3f}" for number in stream.normal(5, 2, ROWS)],
        "b": [str(number) for number in stream.integers(0, 99, ROWS)],
        "colour": [("red", "green", "blue")[row % 3] for row in range(ROWS)],
        "one": ["7"] * ROWS,
        "y": [("no", "yes")[number] for number in stream.integers(0, 2, ROWS)],
    }
    for place, cell in changes.items():
        name, row = place.split("_")
        columns[name][int(row)] = cell
    return ["\t".join(columns), *("\t".join(cells) for cells in zip(*columns.values(), strict=True))]


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def test_numbers_are_scaled_and_texts_coded_as_scikit_learn_does_on_the_training_rows_alone(tmp_path):
    found = data.load(settings(write(tmp_path / "t.tsv", table())), 0)
    raw = {name: getattr(found, name).inputs for name in ("train", "test")}
    scaler = StandardScaler().fit(raw["train"][NUMBER][:, :2].numpy())
    coder = OneHotEncoder(handle_unknown="ignore").fit(raw["train"][CATEGORY].numpy())
    prepare = found.train.preparation(recipe.Data())
    for part in raw.values():
        own = scaler.transform(part[NUMBER][:, :2].numpy()), coder.transform(part[CATEGORY].numpy()).toarray()
        expected = np.hstack(own)
        np.testing.assert_allclose(prepare(part, dtype=torch.float64).numpy(), expected, atol=1e-12)
        index = torch.tensor([[3, 1], [0, 3]])
        torch.testing.assert_close(prepare.pick(part, index), prepare(part)[index])
    assert found.shape.offered == {"features": 5}
    assert found.class_names == ("no", "yes")
    assert found.notes == ("Columns that hold one value in all training rows are left out: one.",)


@pytest.mark.parametrize("step", [2, 3, 4, 5])  # odd and even numbers of present cells
def test_a_missing_number_is_the_median_and_a_column_says_where(tmp_path, step):
    lines = table(**{f"a_{row}": "" for row in range(0, ROWS, step)})
    found = data.load(settings(write(tmp_path / "t.tsv", lines), leave_out=["one", "b", "colour"]), 0)
    raw = found.train.inputs[NUMBER][:, 0].numpy()
    there = raw[~np.isnan(raw)]
    prepared = found.train.preparation(recipe.Data())(found.train.inputs, dtype=torch.float64).numpy()
    expected = (np.where(np.isnan(raw), np.median(there), raw) - there.mean()) / there.std()
    whole = ~np.isnan(raw)
    np.testing.assert_allclose(prepared[:, 0], expected, rtol=0, atol=1e-12)
    assert prepared[:, 1].tolist() == (~whole).astype(float).tolist()
    assert f"a ({(~whole).sum()})" in found.notes[-1]


def test_a_category_that_training_does_not_know_has_a_code_of_its_own_and_no_column(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder / "train.tsv", table())
    write(folder / "test.tsv", table(colour_0="violet"))
    for coding in ("one_hot", "codes"):
        found = data.load(settings(folder, categories=coding), 0)
        prepared = found.test.preparation(recipe.Data())(found.test.inputs)
        if coding == "one_hot":
            assert prepared[:, 2:].sum(1).tolist() == [0.0] + [1.0] * (ROWS - 1)
        else:
            codes = prepared[1]
            assert codes[:, 0].tolist() == [0, *[{"red": 3, "green": 2, "blue": 1}[c] for c in _colours()[1:]]]
            assert found.shape.offered == {"features": 2, "categories": [4]}


def _colours():
    return [("red", "green", "blue")[row % 3] for row in range(ROWS)]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (table(a_3="n/a"), r"row 3, column 'a': 'n/a' is not a finite number; leave missing cells empty"),
        (table(b_5="inf"), "row 5, column 'b': 'inf' is not a finite number"),
        (table(b_5="nan"), "row 5, column 'b': 'nan' is not a finite number"),
        (table(y_2=""), "row 2, column 'y': the target is missing"),
        (table(**{f"y_{row}": "no" for row in range(ROWS)}), f"the target 'y' is 'no' in all {ROWS} rows"),
        (table(**{f"colour_{row}": f"id{row}" for row in range(ROWS)}), "'colour' has 40 different texts .*leave_out"),
        (table(**{f"colour_{row}": f"2020-01-{row + 1}" for row in range(ROWS)}), "'colour' holds dates .*leave_out"),
        (["a\ta\ty", "1\t2\tno"], "two columns have one name"),
        (["a\tb\ty"], "a header and no rows"),
        (
            ["a\tb\tz", "1\t2\t3"],
            r"no column 'y'; name it with --set data.target=COLUMN; its columns: a, b, z",
        ),
    ],
)
def test_what_is_wrong_is_refused_by_row_and_column(tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        data.load(settings(write(tmp_path / "t.tsv", lines)), 0)


def test_a_column_that_the_test_file_lacks_is_named(tmp_path):
    write(tmp_path / "train.tsv", table())
    write(tmp_path / "test.tsv", [line.partition("\t")[2] for line in table()])
    with pytest.raises(InputError, match="test lacks the column 'a', which the training rows have"):
        data.load(settings(tmp_path), 0)


def test_targets_with_fractions_are_a_regression(tmp_path):
    lines = table(**{f"y_{row}": str(row / 7) for row in range(ROWS)})
    found = data.load(settings(write(tmp_path / "t.tsv", lines)), 0)
    assert (found.task.kind, found.class_names) == ("regression", ("y",))
    targets = torch.cat([split.label for split in (found.train, found.validation, found.test)])[:, 0]
    assert targets.sort().values.tolist() == pytest.approx([row / 7 for row in range(ROWS)])
    lines = table(**{f"y_{row}": str(row) for row in range(ROWS)} | {"y_3": "x"})
    with pytest.raises(InputError, match=r"row 3, column 'y': 'x' is not a finite number$"):
        data.load(settings(write(tmp_path / "t.tsv", lines)), 0, task=recipe.Task(kind="regression"))


def test_every_layout_of_one_table_is_one_table(tmp_path):
    import pyarrow as pa
    from pyarrow import csv, parquet

    write(tmp_path / "t.tsv", table(a_2="", colour_4=""))
    write(tmp_path / "t.csv", [line.replace("\t", ",") for line in table(a_2="", colour_4="")])
    options = csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
    typed = csv.read_csv(tmp_path / "t.csv", convert_options=options)
    parquet.write_table(typed, tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("\n".join(map(_json, pa.Table.to_pylist(typed))))
    found = {suffix: read(settings(tmp_path / f"t.{suffix}"))[1] for suffix in ("csv", "tsv", "parquet", "jsonl")}
    assert len({*found.values()}) == 1, found


def _json(row):
    import json

    return json.dumps(row)


def test_arrays_and_embedded_tables(tmp_path):
    from sklearn import datasets

    for name in ("breast_cancer", "wine", "iris"):
        theirs = getattr(datasets, f"load_{name}")()
        source, _ = read(recipe.Data(source=f"sklearn:{name}"))
        assert np.array_equal(source.inputs[NUMBER], theirs.data)
        names = [str(theirs.target_names[label]) for label in theirs.target]
        assert [source.class_names[label] for label in source.label] == names
        np.savez(tmp_path / f"{name}.npz", x=theirs.data, y=theirs.target, test_x=theirs.data[:9], test_y=names[:9])
        assert embedded.array_names(tmp_path / f"{name}.npz") == {"x", "y", "test_x", "test_y"}
    np.savez(tmp_path / "a.npz", x=theirs.data, y=theirs.target)
    found = data.load(recipe.Data(source=str(tmp_path / "a.npz")), 0)
    assert (found.train.kind.name, found.num_classes) == ("table", 3)
    x = theirs.data.copy()
    x[1, 2] = np.nan
    np.savez(tmp_path / "b.npz", x=x, y=theirs.target)
    with pytest.raises(InputError, match=r"row 1, column 'column2': nan is not a finite number"):
        data.load(recipe.Data(source=str(tmp_path / "b.npz")), 0)


def test_several_targets_are_one_regression_from_a_file_and_from_arrays(tmp_path):
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 3)), random.normal(size=(30, 2))
    np.savez(tmp_path / "two.npz", x=x, y=y, feature_names=["a", "b", "c"])
    lines = ["a,b,c,height,weight", *(",".join(map(repr, row)) for row in np.c_[x, y].tolist())]
    (tmp_path / "two.csv").write_text("\n".join(lines))
    arrays = features.read(recipe.Data(source=str(tmp_path / "two.npz")), recipe.Task())[0]
    named = ["height", "weight"]
    columns = features.read(recipe.Data(source=str(tmp_path / "two.csv"), target=named), recipe.Task())[0]
    np.testing.assert_array_equal(arrays.label, y)
    np.testing.assert_array_equal(columns.label, y)
    np.testing.assert_array_equal(columns.inputs["number"], x)
    assert (arrays.class_names, columns.class_names) == (("target0", "target1"), ("height", "weight"))


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        (["height", "size"], None, "there is no column 'size'"),
        (["height", "height"], None, "data.target names a column twice: height, height"),
        (
            ["height", "a"],
            "classification",
            "the targets 'height', 'a' are several targets, and a classification has one",
        ),
        (["height", "a", "b"], None, "has no column besides the targets 'height', 'a', 'b'"),
    ],
)
def test_wrong_names_of_several_targets_are_refused(tmp_path, target, kind, message):
    (tmp_path / "some.csv").write_text("a,b,height\n1,2,3.5\n2,3,4.5\n3,5,6.5\n")
    with pytest.raises(InputError, match=message):
        features.read(recipe.Data(source=str(tmp_path / "some.csv"), target=target), recipe.Task(kind=kind))
