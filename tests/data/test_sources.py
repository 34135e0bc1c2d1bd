"""Every kind of source gives the pixels that were put in; bad data is refused by name, split and row."""

import io
import logging
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from modescape import data, recipe
from modescape.data import columns, hub, sources
from modescape.data.cache import fingerprint
from modescape.data.decode import decode_image
from modescape.errors import InputError

from .picture_files import encode, picture_rows, write_folder, write_parquet

CIFAR = Path(__file__).parents[2].parent / "shared" / "data" / "cifar10"


def settings(source: Path | str, **values) -> recipe.Data:
    return recipe.Data(source=str(source), **values)


def test_digits_are_scikit_learns_in_0_to_255():
    from sklearn.datasets import load_digits

    source = sources.digits()
    assert source.inputs.shape == (1797, 1, 8, 8)
    assert source.class_names == tuple("0123456789")
    expected = [[int(np.floor(v * 255 / 16 + 0.5)) for v in row] for row in load_digits().data]
    # v = 8 gives 127.5, which rounds to 128 both half-to-even and half-up: no ambiguous value
    assert source.inputs.reshape(1797, 64).tolist() == expected
    assert source.label.tolist() == load_digits().target.tolist()


def test_digits_are_cut_into_300_200_1297():
    dataset = data.load(recipe.Data(source="digits", validation=200, test=1297), seed=0)
    assert [len(split.label) for split in (dataset.train, dataset.validation, dataset.test)] == [300, 200, 1297]
    assert dataset.train.inputs.shape[1:] == (1, 8, 8)
    assert dataset.num_classes == 10
    assert (dataset.train.inputs.dtype, dataset.train.label.dtype) == (torch.uint8, torch.int64)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("test_name", ["test", "validation", None])
def test_a_hub_folder_gives_back_its_pixels(hub_folder, channels, test_name):
    train, test = picture_rows(11, channels=channels), picture_rows(5, channels=channels, seed=1)
    folder = hub_folder(train=train, **({test_name: test} if test_name else {}))
    calls = []
    source = sources.pictures(settings(folder), lambda done, total: calls.append((done, total)))
    for image, label, (pixels, labels) in (
        (source.inputs, source.label, train),
        *([(source.test_inputs, source.test_label, test)] if test_name else []),
    ):
        expected = np.stack(pixels)[:, None] if channels == 1 else np.stack(pixels).transpose(0, 3, 1, 2)
        assert np.array_equal(image, expected)
        assert label.tolist() == labels
    assert (source.test_inputs is None) == (test_name is None)
    assert source.class_names == ("cat", "dog", "eel")
    assert calls[-1] == ((16, 16) if test_name else (11, 11))


def test_a_test_split_is_preferred_to_a_validation_split(hub_folder):
    folder = hub_folder(train=picture_rows(6), validation=picture_rows(4), test=picture_rows(5))
    test_image = sources.pictures(settings(folder)).test_inputs
    assert test_image is not None
    assert len(test_image) == 5


def test_grey_and_colour_together_become_colour(hub_folder):
    (grey, *_), _ = picture_rows(1, channels=1)
    (colour, *_), _ = picture_rows(1)
    image = sources.pictures(settings(hub_folder(train=([grey, colour], [0, 1])))).inputs
    assert np.array_equal(image[0], np.stack([grey] * 3))
    assert np.array_equal(image[1], colour.transpose(2, 0, 1))
    both = sources.pictures(settings(hub_folder("apart", train=([grey], [0]), test=([colour], [1]))))
    assert both.inputs.shape == (1, 3, 6, 6)


def test_an_image_folder_is_read_too(tmp_path):
    for kind in ("cat", "dog"):
        (tmp_path / "tree" / "train" / kind).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((4, 4), 10 * number + (kind == "dog"), np.uint8)
            (tmp_path / "tree" / "train" / kind / f"{number}.png").write_bytes(encode(pixels))
    source = sources.pictures(settings(tmp_path / "tree"))
    assert source.class_names == ("cat", "dog")
    assert sorted(source.inputs[source.label == 1, 0, 0, 0].tolist()) == [1, 11, 21]


def test_a_single_integer_column_is_the_label(hub_folder):
    source = sources.pictures(settings(hub_folder(class_names=None, train=picture_rows(7))))
    assert source.class_names == ("0", "1", "2")
    assert source.label.tolist() == [0, 1, 2, 0, 1, 2, 0]


def two_of_each(folder: Path) -> Path:
    import datasets

    image, label = datasets.Image(), datasets.ClassLabel(names=["a", "b"])
    features = datasets.Features({"left": image, "right": image, "fine": label, "coarse": label})
    first, second = ({"bytes": encode(np.full((2, 2), value, np.uint8)), "path": None} for value in (3, 4))
    folder.joinpath("data").mkdir(parents=True)
    table = {"left": [first] * 2, "right": [second] * 2, "fine": [0, 1], "coarse": [1, 0]}
    write_parquet(table, features, folder / "data" / "train-00000-of-00001.parquet")
    return folder


