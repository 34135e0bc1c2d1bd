"""CSV, JSON lines and Parquet of pictures and labels: columns by type or by name, labels of every kind."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from modescape import data, recipe
from modescape.data import sources
from modescape.errors import InputError

from .picture_files import encode, picture_rows, write_folder
from .test_folders import EXPECTED, TEST, TRAIN, held_out_rows, pixels, read, train_rows

FILES = {f"pictures/{n}.png": pixels(n) for n in range(1, 11)}


def csv(header: str, row, numbers=range(1, 7)) -> str:
    return "\n".join([header, *(row(n) for n in numbers)] if header else [row(n) for n in numbers]) + "\n"


TABLES = {
    "commas": csv("path,label", lambda n: f"pictures/{n}.png,{EXPECTED[n]}"),
    "a byte order mark and other line ends": "\ufeff"
    + csv("path,label", lambda n: f"pictures/{n}.png,{EXPECTED[n]}").replace("\n", "\r\n"),
    "semicolons": csv("bild;art", lambda n: f"pictures/{n}.png;{EXPECTED[n]}"),
    "tabs": csv("bild\tart", lambda n: f"pictures/{n}.png\t{EXPECTED[n]}"),
    "no header": csv("", lambda n: f"pictures/{n}.png,{EXPECTED[n]}"),
    "quotes and blanks": csv('"file", "a class"', lambda n: f'"pictures/{n}.png", {EXPECTED[n]}'),
    "other columns": csv(",file,size,label", lambda n: f"{n},pictures/{n}.png,{n * 100},{EXPECTED[n]}"),
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_paths_and_labels(tmp_path, table):
    folder = write_folder(tmp_path / "set", FILES | {"all.csv": TABLES[table]})
    source = read(folder / "all.csv")
    assert source.class_names == ("cat", "dog")
    assert train_rows(source) == TRAIN


def test_json_lines_absolute_paths_and_a_named_column(tmp_path):
    folder = write_folder(tmp_path / "set", FILES)
    rows = [
        {"at": str(folder / f"pictures/{n}.png"), "box": [1, 2], "kind": EXPECTED[n], "place": "zoo"}
        for n in range(1, 7)
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(InputError, match=r"2 columns that may be the label \(at, kind, place\).*data\.label"):
        read(tmp_path / "all.jsonl")
    assert train_rows(read(tmp_path / "all.jsonl", label="kind")) == TRAIN


def test_a_column_of_splits(tmp_path):
    def row(n: int) -> str:
        return f"pictures/{n}.png,{EXPECTED[n]},{'train' if n < 7 else 'Test'}"

    folder = write_folder(tmp_path / "set", FILES | {"all.csv": csv("path,label,split", row, range(1, 11))})
    source = read(folder / "all.csv")
    assert (train_rows(source), held_out_rows(source)) == (TRAIN, TEST)
    write_folder(folder, {"bad.csv": csv("path,label,split", lambda n: f"pictures/{n}.png,cat,{n}")})
    with pytest.raises(InputError, match=r"the column 'split' of row 0 is 1, expected train, validation or test"):
        read(folder / "bad.csv")


def write_table(path, cell, kind, labels=None) -> str:
    numbers = range(1, 7)
    columns = {"data": pa.array([cell(n) for n in numbers], kind), "what": labels or [EXPECTED[n] for n in numbers]}
    parquet.write_table(pa.table(columns), path)
    return str(path)


STRUCT = pa.struct({"bytes": pa.binary(), "path": pa.string()})
CELLS = {
    "bytes": (lambda n: encode(pixels(n)), pa.binary()),
    "long bytes": (lambda n: encode(pixels(n)), pa.large_binary()),
    "bytes and names": (lambda n: {"bytes": encode(pixels(n)), "path": f"{n}.png"}, STRUCT),
    "names": (lambda n: {"bytes": None, "path": f"pictures/{n}.png"}, STRUCT),
    "paths": (lambda n: f"pictures/{n}.png", pa.string()),
}


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("place", ["file", "folder"])
def test_parquet_without_metadata(tmp_path, cells, place):
    folder = write_folder(tmp_path / "set", FILES if cells in ("names", "paths") else {"README.md": ""})
    path = write_table(folder / "train.parquet", *CELLS[cells])
    source = read(path if place == "file" else folder)
    assert train_rows(source) == TRAIN
    assert source.class_names == ("cat", "dog")


LABELS = {  # as written -> names of the classes, and each label's class
    "numbers from 0": ([0, 1, 2, 2, 1, 0], ("0", "1", "2"), [0, 1, 2, 2, 1, 0]),
    "numbers from 1": ([1, 2, 3, 3, 2, 1], ("1", "2", "3"), [0, 1, 2, 2, 1, 0]),
    "numbers with gaps": ([7, 100, 7, 20, 20, 7], ("7", "20", "100"), [0, 2, 0, 1, 1, 0]),
    "texts": (["b", "a", "c", "c", "a", "b"], ("a", "b", "c"), [1, 0, 2, 2, 0, 1]),
    "texts of digits": (["10", "9", "010", "9", "10", "9"], ("010", "10", "9"), [1, 2, 0, 2, 1, 2]),
    "truth": ([True, False, True, True, False, True], ("false", "true"), [1, 0, 1, 1, 0, 1]),
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_labels_of_every_kind(tmp_path, labels, kind):
    written, names, numbers = LABELS[labels]
    if kind == "parquet":
        path = write_table(tmp_path / "x.parquet", *CELLS["bytes"], labels=written)
    else:
        lines = csv("path,what", lambda n: f"pictures/{n}.png,{str(written[n - 1]).lower()}")
        path = write_folder(tmp_path, FILES | {"x.csv": lines}) / "x.csv"
    source = read(path)
    assert source.class_names == names
    assert source.label.tolist() == numbers


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, None, 0, 1, 0], r"train, row 2: the label is missing"),
        ([0, 1, 1, -1, 1, 0], r"train, row 3: the label is -1, expected a number from 0 or a text"),
        ([0.5, 1.5, 0.0, 0.1, 0.2, 0.3], r"the label 'what' is double: a regression"),
        (["a"] * 6, "1 class"),
    ],
)
def test_labels_that_are_none(tmp_path, labels, message):
    with pytest.raises(InputError, match=message):
        data.load(recipe.Data(source=write_table(tmp_path / "x.parquet", *CELLS["bytes"], labels=labels)), 0)


def test_fractions_are_no_classes(tmp_path):
    path = write_table(tmp_path / "x.parquet", *CELLS["bytes"], labels=[0.5, 1.0, 0.5, 1.0, 0.5, 1.0])
    with pytest.raises(InputError, match=r"the label 'what' is double: a regression"):
        read(path, label="what")


def test_an_empty_cell_is_a_missing_label(tmp_path):
    for label in ("1", "cat"):
        table = csv("path,label", lambda n, label=label: f"pictures/{n}.png,{label if n != 3 else ''}")
        folder = write_folder(tmp_path / "set", FILES | {"x.csv": table})
        with pytest.raises(
            InputError, match=r"pictures/3\.png': the label is missing, expected a number from 0 or a text"
        ):
            read(folder / "x.csv")


def test_an_identifier_is_no_label(tmp_path):
    files = {f"pictures/{n}.png": pixels(n) for n in range(20)}
    table = csv("path,identifier", lambda n: f"pictures/{n}.png,x{n}", range(20))
    with pytest.raises(
        InputError,
        match=r"'identifier' of .* has 20 different values in 20 rows: these are not "
        "classes",
    ):
        read(write_folder(tmp_path, files | {"x.csv": table}) / "x.csv")


@pytest.mark.parametrize("hidden", [-1, None])
def test_hidden_test_labels_are_no_test_split(hub_folder, hidden):
    def count(**splits):
        folder = hub_folder(f"set{len(splits)}", **splits)
        found = data.load(recipe.Data(source=str(folder), test=4, validation=2), 0)
        return [len(split.label) for split in (found.train, found.validation, found.test)], found.notes

    secret = (picture_rows(5, seed=1)[0], [hidden] * 5)
    line = "The labels of the source's test split are hidden (-1 or missing): it was not used."
    sizes, notes = count(train=picture_rows(12), validation=picture_rows(7, seed=2), test=secret)
    assert sizes == [10, 2, 7]
    unused = "The source's own split of 7 is used for testing; data.test=4 is not used."
    assert notes == (line, "The test images are the source's validation split.", unused)
    sizes, notes = count(train=picture_rows(12), test=secret)
    assert sizes == [6, 2, 4]
    assert notes == (line, "The test images are a share of the training images (data.test).")


def test_a_test_label_that_is_missing_among_others_is_named(hub_folder):
    folder = hub_folder(train=picture_rows(6), test=(picture_rows(3)[0], [0, -1, 1]))
    with pytest.raises(InputError, match=r"test, row 1: the label is -1, expected 0 to 2"):
        data.load(recipe.Data(source=str(folder)), 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the table is empty"),
        ("path,label\n1.png,a,b\n", "line 2 has 3 cells, expected 2"),
        ("path,path\n1.png,a\n", "two columns have one name"),
        ("path,label\n", "a header and no rows"),
        ('path,label\n"1.png,a\n', "line 2: a quotation mark is opened and never closed"),
        ("a,b\nc,d\n", "no column of images: .* it looks like text"),
        ("path,label\n1.png,a\0\n", "cannot be decoded|cannot be read"),
    ],
)
def test_tables_that_are_none(tmp_path, text, message):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        data.load(recipe.Data(source=str(tmp_path / "x.csv")), 0)
    assert "x.csv" in str(caught.value) or "1.png" in str(caught.value)


def test_a_table_that_is_no_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match=r"x\.csv' cannot be read as a table: it is not UTF-8 text"):
        read(tmp_path / "x.csv")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match=r"x\.parquet' cannot be read as Parquet"):
        read(tmp_path / "x.parquet")


def test_a_changed_picture_of_a_table_is_read_anew(tmp_path):
    folder = write_folder(tmp_path / "set", FILES | {"all.csv": TABLES["commas"]})
    given = recipe.Data(source=str(folder / "all.csv"), test=1, validation=1)
    first = data.load(given, 0).fingerprint
    assert data.load(given, 0).fingerprint == first
    write_folder(folder, {"pictures/1.png": np.full((3, 4), 77, np.uint8)})
    assert data.load(given, 0).fingerprint != first


def test_a_source_of_paths_names_ordinary_files_alone(tmp_path):
    (tmp_path / "x.csv").write_text("path,label\n/dev/zero,a\n/etc/hosts.png,b\n")
    with pytest.raises(InputError, match=r"'/dev/zero': the image cannot be decoded .*not an ordinary file"):
        sources.pictures(recipe.Data(source=str(tmp_path / "x.csv"), image="path", label="label"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            'path;"label, which, it"\n' + "".join(f'pictures/{n}.png;"{EXPECTED[n]}, a"\n' for n in range(1, 7)),
            "cat, a",
        ),
        (csv("path,label", lambda n: f'"pictures/{n}.png","{EXPECTED[n]};b;c"'), "cat;b;c"),
    ],
)
def test_the_delimiter_is_the_one_that_fits_all_lines(tmp_path, text, names):
    assert read(write_folder(tmp_path, FILES | {"x.csv": text}) / "x.csv").class_names[0] == names


@pytest.mark.parametrize(("usual", "odd"), [("1", "NA"), ("1", "nan"), ("cat", "-1")])
def test_what_stands_for_a_missing_label_is_no_class(tmp_path, usual, odd):
    table = csv("path,label", lambda n: f"pictures/{n}.png,{odd if n == 3 else usual}")
    with pytest.raises(InputError, match=r"pictures/3\.png': the label is (missing|-1), expected a number from 0"):
        read(write_folder(tmp_path, FILES | {"x.csv": table}) / "x.csv")


def test_json_lines_of_any_keys_and_letters(tmp_path):
    lines = [f'{{"path": "pictures/{n}.png", "label": "a\u2028{EXPECTED[n]}"}}' for n in range(1, 7)]
    lines[0] = lines[0].replace("}", ', "more": 1.5}')
    source = read(write_folder(tmp_path, FILES | {"x.jsonl": "\n".join(lines)}) / "x.jsonl")
    assert source.class_names == ("a\u2028cat", "a\u2028dog")


def test_an_address_is_named_and_not_asked(tmp_path):
    table = csv("url,label", lambda n: f"http://127.0.0.1:9/{n}.png?size=1,{EXPECTED[n]}")
    with pytest.raises(InputError, match=r"'http://127\.0\.0\.1:9/1\.png\?size=1': .* nothing is downloaded"):
        read(write_folder(tmp_path, {"x.csv": table}) / "x.csv")


def test_rows_that_name_one_picture_and_classes_that_look_alike_are_said(tmp_path):
    table = csv("path,label", lambda n: f"pictures/{n}.png,{EXPECTED[n]}") + "pictures/1.png,Cat\n"
    again, alike = sorted(read(write_folder(tmp_path, FILES | {"x.csv": table}) / "x.csv").notes)
    assert again.startswith("1 row names a picture that an earlier row names (")
    assert alike == "Class names that differ only in case are treated as different classes (Cat, cat)."


@pytest.mark.parametrize("values", [[1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, float("nan"), 1.0, 0.0]])
def test_whole_numbers_of_a_floating_type_are_classes(tmp_path, values):
    path = write_table(tmp_path / "x.parquet", *CELLS["bytes"], labels=values)
    if all(value == value for value in values):
        assert read(path).label.tolist() == values
    else:
        with pytest.raises(InputError, match="train, row 3: the label is missing"):
            read(path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (pa.array([[0], [1]] * 3), r"'label' is a list.*several labels per picture|'label' of .* holds list"),
        (pa.array([0, 1] * 3, pa.date32()), r"column 'label' of .* holds date32.*, expected whole numbers or texts"),
        (pa.array([b"cat", b"dog"] * 3), r"column 'label' of .* holds binary, expected whole numbers or texts"),
    ],
)
def test_a_label_of_another_type_is_named(tmp_path, labels, message):
    table = pa.table({"image": [encode(pixels(n)) for n in range(1, 7)], "label": labels})
    parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(InputError, match=message):
        read(tmp_path / "x.parquet")


def test_a_parquet_file_may_have_a_column_of_splits_and_no_name_twice(tmp_path):
    numbers = range(1, 11)
    columns = [[encode(pixels(n)) for n in numbers], [EXPECTED[n] for n in numbers]]
    split = ["train" if n < 7 else "test" for n in numbers]
    parquet.write_table(pa.table([*columns, split], ["image", "label", "Split"]), tmp_path / "x.parquet")
    source = read(tmp_path / "x.parquet")
    assert (train_rows(source), held_out_rows(source)) == (TRAIN, TEST)
    parquet.write_table(pa.table([*columns, columns[1]], ["image", "label", "label"]), tmp_path / "y.parquet")
    with pytest.raises(InputError, match=r"two columns of y\.parquet have one name"):
        read(tmp_path / "y.parquet")
