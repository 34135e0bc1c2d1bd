"""Numbers beside pictures: a table of paths and numeric targets is a regression."""

import re

import numpy as np
import pytest

from modescape import data, recipe
from modescape.data import sources
from modescape.errors import InputError

from .picture_files import encode

AGES = [0.5, -1.25, 3.0, 4.75, 10.0, 1e3, 7.5, 8.125, 9.0, 2.5, 6.0, 5.5]
TASK = recipe.Task(kind="regression", unit="years")


def table(folder, ages=AGES, header="file,age,site", more=",1"):
    """A CSV of paths and two columns of numbers, with pictures whose grey level is their row."""
    folder.mkdir()
    for row in range(len(ages)):
        (folder / f"{row}.png").write_bytes(encode(np.full((4, 5), 10 * row, np.uint8)))
    lines = [header, *(f"{row}.png,{age}{more}" for row, age in enumerate(ages))]
    path = folder / "ages.csv"
    path.write_text("\n".join(lines))
    return path


def settings(path, **more):
    return recipe.Data(source=str(path), test=4, validation=2, **more)


def test_targets_stay_with_their_pictures(tmp_path):
    path = table(tmp_path / "faces")
    for _ in range(2):  # decoded, then from the cache
        found = data.load(settings(path, label="age"), 0, task=TASK)
        assert found.task.kind == "regression"
        assert found.task.names == ("age",)
        assert found.task.unit == "years"
        seen = 0
        for split in (found.train, found.validation, found.test):
            for image, target in zip(split.images, split.label, strict=True):
                assert float(target[0]) == AGES[int(image.max()) // 10]
                seen += 1
        assert seen == len(AGES)


def test_the_only_column_of_numbers_is_the_target(tmp_path):
    path = table(tmp_path / "faces", header="file,age", more="")
    assert sources.pictures(settings(path), None, TASK).class_names == ("age",)
    rows = [f"{path.parent / f'{row}.png'}\t{age}" for row, age in enumerate(AGES)]
    other = tmp_path / "faces" / "ages.tsv"
    other.write_text("\n".join(["file\tage", *rows]))
    np.testing.assert_array_equal(sources.pictures(settings(other), None, TASK).label[:, 0], AGES)


def test_classes_of_whole_numbers_are_cached_apart_from_numbers(tmp_path):
    path = table(tmp_path / "faces", ages=[0, 1] * 6, header="file,age", more="")
    assert data.load(settings(path), 0).task.kind == "classification"
    assert data.load(settings(path), 0, task=TASK).task.kind == "regression"


@pytest.mark.parametrize(
    ("ages", "more", "label", "sentence"),
    [
        (AGES, ",1", None, "has 2 columns of numbers (file, age, site); name the target with --set data.label=COLUMN"),
        (AGES, ",1", "weight", "has no column 'weight'; its columns: file, age, site"),
        ([*AGES, ""], ",1", "age", "12.png': the target 'age' is missing; leave such rows out"),
        ([*AGES, "old"], ",1", "age", "12.png': the target 'age' is 'old', not a finite number; leave such rows out"),
        ([*AGES, "nan"], ",1", "age", "the target 'age' is 'nan', not a finite number; leave such rows out"),
        ([3.0] * 12, ",1", "age", "the target 'age' is 3 in all 6 training examples"),
    ],
)
def test_bad_targets_are_refused_by_their_picture(tmp_path, ages, more, label, sentence):
    path = table(tmp_path / "faces", ages, more=more)
    with pytest.raises(InputError, match=re.escape(sentence)):
        data.load(settings(path, label=label), 0, task=TASK)
