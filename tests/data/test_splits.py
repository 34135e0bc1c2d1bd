"""Three disjoint splits, the same for every member, which depend on the seed alone."""

import numpy as np
import pytest
import torch

from modescape import recipe, rng
from modescape.data.dataset import Source
from modescape.data.splits import cut
from modescape.errors import InputError


def numbered(count: int = 100, test: int = 0) -> Source:
    """A source whose images encode their row, 100 + row in the test split."""
    image = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 2, 2), np.uint8)
    test_image = image[:test] + np.uint8(100) if test else None
    test_label = np.arange(test) % 2 if test else None
    return Source(image, np.arange(count) % 2, test_image, test_label, ("even", "odd"))


def rows(source: Source, seed: int = 0, **values) -> list[list[int]]:
    dataset = cut(source, recipe.Data(**values), seed, "fingerprint")
    parts = (dataset.train, dataset.validation, dataset.test)
    for part in parts:
        assert torch.equal(part.label, part.inputs[:, 0, 0, 0].long() % 2)  # labels stay with their images
    return [part.inputs[:, 0, 0, 0].tolist() for part in parts]


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        ({"test": 30, "validation": 20}, (50, 20, 30)),
        ({"test": 0.3, "validation": 0.5}, (35, 35, 30)),  # validation is a share of what remains after the test split
        ({"test": 30, "validation": 20, "train": 7}, (7, 20, 30)),
        ({"test": 30, "validation": 20, "train": 50}, (50, 20, 30)),
        ({"test": 30, "validation": 20, "train": 0.1}, (5, 20, 30)),
    ],
)
def test_splits_are_disjoint_and_of_the_size_asked_for(values, sizes):
    parts = rows(numbered(), **values)
    assert tuple(len(part) for part in parts) == sizes
    together = [row for part in parts for row in part]
    assert len(set(together)) == len(together)
    order = rng.permutation(torch.tensor(rng.key(0, "split")), 100).tolist()
    assert parts[2] + parts[1] + parts[0] == order[: len(together)]


def test_a_sources_own_test_split_stays_whole():
    train, validation, test = rows(numbered(test=10), validation=0.25, test=0.9)
    assert test == list(range(100, 110))
    assert sorted(train + validation) == list(range(100))
    assert len(validation) == 25


def test_the_cut_is_the_seeds_alone():
    asked = {"test": 30, "validation": 20}
    assert rows(numbered(), **asked) == rows(numbered(), **asked)
    assert rows(numbered(), **asked) != rows(numbered(), 1, **asked)
    fewer = rows(numbered(), **asked, train=7)
    assert fewer[1:] == rows(numbered(), **asked)[1:]
    assert fewer[0] == rows(numbered(), **asked)[0][:7]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"test": 100}, r"data\.test asks for 100 images, and 100 of 100 are available"),
        ({"test": 30, "validation": 70}, r"data\.validation asks for 70 images, and 70 of 100"),
        ({"test": 30, "validation": 20, "train": 51}, r"data\.train asks for 51 images and 50 of 100"),
    ],
)
def test_asking_for_too_much_is_refused_with_the_numbers(values, message):
    with pytest.raises(InputError, match=message):
        rows(numbered(), **values)


def labelled(train: list[int], test: list[int] | None = None, names: tuple[str, ...] = ("a", "b", "c")) -> Source:
    """A source with these labels and distinct pictures."""
    image = np.arange(len(train), dtype=np.uint8)[:, None, None, None].repeat(4, 3)
    other = None if test is None else np.zeros((len(test), 1, 1, 4), np.uint8)
    return Source(image, np.array(train), other, None if test is None else np.array(test), names)


@pytest.mark.parametrize(
    ("source", "note"),
    [
        (labelled([0, 1, 2] * 9, [0, 1]), None),
        (labelled([0, 1] * 9, [0, 2, 2]), "belongs to the class c; 2 of 3 test pictures do, and can only be errors."),
        (labelled([1, 2] * 9, [1, 2]), "belongs to the class a."),  # numbered from 1 where classes have no names
        (labelled([0, 1] * 9, [0], tuple("abcdefgh")), "belongs to 6 of the 8 classes: c, d, e, f, g and others."),
    ],
)
def test_classes_without_a_training_picture_are_said(source, note):
    notes = cut(source, recipe.Data(validation=1), 0, "fingerprint").notes
    assert notes == (() if note is None else (f"No training picture {note}",))


@pytest.mark.parametrize(
    ("source", "values", "message"),
    [
        (labelled([0] * 9, [0, 1]), {}, r"all training pictures \(8\) belong to the class 'a'"),
        (labelled([0, 1] * 9), {"train": 1}, r"all training pictures \(1\) belong to the class .* larger data.train"),
        (labelled([0, 1] * 9, [2, 2]), {}, "no test picture belongs to a class in the training split .* such as c"),
    ],
)
def test_splits_that_no_network_could_learn_from_are_refused(source, values, message):
    with pytest.raises(InputError, match=message):
        cut(source, recipe.Data(validation=1, **values), 0, "fingerprint")
