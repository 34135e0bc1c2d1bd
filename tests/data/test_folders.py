"""Folders of pictures in every layout: splits, classes, other files beside them, metadata files."""

import numpy as np
import pytest

from modescape import data, recipe
from modescape.data import sources
from modescape.data.cache import fingerprint
from modescape.data.dataset import Source
from modescape.errors import InputError

from .picture_files import write_folder

NUMBERS = np.arange(1, 13, dtype=np.uint8)


def pixels(number: int) -> np.ndarray:
    """A grey picture whose first pixel is its number."""
    return np.full((3, 4), number, np.uint8) - np.eye(3, 4, 1, dtype=np.uint8)


def read(folder, **values) -> Source:
    return sources.pictures(recipe.Data(source=str(folder), **values))


def rows(image, label, names) -> dict[int, str]:
    """Number of each picture -> its label."""
    return {int(one[0, 0, 0]): names[number] for one, number in zip(image, label, strict=True)}


def train_rows(source: Source) -> dict[int, str]:
    return rows(source.inputs, source.label, source.class_names)


def held_out_rows(source: Source) -> dict[int, str]:
    assert source.test_inputs is not None
    return rows(source.test_inputs, source.test_label, source.class_names)


def in_folders(prefix: str = "", numbers=range(1, 7)) -> dict:
    """Odd numbers are cats, even ones dogs."""
    return {f"{prefix}{('dog', 'cat')[n % 2]}/{n}.png": pixels(n) for n in numbers}


EXPECTED = {n: ("dog", "cat")[n % 2] for n in range(1, 13)}
TRAIN, TEST = {n: EXPECTED[n] for n in range(1, 7)}, {n: EXPECTED[n] for n in range(7, 11)}


def described(kind: str, prefix: str, numbers, more: str = "") -> dict:
    """Pictures in one folder, with a metadata file."""
    names = {n: f"{n}.png" for n in numbers}
    files: dict = {prefix + name: pixels(n) for n, name in names.items()}
    if kind == "csv":
        text = "\n".join(["file_name,label", *(f"{name},{EXPECTED[n]}" for n, name in names.items())])
    else:
        text = "\n".join(f'{{"file_name": "{name}", "label": "{EXPECTED[n]}"}}' for n, name in names.items())
    return files | {f"{prefix}metadata.{kind}": text + more}


LAYOUTS = {
    "class folders": in_folders(),
    "around them one folder": in_folders("archive/pictures/"),
    "with things beside": in_folders()
    | dict.fromkeys((".DS_Store", "cat/Thumbs.db", "README.md", "cat/.hidden.png", "notes.txt", "__MACOSX/a.png"), "x"),
    "metadata.csv": described("csv", "", range(1, 7)),
    "metadata.jsonl": described("jsonl", "", range(1, 7)),
    "metadata in a folder": described("csv", "train/", range(1, 7), "\n"),
    "capitals": {f"{('dog', 'cat')[n % 2]}/{n}.PNG": pixels(n) for n in range(1, 7)},
}
SPLIT_LAYOUTS = {
    "train and test": in_folders("train/") | in_folders("test/", range(7, 11)),
    "training and testing": in_folders("Training/") | in_folders("testing/", range(7, 11)),
    "train and val": in_folders("set/train/") | in_folders("set/val/", range(7, 11)),
    "all three": in_folders("train/") | in_folders("valid/", range(11, 13)) | in_folders("test/", range(7, 11)),
    "metadata of each": described("csv", "train/", range(1, 7)) | described("jsonl", "test/", range(7, 11)),
    "metadata of both": in_folders("train/")
    | in_folders("test/", range(7, 11))
    | {
        "metadata.csv": "file_name,label\n"
        + "\n".join(f"{'train' if n < 7 else 'test'}/{EXPECTED[n]}/{n}.png,{EXPECTED[n]}" for n in range(1, 11))
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_without_splits(tmp_path, layout):
    source = read(write_folder(tmp_path / "set", LAYOUTS[layout]))
    assert source.class_names == ("cat", "dog")
    assert train_rows(source) == TRAIN
    assert source.test_inputs is None
    assert source.notes == ()


@pytest.mark.parametrize("layout", SPLIT_LAYOUTS)
def test_a_folder_with_splits(tmp_path, layout):
    source = read(write_folder(tmp_path / "set", SPLIT_LAYOUTS[layout]))
    assert train_rows(source) == TRAIN
    assert held_out_rows(source) == TEST
    assert source.notes == ()


@pytest.mark.parametrize("layout", ["class folders", "train and test", "train and val"])
def test_what_the_library_reads_is_the_same_to_the_bit(tmp_path, layout):
    """In the same order, too: fingerprints of studies whose folders the library read stay valid."""
    import datasets

    folder = write_folder(tmp_path / "set", (LAYOUTS | SPLIT_LAYOUTS)[layout])
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "copy"))
    splits = [found[name] for name in ("train", "test", "validation") if name in found]
    arrays = [np.stack([np.asarray(row["image"]) for row in split])[:, None] for split in splits]
    labels = [np.array(split["label"]) for split in splits]
    both = [part for pair in zip(arrays, labels, strict=True) for part in pair]
    theirs = Source(*(*both, None, None)[:4], ("cat", "dog"))
    assert fingerprint(read(folder)) == fingerprint(theirs)


def test_nested_classes_are_the_innermost_folders_and_said(tmp_path):
    files = {
        f"{place}/{('dog', 'cat')[n % 2]}/{n}.png": pixels(n) for n in range(1, 7) for place in [("home", "zoo")[n > 3]]
    }
    source = read(write_folder(tmp_path / "set", files))
    assert train_rows(source) == TRAIN
    assert source.notes == (
        "The classes are the innermost folders (cat, dog); the folders above them (home, zoo) are taken together.",
    )


