"""What is not a classification of images is refused in these words before anything starts."""

import numpy as np
import pytest
from torch import nn

from modescape import data, recipe
from modescape.data import sources
from modescape.errors import InputError, UnsupportedError
from modescape.models import check_output

PICTURES, CLASSES = np.zeros((8, 4, 4), np.uint8), np.arange(8) % 2
WORDS = "modescape takes images of one class each"


@pytest.mark.parametrize(
    ("image", "label", "looks"),
    [
        (np.zeros((8, 30)), CLASSES, r"image is float64 \[8, 30\]: a table of numbers"),
        (np.array(["a sentence"] * 8), CLASSES, "image holds text"),
        (PICTURES, PICTURES, r"label is uint8 \[8, 4, 4\]: a class for each pixel"),
        (PICTURES, np.zeros((8, 3), int), r"label is int64 \[8, 3\]: several numbers per picture"),
    ],
)
def test_arrays_of_another_kind(tmp_path, image, label, looks):
    np.savez(tmp_path / "other.npz", image=image, label=label)
    with pytest.raises(UnsupportedError, match=f"'.*other.npz': {looks}\n{WORDS}"):
        data.load(recipe.Data(source=str(tmp_path / "other.npz")), 0)


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("height,width\n" + "1.5,2\n" * 8, r"no column of images: height \(double\), .* looks like a table"),
        (
            "review,stars\n" + "good,1\n" * 8,
            r"no column of images: review \(\w+\), .* looks like text; .*data\.image=COLUMN",
        ),
    ],
)
def test_columns_of_another_kind(tmp_path, text, looks):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "train.csv").write_text(text)
    with pytest.raises(UnsupportedError, match=f"{looks}\n{WORDS}"):
        data.load(recipe.Data(source=str(tmp_path / "other")), 0)


def test_numbers_beside_pictures_are_a_regression(tmp_path):
    import datasets

    from .picture_files import encode, write_parquet

    cells = [{"bytes": encode(np.full((4, 4), at, np.uint8)), "path": None} for at in range(8)]
    features = datasets.Features({"picture": datasets.Image(), "age": datasets.Value("float32")})
    (tmp_path / "other").mkdir()
    write_parquet({"picture": cells, "age": [0.5] * 8}, features, tmp_path / "other" / "train.parquet")
    with pytest.raises(UnsupportedError, match=f"the label 'age' is float: a regression\n{WORDS}"):
        data.load(recipe.Data(source=str(tmp_path / "other")), 0)


@pytest.mark.parametrize("kind", [float, bool, "column"])
def test_whole_numbers_of_any_type_are_classes(tmp_path, kind):
    image = np.arange(len(CLASSES), dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    label = (CLASSES % 2)[:, None] if kind == "column" else (CLASSES % 2).astype(kind)
    np.savez(tmp_path / "whole.npz", image=image, label=label)
    assert sources.npz(tmp_path / "whole.npz").label.tolist() == (CLASSES % 2).tolist()


def test_a_network_that_segments():
    with pytest.raises(UnsupportedError, match=rf"a class for each pixel: \[2, 3, 4, 4\].*\n{WORDS}"):
        check_output(nn.Conv2d(1, 3, 3, padding=1), (1, 4, 4), 3)


def test_the_word_digits_means_the_digits(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(data.load(recipe.Data(source="digits"), 0).class_names) == 10
    with pytest.raises(InputError, match=r"'./digits' holds no pictures"):
        data.load(recipe.Data(source="./digits"), 0)