def test_ambiguous_columns_are_listed_and_can_be_named(tmp_path):
    folder = two_of_each(tmp_path / "two")
    with pytest.raises(InputError, match=r"2 columns that may be the image \(left, right, fine, coarse\).*data\.image"):
        sources.pictures(settings(folder))
    with pytest.raises(InputError, match=r"2 columns that may be the label .*data\.label"):
        sources.pictures(settings(folder, image="left"))
    with pytest.raises(InputError, match="no column 'lable'; its columns: left, right, fine, coarse"):
        sources.pictures(settings(folder, image="left", label="lable"))
    with pytest.raises(InputError, match=r"column 'fine' .* holds no images"):
        sources.pictures(settings(folder, image="fine", label="coarse"))
    source = sources.pictures(settings(folder, image="right", label="coarse"))
    assert (source.inputs.ravel()[0], source.label.tolist()) == (4, [1, 0])


def test_a_folder_without_images_or_without_train_is_refused(tmp_path, hub_folder):
    (tmp_path / "bare").mkdir()
    with pytest.raises(InputError, match=r"holds no pictures .* it is empty"):
        data.load(settings(tmp_path / "bare"), 0)
    with pytest.raises(InputError, match=r"has splits \['test'\], expected one named 'train'"):
        data.load(settings(hub_folder(test=picture_rows(4))), 0)
    with pytest.raises(InputError, match="cannot be read"):
        data.load(settings(hub_folder("config", train=picture_rows(4)), config="no-such"), 0)


def deep_tiff() -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.zeros((6, 6), np.float32)).save(buffer, format="TIFF")
    return buffer.getvalue()


def spoil(name: str) -> tuple[list, list[int]]:
    images, labels = picture_rows(9)
    if name == "corrupt":
        images[4] = encode(images[4])[:-40]
    elif name == "size":
        images[6] = images[6][:5, :5]
    elif name == "deep":
        images[2] = deep_tiff()
    elif name == "label":
        labels[5] = 3
    return images, labels


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("corrupt", "{split}, row 4: the image cannot be decoded"),
        ("size", "{split}, row 6 has 5x5 pixels and .*{split}, row 0 6x6 .*\n.*--set data.size="),
        ("deep", "{split}, row 2: .*expected 8 bits"),
        ("label", "{split}, row 5: the label is 3, expected 0 to 2"),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_bad_rows_of_a_hub_folder_are_named(hub_folder, name, message, split):
    other = "test" if split == "train" else "train"
    with pytest.raises(InputError, match=message.format(split=split)):
        data.load(settings(hub_folder(**{split: spoil(name), other: picture_rows(4)})), 0)


def test_an_empty_split_and_a_missing_label_are_refused(hub_folder):
    with pytest.raises(InputError, match=r"data/test-00000-of-00001\.parquet is empty"):
        data.load(settings(hub_folder(train=picture_rows(5), test=([], []))), 0)
    images, _ = picture_rows(3)
    with pytest.raises(InputError, match=r"train, row 1: the label is missing, expected 0 to 2"):
        data.load(settings(hub_folder("unlabelled", train=(images, [0, None, 1]))), 0)


def write_npz(path: Path, **arrays) -> Path:
    values = {"image": np.zeros((8, 4, 4), np.uint8), "label": np.arange(8) % 2, **arrays}
    np.savez(path, **{name: value for name, value in values.items() if value is not None})
    return path


