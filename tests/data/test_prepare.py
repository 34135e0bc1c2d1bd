"""Scaling against NumPy, augmentation against a plain loop over images."""

import itertools

import numpy as np
import pytest
import torch

from modescape import recipe, rng
from modescape.data.prepare import STATISTICS_BLOCK, Preparation

KEYS = torch.tensor([rng.key(0, "augmentation", member, 1) for member in range(3)])


def random_images(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def preparation(images: torch.Tensor, scaling: str = "raw", **augmentation) -> Preparation:
    data = recipe.Data.model_validate({"scaling": scaling, "augmentation": augmentation})
    return Preparation.of(data, images)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scaling", ["raw", "unit", "centered", "standardized"])
def test_scaling_is_numpys(scaling, channels):
    train = random_images(STATISTICS_BLOCK + 50, channels, 4, 4)
    unit = train.numpy() / 255.0
    expected = {
        "raw": unit * 255,
        "unit": unit,
        "centered": unit - unit.mean(0),
        "standardized": (unit - unit.mean((0, 2, 3), keepdims=True)) / unit.std((0, 2, 3), keepdims=True),
    }[scaling]
    prepare = preparation(train, scaling)
    # 1,050 float64 are summed in another order: 1e-12 allows a thousand rounding errors
    np.testing.assert_allclose(prepare(train, dtype=torch.float64).numpy(), expected, rtol=0, atol=1e-12)
    single = prepare(train[:6])
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected[:6], rtol=1e-6, atol=1e-6)
    stacked = prepare(train[:6].view(2, 3, channels, 4, 4))
    assert torch.equal(stacked.flatten(0, 1), single)


def test_a_constant_channel_is_not_divided_by_zero():
    train = torch.full((5, 1, 3, 3), 7, dtype=torch.uint8)
    assert torch.equal(preparation(train, "standardized")(train).abs() < 1e-6, torch.ones(5, 1, 3, 3, dtype=torch.bool))


def plain_loop(images: np.ndarray, key: int, padding: int, fill: str, flip: bool, brightness: float) -> np.ndarray:
    """Augmentation of one member's images [example, channel, height, width], image by image, in 0..255."""
    crop_key, flip_key, brightness_key = rng.words(torch.tensor(key), 3)
    count, _, height, width = images.shape
    offsets = rng.integers(crop_key, 2 * count, 2 * padding + 1)
    flips, shifts = rng.words(flip_key, count) < 0, rng.uniform(brightness_key, count) * 2 - 1
    out = []
    for number, image in enumerate(images):
        if padding:
            around = ((0, 0), (padding, padding), (padding, padding))
            padded = np.pad(image, around, mode="edge" if fill == "nearest" else "constant")
            top, left = int(offsets[number]), int(offsets[count + number])
            image = padded[:, top : top + height, left : left + width]
        if flip and flips[number]:
            image = image[:, :, ::-1]
        out.append(np.clip(image + float(shifts[number]) * brightness * 255, 0, 255) if brightness else image)
    return np.stack(out).astype(np.float64)


@pytest.mark.parametrize(
    ("padding", "fill", "flip", "brightness"),
    [*itertools.product([0, 2, 5], ["zeros", "nearest"], [False, True], [0.0, 0.3]), (9, "nearest", True, 1.0)],
)
def test_augmentation_is_the_plain_loops(padding, fill, flip, brightness):
    images = random_images(3, 20, 3, 7, 5)
    settings = {"crop_padding": padding, "crop_fill": fill, "horizontal_flip": flip, "brightness": brightness}
    found = preparation(images[0], **settings)(images, KEYS, dtype=torch.float64)
    for member, key in enumerate(KEYS.tolist()):
        expected = plain_loop(images[member].numpy(), key, padding, fill, flip, brightness)
        np.testing.assert_allclose(found[member].numpy(), expected, rtol=0, atol=1e-12)


def test_scaling_follows_augmentation():
    """Added pixels are black before scaling, so 0 - mean after it."""
    images = random_images(1, 64, 1, 6, 6)
    settings = {"crop_padding": 3, "horizontal_flip": True, "brightness": 0.2}
    raw = preparation(images[0], **settings)(images, KEYS[:1], dtype=torch.float64)
    unit = images[0].double() / 255
    expected = (raw / 255 - unit.mean()) / unit.std(correction=0)
    found = preparation(images[0], "standardized", **settings)(images, KEYS[:1], dtype=torch.float64)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", [{"crop_padding": 2}, {"horizontal_flip": True}, {"brightness": 0.3}])
def test_a_members_images_are_the_same_alone_bit_for_bit(settings):
    images = random_images(3, 10, 3, 8, 8)
    prepare = preparation(images[0], "centered", **settings)
    together = prepare(images, KEYS)
    for member in range(3):
        assert torch.equal(together[member], prepare(images[member : member + 1], KEYS[member : member + 1])[0])
    same_images = images[:1].expand(3, -1, -1, -1, -1)
    assert len({member.numpy().tobytes() for member in prepare(same_images, KEYS)}) == 3  # each with its own draws


def test_draws_are_uniform_and_independent():
    """20,000 images that reveal where each pixel went: offsets -1, 0, 1 in each direction, and the flip."""
    count = 20_000
    images = torch.arange(1, 26, dtype=torch.uint8).view(1, 1, 1, 5, 5).expand(1, count, 1, 5, 5)
    moved = preparation(images[0, :1], crop_padding=1, horizontal_flip=True)(images, KEYS[:1])[0, :, 0]
    centre = moved[:, 2, 2].long() - 1  # which pixel of the image is now in the centre
    row, column = centre // 5 - 2, centre % 5 - 2
    flip = (moved[:, 2, 2] > moved[:, 2, 3]).long()
    cells = torch.stack([row + 1, column + 1, flip])
    counts = ((cells[0] * 3 + cells[1]) * 2 + cells[2]).bincount(minlength=18).double()
    assert ((counts - count / 18) ** 2 / (count / 18)).sum() < 40.8  # chi-squared, 17 degrees, probability .999


def test_without_keys_or_settings_nothing_is_drawn(monkeypatch):
    images = random_images(1, 4, 3, 6, 6)
    busy = preparation(images[0], crop_padding=2, horizontal_flip=True, brightness=0.5)
    assert torch.equal(busy(images), images.float())
    monkeypatch.setattr(rng, "words", None)  # unneeded draws would show only in the time
    before = images.clone()
    assert torch.equal(preparation(images[0])(images, KEYS[:1]), images.float())
    assert torch.equal(images, before)