def test_a_link_to_a_folder_is_followed_once(tmp_path):
    write_folder(tmp_path / "elsewhere", {"1.png": pixels(1), "3.png": pixels(3)})
    folder = write_folder(tmp_path / "set", {"dog/2.png": pixels(2)})
    (folder / "cat").symlink_to(tmp_path / "elsewhere")
    (folder / "dog" / "round").symlink_to(folder)
    assert train_rows(read(folder)) == {1: "cat", 2: "dog", 3: "cat"}


@pytest.mark.parametrize(
    ("stray", "message"),
    [
        ("train/overview.png", r"train/overview\.png' and '.*train/cat/1\.png'"),
        ("train/cat/old/9.png", r"train/cat/old/9\.png' and '.*train/cat/1\.png'"),
    ],
)
def test_a_stray_picture_is_named(tmp_path, stray, message):
    folder = write_folder(tmp_path / "set", in_folders("train/") | in_folders("test/") | {stray: pixels(99)})
    with pytest.raises(InputError, match=r"pictures lie at different depths: '.*" + message):
        read(folder)


def test_pictures_beside_the_splits_are_counted(tmp_path):
    files = (
        in_folders("train/") | in_folders("test/", range(7, 11)) | {"logo.png": pixels(99), "extra/a.png": pixels(98)}
    )
    source = read(write_folder(tmp_path / "set", files))
    assert (train_rows(source), held_out_rows(source)) == (TRAIN, TEST)
    (note,) = source.notes
    assert note == "2 pictures beside the folders of the splits (test, train) were left out, such as 'extra/a.png'."


def test_pictures_that_no_metadata_names_are_counted(tmp_path):
    folder = write_folder(tmp_path / "set", described("csv", "", range(1, 7)) | {"odd.png": pixels(99)})
    source = read(folder)
    assert train_rows(source) == TRAIN
    assert source.notes == (f"1 picture that no metadata file names was left out, such as '{folder / 'odd.png'}'.",)


def test_a_test_folder_without_classes_is_no_test_split(tmp_path):
    files = in_folders("train/", range(1, 13)) | {f"test/{n}.png": pixels(n) for n in range(20, 24)}
    folder = write_folder(tmp_path / "set", files)
    found = data.load(recipe.Data(source=str(folder), test=3, validation=2), 0)
    assert [len(split.label) for split in (found.train, found.validation, found.test)] == [7, 2, 3]
    assert int(found.test.inputs.max()) < 20
    assert "test split are hidden" in found.notes[0]
    assert found.notes[-1] == "The test images are a share of the training images (data.test)."


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({f"{n}.png": pixels(n) for n in range(4)}, r"all pictures lie in '.*set', .*table .*data\.source=FILE\.csv"),
        ({"a.csv": "", "a/1.png": pixels(1)}, r"all pictures lie in '.*set/a', .*table .*data\.source=.*set/a\.csv"),
        (in_folders("train/") | in_folders("training/"), "two folders for the split 'train': train, training"),
        (in_folders() | {"cat/x.heic": "x"}, r"cat/x\.heic': the image cannot be decoded"),
        (
            described("csv", "", range(1, 7), "\ngone.png,cat"),
            r"gone\.png': the image cannot be decoded .*there is no such file",
        ),
        ({"metadata.csv": "name,label\n1.png,cat", "1.png": pixels(1)}, r"metadata\.csv' has no column 'file_name'"),
        (
            {"metadata.jsonl": "[1]", "1.png": pixels(1)},
            r"metadata\.jsonl': line 1 is not a JSON object; expected one per line",
        ),
        ({"metadata.jsonl": "[" * 9_999, "1.png": pixels(1)}, r"metadata\.jsonl' cannot be read as a table"),
    ],
)
def test_what_is_refused(tmp_path, files, message):
    with pytest.raises(InputError, match=message):
        data.load(recipe.Data(source=str(write_folder(tmp_path / "set", files))), 0)


def test_a_folder_has_no_configurations(tmp_path):
    with pytest.raises(InputError, match=r"data\.config is 'plain' and '.*' has no configurations"):
        read(write_folder(tmp_path / "set", in_folders()), config="plain")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"cat/train/1.png": pixels(1), "dog/test/2.png": pixels(2)}, "named as splits .* train/CLASS|test/CLASS"),
        ({f"{n}/a.png": pixels(n) for n in range(1, 13)}, "each of the 12 pictures lies in a folder of its own"),
        ({"cat/1.txt": "x", "dog/2.txt": "y"}, r"holds no pictures .*; its files: \.txt"),
        ({"cat/\udcff.png": b"x", "dog/2.png": pixels(2)}, r"cat/�\.png': this name is not in UTF-8"),
    ],
)
def test_folders_that_say_nothing_are_refused_by_what_they_hold(tmp_path, files, message):
    with pytest.raises(InputError, match=message):
        read(write_folder(tmp_path / "set", files))


def test_what_lies_among_pictures_by_chance_is_said_and_a_study_passed_over(tmp_path):
    more = {"cat/backup.zip": "PK", "info.json": "{}"}
    study = {"study/study.yaml": "name: x", "study/results/one.json": "NaN", "study/figures/loss.png": pixels(9)}
    source = read(write_folder(tmp_path / "set", in_folders() | more | study))
    assert train_rows(source) == TRAIN
    assert source.notes == (
        f"2 other files are among the pictures and not read, such as '{tmp_path / 'set' / 'cat' / 'backup.zip'}'.",
    )