@pytest.mark.parametrize(
    ("shape", "channels"), [((12, 5, 5), 1), ((12, 5, 5, 1), 1), ((12, 5, 5, 3), 3), ((3, 3, 3, 3), 3)]
)
def test_npz_gives_back_its_pixels(tmp_path, shape, channels):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    label = np.arange(shape[0], dtype=np.uint8) % 3
    names = np.array(["x", "y", "z"])
    test = {"test_image": image[:2], "test_label": label[:2]}
    source = sources.npz(write_npz(tmp_path / "a.npz", image=image, label=label, class_names=names, **test))
    assert source.inputs.shape == (shape[0], channels, *shape[1:3])
    for row in range(shape[0]):
        for i in range(shape[1]):
            assert source.inputs[row, :, i, 1].tolist() == np.atleast_1d(image[row, i, 1]).tolist()
    assert (source.label.tolist(), source.class_names) == (label.tolist(), ("x", "y", "z"))
    assert source.test_inputs is not None
    assert np.array_equal(source.test_inputs, source.inputs[:2])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"label": None}, "missing .*label"),
        ({"image": np.zeros((8, 4, 4))}, "images are float64 .* expected uint8"),
        ({"image": np.zeros((8, 4, 4, 2), np.uint8)}, "expected uint8"),
        ({"image": np.zeros((8, 4, 5), np.uint8)}, "all 5 training pictures are the same .*data.background"),
        ({"image": np.zeros((0, 4, 4), np.uint8), "label": np.zeros(0, int), "class_names": ["a", "b"]}, "is empty"),
        ({"label": np.arange(7)}, "expected 8 integers"),
        (
            {"label": np.array([0, 1, 0, 1, -1, 0, 0, -2])},
            "train: the label of row 4 is -1, expected 0 to 1; 2 such rows",
        ),
        ({"class_names": ["a", "b"], "label": np.array([0, 1, 2, 0, 0, 0, 0, 0])}, "row 2 is 2"),
        ({"label": np.zeros(8, int)}, "1 class; classification needs at least 2"),
        ({"label": np.arange(8) * 10**12}, "the highest label is 7000000000000"),
        ({"test_image": np.zeros((2, 4, 4), np.uint8)}, "only one of 'test_image' and 'test_label'"),
        ({"test_image": np.zeros((2, 5, 5), np.uint8), "test_label": [0, 1]}, "make them equal"),
        ({"label": np.array([object()] * 8)}, "plain arrays"),
    ],
)
def test_bad_npz_is_refused(tmp_path, arrays, message):
    with pytest.raises(InputError, match=message):
        data.load(settings(write_npz(tmp_path / "bad.npz", **arrays)), 0)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "npy"])
def test_a_damaged_npz_is_refused(tmp_path, damage):
    path = tmp_path / "damaged.npz"
    np.savez_compressed(
        path, image=np.random.default_rng(0).integers(0, 256, (8, 16, 16), dtype=np.uint8), label=[0] * 8
    )
    content = bytearray(path.read_bytes())
    content[600:640] = bytes(value ^ 0xFF for value in content[600:640])
    changed = {"cut": bytes(content[: len(content) // 2]), "flipped": bytes(content), "empty": b""}
    if damage == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        path.write_bytes(changed[damage])
    with pytest.raises(InputError, match="cannot read"):
        data.load(settings(path), 0)


def test_other_files_and_missing_files_are_refused(tmp_path):
    (tmp_path / "a.doc").write_text("1")
    with pytest.raises(InputError, match=r"is a file of an unknown kind; expected \.npz, \.csv"):
        data.load(settings(tmp_path / "a.doc"), 0)
    for name in ("a.npz", "a.csv", "a.parquet"):
        with pytest.raises(InputError, match="does not exist"):
            data.load(settings(tmp_path / name), 0)


def test_a_dataset_that_is_nowhere_is_refused_quickly_and_quietly(monkeypatch, capfd):
    """The libraries read HF_HUB_OFFLINE when imported, which may have happened already: so their flag is patched."""
    from datasets import config
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # no network, whoever runs this
    level = logging.getLogger("datasets").level
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"'nobody/nothing' is neither .* nor .* hub \(HF_HUB_OFFLINE is set\)"):
        data.load(settings("nobody/nothing"), 0)
    assert time.perf_counter() - started < 10
    assert capfd.readouterr() == ("", "")
    assert (config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE) == (False, True)  # restored
    assert logging.getLogger("datasets").level == level


def test_an_unreachable_hub_is_asked_once(monkeypatch):
    """Without the check beforehand, the library retries six times, for 23 s."""
    import huggingface_hub

    asked = []

    class Hub:
        def dataset_info(self, name, timeout):
            asked.append((name, timeout))
            raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)  # no network, whoever runs this
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"cannot be reached: no route\)\nCheck the name and the network"):
        data.load(settings("nobody/nothing"), 0)
    assert asked == [("nobody/nothing", hub.HUB_TIMEOUT)]
    assert time.perf_counter() - started < 10


def test_a_fingerprint_is_of_the_content_not_of_the_format(hub_folder, tmp_path):
    (images, labels), (test_images, test_labels) = picture_rows(8), picture_rows(4, seed=1)
    folder = hub_folder(train=(images, labels), test=(test_images, test_labels))
    arrays = {"image": np.stack(images), "label": np.array(labels, np.int16), "class_names": ["cat", "dog", "eel"]}
    arrays |= {"test_image": np.stack(test_images), "test_label": test_labels}
    by_folder = fingerprint(sources.pictures(settings(folder)))
    assert by_folder == fingerprint(sources.npz(write_npz(tmp_path / "same.npz", **arrays)))
    for name in ("image", "test_image", "label"):
        changed = np.array(arrays[name])
        changed.flat[0] ^= 1
        assert by_folder != fingerprint(sources.npz(write_npz(tmp_path / "other.npz", **{**arrays, name: changed})))
    other_names = {**arrays, "class_names": ["cat", "dog", "emu"]}
    assert by_folder != fingerprint(sources.npz(write_npz(tmp_path / "other.npz", **other_names)))


