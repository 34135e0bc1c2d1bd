"""Groups of examples: no split cuts one, sizes are close to those asked for, errors name the group and row."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modescape import data, recipe
from modescape.data.dataset import Dataset, Source
from modescape.data.splits import cut, nearest
from modescape.errors import InputError

from .picture_files import write_folder

ROWS = 60


def source(group: list[str] | None, count: int = 100) -> Source:
    """A source whose images encode their row."""
    image = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    names = None if group is None else np.array(group, dtype=object)
    return Source(image, np.arange(count) % 2, None, None, ("even", "odd"), group=names)


def rows_of(found: Dataset) -> list[list[int]]:
    return [split.inputs[:, 0, 0, 0].tolist() for split in (found.train, found.validation, found.test)]


def names_of(found: Dataset) -> list[set[str]]:
    splits = [found.train, found.validation, found.test]
    assert all(split.group is not None and len(split.group) == len(split.label) for split in splits)
    return [set(split.group.tolist()) for split in splits]


@pytest.mark.parametrize("seed", range(25))
def test_no_split_cuts_a_group_and_sizes_are_near(seed: int) -> None:
    stream = np.random.default_rng(seed)
    groups = int(stream.integers(4, 60))
    group = [f"p{number}" for number in stream.integers(0, groups, 100)]
    asked: dict[str, Any] = {"test": int(stream.integers(15, 35)), "validation": 0.25}
    if seed % 2:
        asked["train"] = 0.5
    found = cut(source(group), recipe.Data(**asked), seed, "fingerprint")
    parts, names = rows_of(found), names_of(found)
    assert not names[0] & names[1] | names[0] & names[2] | names[1] & names[2]
    for rows, split in zip(parts, (found.train, found.validation, found.test), strict=True):
        assert [group[row] for row in rows] == split.group.tolist()  # groups stay with their examples
        inside = set(split.group.tolist())
        assert sorted(rows) == [row for row in range(100) if group[row] in inside]  # no group is cut
    if not seed % 2:
        assert sorted(row for rows in parts for row in rows) == list(range(100))
    smallest = min(group.count(name) for name in set(group))
    largest = max(group.count(name) for name in set(group))
    assert abs(len(parts[2]) - asked["test"]) <= max(1, largest / 2), (smallest, largest)
    assert f"{len(names[2])} in test. No group is split" in " ".join(found.notes)
    assert ("data.test has" in " ".join(found.notes)) == (len(parts[2]) != asked["test"])
    again = cut(source(group), recipe.Data(**asked), seed, "fingerprint")
    assert rows_of(again) == parts


def test_one_example_in_each_group_is_cut_as_without_groups() -> None:
    asked = recipe.Data(test=30, validation=20, train=40)
    grouped = cut(source([f"p{row}" for row in range(100)]), asked, 3, "fingerprint")
    assert rows_of(grouped) == rows_of(cut(source(None), asked, 3, "fingerprint"))


@pytest.mark.parametrize(
    ("sizes", "count", "taken"),
    [
        ([1, 1, 1, 1], 2, [0, 1]),
        ([3, 9, 2, 4], 6, [0, 2]),  # 5 is nearer than 9
        ([4, 4, 4], 7, [0, 1]),  # 8 is nearer than 4
        ([4, 4, 4], 6, [0]),  # 8 is as near as 4: the smaller
        ([10, 10], 6, [0]),
        ([10, 10], 5, []),
    ],
)
def test_groups_are_taken_in_their_order_as_near_as_they_come(sizes: list[int], count: int, taken: list[int]) -> None:
    assert np.flatnonzero(nearest(np.array(sizes), count)).tolist() == taken


@pytest.mark.parametrize(
    ("group", "asked", "message"),
    [
        (["a"] * 50 + ["b"] * 50, {"test": 20}, "data.test asks for 20 images, .* that is left has 50; no split cuts"),
        (["a"] * 50 + ["b"] * 50, {"test": 40}, "data.validation asks for 5 images, .* has 50"),
        (["a"] * 50 + ["b"] * 50, {"test": 40, "validation": 49}, "data.validation asks for 49 .* 1 group .* is left"),
        (["a"] * 100, {"test": 80}, "1 group of 'patient' is left"),
    ],
)
def test_groups_that_are_too_large_are_refused(group: list[str], asked: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cut(source(group), recipe.Data(**asked, group="patient"), 0, "fingerprint")


# ---- sources ----

PATIENTS = [f"p{row // 3}" for row in range(ROWS)]


def lines(patients: list[str] = PATIENTS, split: list[str] | None = None, patient: str = "patient") -> str:
    stream = np.random.default_rng(0)
    rows = [["a", patient, "text", "y"] + (["split"] if split else [])]
    for row in range(len(patients)):
        rows.append([f"{stream.normal():.3f}", patients[row], "ice" * (1 + row % 3), ("no", "yes")[row % 2]])
        rows[-1] += [split[row]] if split else []
    return "\n".join(",".join(cells) for cells in rows)


def settings(path: Path | str, **more: Any) -> recipe.Data:
    return recipe.Data(source=str(path), **{"test": 12, "validation": 9, "target": "y", "group": "patient", **more})


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "text"])
def test_a_column_of_a_table_names_groups_and_is_no_feature(tmp_path: Path, kind: str) -> None:
    path, more = written(tmp_path / "t.csv", lines()), {}
    if kind != "csv":
        from pyarrow import csv, parquet

        table = csv.read_csv(path)
        if kind == "parquet":
            parquet.write_table(table, path := tmp_path / "t.parquet")
        if kind == "jsonl":
            import json

            path = written(tmp_path / "t.jsonl", "\n".join(map(json.dumps, table.to_pylist())))
        more = {"text": "text"} if kind == "text" else {}
    found = data.load(settings(path, **more), 0)
    names = names_of(found)
    assert [len(one) for one in names] == [13, 3, 4]
    assert set.union(*names) == set(PATIENTS)
    assert found.group_name == "patient"
    if kind != "text":
        assert "patient" not in [*found.kind.numbers, *found.kind.categories]
    plain = data.load(settings(path, group=None, leave_out=["patient"], **more), 0)
    assert plain.train.group is None
    assert plain.fingerprint != found.fingerprint


def test_numbers_name_groups_whatever_their_type(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(ROWS, 2)), np.arange(ROWS) % 2
    patient = np.arange(ROWS) // 3
    np.savez(tmp_path / "t.npz", x=x, y=y, patient=patient)
    whole = data.load(settings(tmp_path / "t.npz", target=None), 0)
    np.savez(tmp_path / "f.npz", x=x, y=y, patient=patient.astype(float))
    assert data.load(settings(tmp_path / "f.npz", target=None), 0).fingerprint == whole.fingerprint
    assert names_of(whole)[2] <= {str(number) for number in range(20)}
    assert whole.kind.numbers == ("column0", "column1")
    np.savez(tmp_path / "t.npz", x=x, y=y, patient=patient, test_x=x, test_y=y, test_patient=patient + 100)
    assert names_of(data.load(settings(tmp_path / "t.npz", target=None), 0))[2] == {str(100 + one) for one in range(20)}


def test_images_of_arrays_have_groups(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (ROWS, 4, 4), dtype=np.uint8)
    content = {"image": image, "label": np.arange(ROWS) % 2, "group": np.array(PATIENTS)}
    np.savez(tmp_path / "i.npz", **content)
    found = data.load(settings(tmp_path / "i.npz", target=None, group="group"), 0)
    assert [len(one) for one in names_of(found)] == [13, 3, 4]
    tests = {"test_image": image[:9], "test_label": np.arange(9) % 2}
    np.savez(tmp_path / "i.npz", **content, **tests, test_group=np.array(PATIENTS[:9]))
    with pytest.raises(InputError, match=r"test, row 0, column 'group': the group 'p0' is in .*: train, too, row 0"):
        data.load(settings(tmp_path / "i.npz", target=None, group="group"), 0)
    np.savez(tmp_path / "i.npz", **content, **tests)
    with pytest.raises(InputError, match="has no array 'test_group'"):
        data.load(settings(tmp_path / "i.npz", target=None, group="group"), 0)
    with pytest.raises(InputError, match=r"data\.group names 'scene'; its columns: image, label"):
        data.load(settings(tmp_path / "i.npz", target=None, group="scene"), 0)


def test_pictures_of_a_metadata_file_have_groups_and_keep_them_in_the_cache(tmp_path: Path) -> None:
    stream = np.random.default_rng(0)
    table = ["file_name,kind,scene"] + [f"{row}.png,{'ab'[row % 2]},s{row // 4}" for row in range(24)]
    files: dict[str, Any] = {f"{row}.png": stream.integers(0, 255, (5, 5, 3), dtype=np.uint8) for row in range(24)}
    folder = write_folder(tmp_path / "pictures", files | {"metadata.csv": "\n".join(table)})
    asked = settings(folder, target=None, group="scene", test=8, validation=4)
    with pytest.raises(InputError, match="columns that may be the label"):  # both scene and label are texts
        data.load(asked.model_copy(update={"group": None, "label": None}), 0)
    for found in (data.load(asked, 0), data.load(asked, 0)):  # decoded, then from the cache
        assert [len(one) for one in names_of(found)] == [3, 1, 2]
        assert found.class_names == ("a", "b")
    with pytest.raises(InputError, match=r"train: data.group names 'patient'; its columns: file_name, kind, scene"):
        data.load(settings(folder, target=None), 0)


def test_a_function_gives_groups_as_a_third_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(
        tmp_path / "their_groups.py",
        "import numpy as np\nX, Y = np.zeros((60, 2)), np.arange(60) % 2\n"
        "G = [f'p{row // 3}' for row in range(60)]\n"
        "def load(): return {'train': (X, Y, G)}\n"
        "def short(): return {'train': (X, Y, G[1:])}\n"
        "def one(): return {'train': (X, Y, G), 'test': (X, Y)}\n"
        "def none(): return {'train': (X, Y)}\n",
    )

    def ask(name: str, group: str | None = None) -> Dataset:
        asked = settings(f"their_groups:{name}", target=None, group=group, inputs="tree")
        return data.load(asked, 0)

    try:
        found = ask("load")
        assert [len(one) for one in names_of(found)] == [13, 3, 4]
        assert (found.group_name, ask("load", "patient").group_name) == ("group", "patient")
        for name, message in (("short", "expected a text or a number for each of 60"), ("one", "for 1 of 2 splits")):
            with pytest.raises(InputError, match=message):
                ask(name)
        with pytest.raises(InputError, match="gives groups for 0 of 1 splits"):
            ask("none", "patient")
    finally:
        sys.modules.pop("their_groups", None)


SPLIT = ["train"] * 48 + ["test"] * 12


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (lines([*PATIENTS[:5], "", *PATIENTS[6:]]), {}, r"row 5, column 'patient': the group is missing in 1 rows"),
        (lines(), {"group": "doctor"}, r"data.group names 'doctor'; its columns: a, patient, text, y"),
        (lines(), {"group": "y"}, "data.group and data.target name the same column 'y'"),
        (
            lines([*PATIENTS[:50], "p7", *PATIENTS[51:]], SPLIT),
            {},
            r"'.*t.csv': test, row 2, column 'patient': the group 'p7' is in '.*t.csv': train, too, row 21 \(1 such",
        ),
        (lines(["p" * 200, *PATIENTS[1:]]), {}, "row 0, column 'patient': .* expected at most 128 bytes"),
    ],
)
def test_what_is_wrong_is_named_by_row_and_group(tmp_path: Path, text: str, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        data.load(settings(written(tmp_path / "t.csv", text), leave_out=["text"], **more), 0)


def test_a_test_file_that_lacks_the_column_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "table"
    folder.mkdir()
    written(folder / "train.csv", lines())
    written(folder / "test.csv", lines(patient="doctor"))
    with pytest.raises(InputError, match=r"test lacks the column 'patient'"):
        data.load(settings(folder, leave_out=["text"]), 0)


def test_rows_of_the_ignored_label_leave_their_groups(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", lines([f"p{row % 20}" for row in range(ROWS)]))
    text = path.read_text().splitlines()
    text[1:11] = [line.rsplit(",", 1)[0] + ",maybe" for line in text[1:11]]
    written(path, "\n".join(text))
    found = data.load(settings(path, leave_out=["text"]), 0, task=recipe.Task(ignore="maybe"))
    assert sum(len(split.group) for split in (found.train, found.validation, found.test)) == ROWS - 10


def test_a_split_keeps_the_groups_of_what_is_taken() -> None:
    split = cut(source([f"p{row // 2}" for row in range(100)]), recipe.Data(test=30, validation=20), 0, "x").test
    assert split.first(4).group.tolist() == split.group[:4].tolist()
    assert split.at(torch.tensor([3, 1])).group.tolist() == split.group[[3, 1]].tolist()
    assert split.to("cpu").group is split.group
