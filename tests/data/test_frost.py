"""Frost: our texture against moments of the authors' photographs, and a user's photographs used as theirs are."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from shared_data import shared_data  # noqa: F401 - a fixture

from modescape import rng
from modescape.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt, weather
from modescape.data.corruptions.operations import luma
from modescape.data.corruptions.photographs import Photographs, shrunk
from modescape.errors import InputError

# The published function with the published photographs on the 10,000 test images of CIFAR-10 (JPEG copy, mean level
# 121.5), seed 0: mean absolute change, and growth of the mean level, at each severity
CHANGE = (30.5, 44.9, 49.5, 44.7, 43.3)
GROWTH = (30.5, 44.9, 49.4, 44.3, 41.3)


def keys(count: int, seed: int = 0) -> torch.Tensor:
    return rng.words(torch.tensor(rng.key(seed, "test")), count)


def photographs_of_things(count: int) -> torch.Tensor:
    """Blurred blobs of mean level 122 and standard deviation 63, as CIFAR-10's: uint8 [example, 3, 32, 32]."""
    stream = np.random.default_rng(0)
    coarse = torch.from_numpy(stream.normal(122, 45, (count, 1, 1, 1)) + stream.normal(0, 62, (count, 3, 5, 5)))
    fine = torch.nn.functional.interpolate(coarse, (32, 32), mode="bicubic").clamp(0, 255)
    return (fine - fine.mean() + 122).clamp(0, 255).to(torch.uint8)


def assert_moments(images: torch.Tensor, within: float) -> None:
    own = keys(len(images))
    for severity, change, growth in zip(SEVERITIES, CHANGE, GROWTH, strict=True):
        moved = corrupt(images, "frost", severity, own).double() - images
        assert abs(moved.abs().mean() - change) < within, severity
        assert abs(moved.mean() - growth) < within, severity


# ---- our own texture ----


@pytest.mark.parametrize(("count", "within"), [(175, 4), pytest.param(700, 2, marks=pytest.mark.ci)])
def test_frost_has_the_photographs_moments(count, within):
    """Four standard errors of 700 images' frost (17 levels at severity 5) are 2 levels."""
    images = photographs_of_things(count)
    assert abs(images.double().mean() - 122) < 1
    assert abs(images.double().std() - 63) < 3
    assert_moments(images, within)


@pytest.mark.long
def test_frost_has_the_photographs_moments_on_cifar10(shared_data):  # noqa: F811
    pytest.importorskip("pyarrow")
    from modescape import data, recipe

    dataset = data.load(recipe.Data(source=str(shared_data / "cifar10"), train=100, validation=100), 0)
    assert_moments(dataset.test.inputs, within=1)


@pytest.mark.parametrize("size", [8, 32, 64])
def test_the_texture_has_the_photographs_brightness_and_grain(size):
    """Standard deviation within a crop: 23.5 levels; correlation of pixels a 32nd of the side apart: .34."""
    black = torch.zeros(300, 1, size, size, dtype=torch.float64)
    found = weather.crystals(black, keys(300)) * 255
    assert abs(found.mean() - 160.5) < 8  # four standard errors of 300 images
    assert abs(found.mean((1, 2, 3)).std() - 38.9) < 4
    inside = found - found.mean((2, 3), keepdim=True)
    assert abs(inside.square().mean().sqrt() - 23.5) < 1.5
    lag = max(1, size // 32)
    alike = (inside[..., lag:] * inside[..., :-lag]).mean() / inside.square().mean()
    assert abs(alike - 0.34) < (0.2 if size == 8 else 0.08)


def test_frost_is_bluish_and_nearly_white_where_bright():
    found = weather.crystals(torch.zeros(500, 3, 32, 32, dtype=torch.float64), keys(500)).mean((2, 3)) * 255
    np.testing.assert_allclose(found.mean(0), [144, 166, 177], atol=10)
    dark, bright = (
        found[luma(found[..., None, None]).argsort(0).flatten()[part]] for part in (slice(50), slice(-50, None))
    )
    assert (dark[:, 2] - dark[:, 0]).min() > 40
    assert (bright[:, 2] - bright[:, 0]).abs().max() < 20


# ---- photographs ----


def written(folder: Path, names, sizes, mode: str = "RGB") -> list[np.ndarray]:
    """Made-up pictures, [height, width, 3] each."""
    folder.mkdir(exist_ok=True)
    made = []
    for number, (name, (height, width)) in enumerate(zip(names, sizes, strict=True)):
        pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / name)
        made.append(pixels)
    return made


def published(image, severity, pictures, which, top, left):
    """The published function for one image [32, 32, 3], its three draws given."""
    weight, ice = CORRUPTIONS["frost"].constants[severity - 1]
    small = pictures[which][2::5, 2::5]  # equals cv2.resize(fx=.2, fy=.2), checked against OpenCV 5.0
    row, column = int(top * (small.shape[0] - 32)), int(left * (small.shape[1] - 32))
    crop = small[row : row + 32, column : column + 32]
    return np.uint8(np.clip(weight * image + ice * crop + 1e-4, 0, 255))  # + 1e-4: our guard against rounding errors