@pytest.mark.skipif(not CIFAR.is_dir(), reason="CIFAR-10 is not at hand")
def test_cifar_is_found_as_the_hub_lays_it_out():
    given = settings(CIFAR)
    with hub.opened(given) as parts:
        assert {part.name: len(part) for part in parts} == {"train": 50_000, "test": 10_000}
        assert columns.settled(parts[0], given) == ("img", "label")
        cells = parts[1].cells("img", [0, 7, 9_999])
        assert [decode_image(cell, where).shape for cell, where in cells] == [(32, 32, 3)] * 3


BROKEN = {"cut off": lambda cell: cell[:-40], "empty": lambda cell: b"", "no picture": lambda cell: b"junk" * 9}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_pictures_are_named_and_left_out_on_request(tmp_path, kind):
    images, labels = picture_rows(12)
    files = {
        f"{'abc'[label]}/{row}.png": encode(image)
        for row, (image, label) in enumerate(zip(images, labels, strict=True))
    }
    broken = ("a/0.png", "b/4.png")
    folder = write_folder(tmp_path / "set", files | {name: BROKEN[kind](files[name]) for name in broken})
    with pytest.raises(InputError, match=r"set/a/0\.png': the image cannot be decoded .*\n.*data\.skip_broken=true"):
        data.load(settings(folder), 0)
    for _ in range(2):  # decoded, and from the cache
        found = data.load(settings(folder, skip_broken=True, test=2, validation=2), 0)
        assert found.notes[0] == f"2 broken pictures were left out ('{folder / broken[0]}', '{folder / broken[1]}')."
        parts = (found.train, found.validation, found.test)
        left = {
            image.numpy().tobytes(): int(label)
            for part in parts
            for image, label in zip(part.inputs, part.label, strict=True)
        }
        whole = [row for row in range(12) if row not in (0, 4)]
        assert left == {images[row].transpose(2, 0, 1).tobytes(): labels[row] for row in whole}


def test_nothing_but_broken_pictures_is_refused(tmp_path):
    folder = write_folder(tmp_path / "set", {f"{kind}/{number}.png": b"junk" for kind in "ab" for number in range(3)})
    with pytest.raises(InputError, match="train holds no picture that can be read"):
        data.load(settings(folder, skip_broken=True), 0)


def test_a_broken_row_of_the_hubs_layout_is_left_out_with_its_label(hub_folder):
    images, labels = spoil("corrupt")
    source = sources.pictures(settings(hub_folder(train=(images, labels)), skip_broken=True))
    assert source.label.tolist() == labels[:4] + labels[5:]
    assert "1 broken picture was left out (" in source.notes[0]
    assert "train, row 4)." in source.notes[0]


def test_pictures_that_together_exceed_the_memory_are_refused_at_the_first(tmp_path, monkeypatch):
    monkeypatch.setattr("modescape.data.sources.total_memory", lambda: 1_000)  # a machine with little memory
    folder = write_folder(tmp_path / "set", {f"{'ab'[n % 2]}/{n}.png": np.full((9, 9), n, np.uint8) for n in range(20)})
    with pytest.raises(InputError, match=r"20 pictures of 9x9 pixels \(as .*a/0\.png'\) take .* make them smaller"):
        data.load(settings(folder), 0)


def test_hidden_test_labels_of_arrays_are_no_test_split(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (8, 4, 4), dtype=np.uint8)
    path = write_npz(tmp_path / "a.npz", image=image, label=np.arange(8) % 2, test_image=image, test_label=[-1] * 8)
    found = data.load(settings(path.rename(tmp_path / "a.NPZ")), 0)
    assert len(found.train.label) + len(found.validation.label) + len(found.test.label) == 8
    assert found.notes[:2] == (
        "The labels of the source's test split are hidden (-1 or missing): it was not used.",
        "The test images are a share of the training images (data.test).",
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"class_names": ["a", "a", "b"]}, "two classes are named 'a'"),
        ({"image": np.zeros((8, 0, 4), np.uint8)}, "have no pixels"),
        ({"label": np.arange(8) % 2 - 1}, "the label of row 0 is -1, expected 0 or more"),
        ({"label": np.array(["cat", "dog"] * 4)}, "number the classes from 0"),
    ],
)
def test_arrays_that_would_be_misread_are_refused(tmp_path, arrays, message):
    with pytest.raises(InputError, match=message):
        data.load(settings(write_npz(tmp_path / "bad.npz", **arrays)), 0)
