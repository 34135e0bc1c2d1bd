"""Each corruption's part of the test images, and the official files, which are read in place."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modescape import rng
from modescape.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from modescape.data.dataset import Split, as_split
from modescape.data.official import OfficialShift
from modescape.data.shift import ALL, Shift, slices
from modescape.data.sources import digits
from modescape.errors import InputError

NAMES = ("fog", "contrast", "gaussian_noise")


def split(examples: int = 10, *, channels: int = 3, size: int = 8) -> Split:
    stream = np.random.default_rng(0)
    image = stream.integers(0, 256, (examples, channels, size, size), dtype=np.uint8)
    return as_split(image, stream.integers(0, 5, examples))


def official_folder(folder: Path, test: Split, names=NAMES) -> Path:
    """Files whose images encode their place in the first pixel: (number of the corruption, severity, example)."""
    folder.mkdir()
    examples, channels, height, width = test.inputs.shape
    for number, name in enumerate(names):
        rows = np.zeros((5 * examples, height, width, channels), dtype=np.uint8)
        rows[:, 0, 0, 0] = number
        rows[:, 0, 1, 0] = np.repeat(SEVERITIES, examples)
        rows[:, 0, 2, 0] = np.tile(np.arange(examples), 5)
        np.save(folder / f"{name}.npy", rows)
    np.save(folder / "labels.npy", np.tile(test.label.numpy(), 5).astype(np.uint8))
    return folder


def given(shift: Shift) -> list[str]:
    """The corruption of each test image."""
    return [
        next(name for name, part in shift.parts.items() if example in part) for example in range(len(shift.test.label))
    ]


# ---- parts ----


@pytest.mark.parametrize("examples", [5, 100, 10_000])
def test_parts_are_disjoint_even_and_whole(examples):
    parts = slices(examples, ALL, 3)
    assert list(parts) == list(CORRUPTIONS)
    assert torch.equal(torch.cat(list(parts.values())).sort().values, torch.arange(examples))
    sizes = {len(part) for part in parts.values()}
    assert max(sizes) - min(sizes) <= 1
    assert all(torch.equal(part, part.sort().values) for part in parts.values())


def test_parts_are_the_seeds_alone():
    one, again, other = (slices(200, NAMES, seed) for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in NAMES)
    assert not all(torch.equal(one[name], other[name]) for name in NAMES)
    shift = Shift.of(split(20), None, 0, NAMES)
    assert shift.corruptions == NAMES
    assert all(torch.equal(shift.parts[name], slices(20, NAMES, 0)[name]) for name in NAMES)


# ---- our own corruptions ----


@pytest.mark.ci
def test_every_image_has_its_own_corruption_in_the_test_splits_order():
    test = split(24, size=32)
    shift = Shift.of(test, None, 7)
    assert shift.corruptions == ALL
    keys = rng.words(torch.tensor(rng.key(7, "corruption")), 24)
    for severity in (1, 4):
        found = shift.images(severity)
        assert found.dtype == torch.uint8
        assert found.stride() == test.inputs.stride()
        for example, name in enumerate(given(shift)):
            one = slice(example, example + 1)
            assert torch.equal(found[one], corrupt(test.inputs[one], name, severity, keys[one]))
    assert torch.equal(shift.images(0), test.inputs)
    assert not torch.equal(Shift.of(test, None, 8).images(1), shift.images(1))


def test_the_noise_is_the_same_at_every_severity():
    grey = Split(torch.full((4, 1, 32, 32), 128, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    shift = Shift.of(grey, None, 0, ["gaussian_noise"])
    low, high = ((shift.images(severity).double() - 128).flatten() for severity in (1, 5))
    assert torch.corrcoef(torch.stack([low, high]))[0, 1] > 0.99


def test_digits_can_be_shifted():
    found = Shift.of(split(60, channels=1), None, 0)
    assert len({found.images(severity).numpy().tobytes() for severity in (0, *SEVERITIES)}) == 6


# ---- corruptions without effect ----


def digits_split(examples: int = 400) -> Split:
    found = digits()
    return as_split(found.inputs[:examples], found.label[:examples])


def test_on_grey_images_of_eight_pixels_five_corruptions_are_left_out():
    """These have no effect on digits: at some severities, no value changes by more than rounding to a level."""
    test = digits_split()
    shift = Shift.of(test, None, 0)
    left_out = {"defocus_blur": "1-5", "motion_blur": "1", "zoom_blur": "1", "gaussian_blur": "1-5", "saturate": "1-5"}
    assert shift.effect.lacking() == ", ".join(f"{name} ({which})" for name, which in left_out.items())
    assert shift.corruptions == tuple(name for name in ALL if name not in left_out)
    assert torch.cat(list(shift.parts.values())).sort().values.equal(torch.arange(400))
    for severity in SEVERITIES:
        moved = (shift.images(severity).int() - test.inputs).abs()
        assert all((moved[part] > 1).double().mean() >= 1e-3 for part in shift.parts.values())
    assert shift.effect.images == 400
    assert (shift.effect.change[ALL.index("gaussian_blur")] < 0.5).all()


@pytest.mark.ci
def test_on_colour_images_of_32_pixels_every_corruption_has_an_effect():
    shift = Shift.of(split(30, size=32), None, 0)
    assert (shift.corruptions, shift.effect.lacking()) == (ALL, "")
    assert all(torch.equal(part, slices(30, ALL, 0)[name]) for name, part in shift.parts.items())


def test_the_effect_is_the_mean_change_of_the_same_images():
    test = split(12, size=16)
    keys = rng.words(torch.tensor(rng.key(3, "corruption")), 12)
    effect = Shift.of(test, None, 3, NAMES).effect
    assert effect.images == 12
    for name, row, share in zip(NAMES, effect.change, effect.share, strict=True):
        for severity in SEVERITIES:
            moved = (corrupt(test.inputs, name, severity, keys).double() - test.inputs).abs()
            assert row[severity - 1] == pytest.approx(float(moved.mean()))
            assert share[severity - 1] == pytest.approx(float((moved > 1).double().mean()))


def test_many_images_are_looked_at_in_part():
    large = Split(torch.zeros(20, 3, 256, 256, dtype=torch.uint8), torch.zeros(20, dtype=torch.int64))
    assert Shift.of(large, None, 0, ["brightness"]).effect.images == 16


def test_grey_colours_are_left_unsaturated():
    """The published formula turns three equal channels red, only at severities 4 and 5."""
    grey = split(20, channels=1, size=32)
    equal = Split(grey.inputs.expand(-1, 3, -1, -1), grey.label)
    assert Shift.of(equal, None, 0, ["fog", "saturate"]).effect.lacking() == "saturate (1-3)"
    with pytest.raises(
        InputError, match=r"no corruption changes these test images at every severity \(saturate \(1-3\)\)"
    ):
        Shift.of(equal, None, 0, ["saturate"])


def test_an_official_file_of_clean_images_is_left_out(tmp_path):
    test = split()
    folder = official_folder(tmp_path / "official", test)
    clean = test.inputs.movedim(1, -1).numpy()
    np.save(folder / "fog.npy", np.tile(clean, (5, 1, 1, 1)))
    shift = Shift.of(test, str(folder), 0, NAMES)
    assert (shift.corruptions, shift.effect.lacking()) == (NAMES[1:], "fog (1-5)")


# ---- photographs of frost ----


def test_photographs_of_a_folder_are_the_frost(tmp_path):
    Image.fromarray(np.full((200, 220, 3), 200, np.uint8)).save(tmp_path / "a.png")
    test = split(12, size=32)
    shift = Shift.of(test, None, 0, ["frost"], frost=str(tmp_path))
    assert shift.made.source == f"our corruptions, frost from {tmp_path.name}"
    assert torch.equal(shift.images(3), (0.9 * test.inputs.double() + 80 + 1e-4).clamp(0, 255).to(torch.uint8))
    assert Shift.of(test, None, 0, ["frost"]).made.source == "our corruptions"


# ---- official files ----


def test_official_files_are_read_by_severity_and_example(tmp_path):
    test = split()
    shift = Shift.of(test, str(official_folder(tmp_path / "official", test)), 0, NAMES)
    for severity in SEVERITIES:
        found = shift.images(severity)
        assert found[:, 0, 0, 0].tolist() == [NAMES.index(name) for name in given(shift)]
        assert (found[:, 0, 0, 1] == severity).all()
        assert torch.equal(found[:, 0, 0, 2].long(), torch.arange(10))
    assert torch.equal(shift.images(0), test.inputs)
    ours = Shift.of(test, None, 0, NAMES)
    assert given(ours) == given(shift)


def test_official_files_are_mapped_not_read(tmp_path):
    test = split()
    official = OfficialShift.open(official_folder(tmp_path / "official", test), test, NAMES)
    assert isinstance(official._rows("fog"), np.memmap)
    found = official.images("fog", 2, torch.tensor([3, 1]))
    assert found[:, 0, 0, 2].tolist() == [3, 1]
    found.zero_()  # a copy: the file is not changed
    assert official.images("fog", 2, torch.tensor([3]))[0, 0, 0, 1] == 2


def spoil(folder: Path, name: str, change) -> None:
    path = folder / f"{name}.npy"
    np.save(path, change(np.load(path)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], r"uint8 \[49, 8, 8, 3\], expected uint8 \[50, 8, 8, 3\]: 10 test images at 5"),
        (lambda rows: rows.transpose(0, 3, 1, 2), r"uint8 \[50, 3, 8, 8\], expected uint8 \[50, 8, 8, 3\]"),
        (lambda rows: rows.astype(np.float32), r"float32 \[50, 8, 8, 3\], expected uint8"),
    ],
)
def test_a_file_of_another_shape_or_type_is_refused_by_name(tmp_path, change, message):
    test = split()
    folder = official_folder(tmp_path / "official", test)
    spoil(folder, "fog", change)
    with pytest.raises(InputError, match=r"fog.npy' holds " + message):
        Shift.of(test, str(folder), 0, NAMES)
    Shift.of(test, str(folder), 0, ["contrast"])  # where the wrong file is not needed, nothing is refused


@pytest.mark.parametrize("name", ["fog", "labels"])
def test_a_missing_file_is_refused_by_name(tmp_path, name):
    test = split()
    folder = official_folder(tmp_path / "official", test)
    (folder / f"{name}.npy").unlink()
    with pytest.raises(InputError, match=f"{name}.npy' does not exist"):
        Shift.of(test, str(folder), 0, NAMES)


def test_a_damaged_file_and_pickles_are_refused_by_name(tmp_path):
    test = split()
    folder = official_folder(tmp_path / "official", test)
    np.save(folder / "fog.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"cannot read '.*fog.npy'"):
        Shift.of(test, str(folder), 0, NAMES)
    (folder / "fog.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot read '.*fog.npy'"):
        Shift.of(test, str(folder), 0, NAMES)
    with (folder / "fog.npy").open("wb") as file:
        np.savez(file, image=np.zeros(3))
    with pytest.raises(InputError, match=r"cannot read '.*fog.npy' as .npy of plain numbers"):
        Shift.of(test, str(folder), 0, NAMES)


def test_labels_of_another_split_are_refused(tmp_path):
    test = split()
    folder = official_folder(tmp_path / "official", test)
    other = Split(test.inputs, test.label.roll(1))
    with pytest.raises(InputError, match=r"labels.npy': row \d+ is \d and test image \d has label \d \(\d+ such"):
        Shift.of(other, str(folder), 0, NAMES)
    with pytest.raises(InputError, match=r"expected uint8 \[45"):
        Shift.of(Split(test.inputs[:9], test.label[:9]), str(folder), 0, NAMES)


def test_what_else_is_refused(tmp_path):
    test = split()
    with pytest.raises(InputError, match=r"data.shift '.*nowhere' is not a folder"):
        Shift.of(test, str(tmp_path / "nowhere"), 0)
    with pytest.raises(InputError, match="no corruption 'fogg'; did you mean 'fog'"):
        Shift.of(test, None, 0, ["fogg"])
    with pytest.raises(InputError, match="named twice: fog"):
        slices(10, ["fog", "frost", "fog"], 0)
    with pytest.raises(InputError, match="name at least one"):
        slices(10, [], 0)
    with pytest.raises(InputError, match="no severity 6; choose from 0"):
        Shift.of(test, None, 0).images(6)