def test_photographs_are_used_as_published(tmp_path):
    names = [f"frost{number}.png" for number in range(1, 7)]
    sizes = [(200, 300), (175, 165), (350, 527), (315, 560), (180, 198), (400, 400)]
    pictures = written(tmp_path, names, sizes)
    given = Photographs.open(tmp_path, 32, 32)
    assert len(given.pictures) == 5  # the published code never draws the sixth
    images, own = photographs_of_things(60), keys(60)
    draws = rng.uniform(own, 3).tolist()
    seen = set()
    for severity in SEVERITIES:
        found = corrupt(images, "frost", severity, own, given)
        for image, ours, (which, top, left) in zip(images, found, draws, strict=True):
            expected = published(image.movedim(0, -1).numpy(), severity, pictures, int(which * 5), top, left)
            assert np.array_equal(ours.movedim(0, -1).numpy(), expected)
            seen.add(int(which * 5))
    assert seen == set(range(5))
    assert not torch.equal(found, corrupt(images, "frost", 5, own))
    assert torch.equal(corrupt(images, "fog", 5, own, given), corrupt(images, "fog", 5, own))


def test_an_image_depends_on_its_own_key_alone(tmp_path):
    written(tmp_path, ["a.png", "b.png"], [(200, 180), (190, 300)])
    given, images = Photographs.open(tmp_path, 32, 32), photographs_of_things(9)
    together = corrupt(images, "frost", 3, keys(9), given)
    assert torch.equal(corrupt(images.flip(0), "frost", 3, keys(9).flip(0), given).flip(0), together)
    assert torch.equal(corrupt(images[4:5], "frost", 3, keys(9)[4:5], given)[0], together[4])


def test_grey_images_get_the_photographs_luma(tmp_path):
    written(tmp_path, ["a.png"], [(200, 180)])
    given, grey = Photographs.open(tmp_path, 32, 32), photographs_of_things(5)[:, :1].contiguous()
    coloured = corrupt(grey.expand(-1, 3, -1, -1), "frost", 2, keys(5), given)
    unclipped = (coloured < 255).all(1, keepdim=True)
    difference = (luma(coloured.double()) - corrupt(grey, "frost", 2, keys(5), given)).abs()[unclipped]
    assert difference.max() <= 1.01  # each truncates by up to one level


@pytest.mark.parametrize(("height", "width", "side"), [(8, 8, 20), (9, 14, 23), (64, 64, 160), (224, 224, 400)])
def test_pictures_shrink_in_proportion_and_never_grow(tmp_path, height, width, side):
    written(tmp_path, ["a.png"], [(400, 400)])
    given = Photographs.open(tmp_path, height, width)
    assert given.pictures[0].shape == (3, side, side) if height != 9 else given.pictures[0].shape[1] == 22
    images = torch.zeros(3, 1, height, width, dtype=torch.uint8)
    assert corrupt(images, "frost", 1, keys(3), given).shape == images.shape


def test_shrinking_is_bilinear_between_centres():
    """Against PyTorch's own interpolation with the given factor."""
    picture = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 97, 71), dtype=np.uint8))
    for factor in (0.05, 0.2, 0.3, 0.4, 0.73, 1.0):
        size = [round(side * factor) for side in picture.shape[1:]]
        found = shrunk(picture, factor)
        assert list(found.shape[1:]) == size
        expected = torch.nn.functional.interpolate(
            picture[None].double(), scale_factor=factor, mode="bilinear", recompute_scale_factor=False
        )[0]
        rows, columns = (min(one, other) for one, other in zip(size, expected.shape[1:], strict=True))
        difference = found[:, :rows, :columns].double() - expected[:, :rows, :columns]
        assert difference.abs().max() <= 0.5 + 1e-6, factor
    assert torch.equal(shrunk(picture, 0.2), picture[:, 2::5, 2::5][:, :19, :14])


def test_what_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"data.frost '.*nowhere' is not a folder; expected one of pictures of frost"):
        Photographs.open(tmp_path / "nowhere", 32, 32)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("frost")
    with pytest.raises(InputError, match=r"data.frost '.*empty' holds no pictures; expected .*\.png"):
        Photographs.open(tmp_path / "empty", 32, 32)
    written(tmp_path / "small", ["a.png"], [(162, 400)])
    with pytest.raises(
        InputError,
        match=r"a.png' is 162x400 pixels .*, which shrinks to 32x80; expected more than the size of the images, 32x32",
    ):
        Photographs.open(tmp_path / "small", 32, 32)
    written(tmp_path / "small", ["a.png"], [(163, 400)])
    Photographs.open(tmp_path / "small", 32, 32)
    (tmp_path / "small" / "b.jpg").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"data.frost '.*b.jpg': the image cannot be decoded"):
        Photographs.open(tmp_path / "small", 32, 32)
