"""Single corruptions against closed forms, plain loops and other libraries."""

import colorsys
import io

import numpy as np
import pytest
import torch
from PIL import Image

from modescape import rng
from modescape.data.corruptions import CORRUPTIONS, SEVERITIES, blur, corrupt, noise, operations, weather


def keys(count: int) -> torch.Tensor:
    return rng.words(torch.tensor(rng.key(0, "test")), count)


@pytest.mark.parametrize("size", [8, 28, 33, 50])
def test_pixels_are_pillows(size):
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8))
    for severity, factor in zip(SEVERITIES, (0.95, 0.9, 0.85, 0.75, 0.65), strict=True):
        found = corrupt(images.movedim(-1, 1), "pixelate", severity, keys(4)).movedim(1, -1)
        for image, ours in zip(images.numpy(), found.numpy(), strict=True):
            small = Image.fromarray(image).resize((int(size * factor),) * 2, Image.Resampling.BOX)
            assert np.array_equal(np.asarray(small.resize((size, size), Image.Resampling.BOX)), ours)


def test_shot_noise_is_poissons():
    """All 256 levels at once, 4,000 counts each: mean and variance are within a few standard errors of the rate."""
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(4_000, -1, -1, -1)
    counts = noise.shot_noise(levels.double() / 255, keys(4_000), 75).flatten(1) * 75
    rate = torch.arange(256) / 255 * 75
    assert (counts[:, 0] == 0).all()
    mean = (counts.mean(0) - rate)[1:] / (rate[1:] / 4_000).sqrt()
    spread = (counts.var(0) / rate)[1:] - 1
    assert abs(mean.square().mean() - 1) < 5 * (2 / 255) ** 0.5
    assert mean.abs().max() < 5
    assert (spread.abs() < 5 * ((2 + 1 / rate[1:]) / 4_000).sqrt()).all()


def test_plasma_is_diamond_square():
    """Pixel by pixel: the mean of four neighbours on a torus, plus the pixel's own random number times root^2."""
    own = keys(3)
    found = operations.plasma(own, 8, 1.75)
    for example, drawn in enumerate((rng.uniform(own, 64).view(3, 8, 8) * 2 - 1).tolist()):
        field, step, root = np.zeros((8, 8)), 8, 100.0
        while step > 1:
            half = step // 2
            diagonal = [(half * row, half * column) for row in (-1, 1) for column in (-1, 1)]
            straight = [(half, 0), (-half, 0), (0, half), (0, -half)]
            for around, odd in ((diagonal, (1, 1)), (straight, (0, 1)), (straight, (1, 0))):
                for row in range(odd[0] * half, 8, step):
                    for column in range(odd[1] * half, 8, step):
                        mean = sum(field[(row + r) % 8, (column + c) % 8] for r, c in around) / 4
                        field[row, column] = mean + root**2 * drawn[row][column]
            step, root = half, root / 1.75
        field -= field.min()
        np.testing.assert_allclose(found[example].numpy(), field / field.max(), rtol=0, atol=1e-12)


def test_motion_is_half_a_gaussian_at_its_angle():
    """A white pixel is smeared to the left; the layer of snow is the same, rotated by 180 degrees."""
    point = torch.zeros(50, 1, 33, 33, dtype=torch.float64)
    point[:, :, 16, 16] = 1
    level = operations.smear(point, 6, 2, torch.zeros(50))[0, 0, 16]
    weights = np.exp(-(np.arange(13) ** 2) / 8)
    expected = np.floor(255 * weights / weights.sum() + 0.5 / 257) / 255  # the 13 pixels, from right to left
    np.testing.assert_allclose(level[4:17].flip(0).numpy(), expected, rtol=0, atol=1e-12)
    assert level[17:].sum() == level[:4].sum() == 0
    where = blur.motion_blur(point, keys(50), 9, 2.5).nonzero()
    down, left = where[:, 2] - 16, 16 - where[:, 3]
    assert (left >= down.abs() - 1).all()  # within 45 degrees, up to the rounding of steps
    assert down.max() >= 3
    assert down.min() <= -3
    layer = weather.snow(torch.zeros_like(point), keys(50), 0.1, 0.3, 1, 0.999, 8, 3, 1)
    assert layer.max() > 0
    assert torch.equal(layer, layer.flip(-2, -1))


def test_brightness_and_saturation_are_those_of_hsv():
    pixels = [(0, 0, 0), (255, 255, 255), (90, 90, 90), (200, 30, 60), (10, 250, 0), (255, 254, 0)]
    images = torch.tensor(pixels, dtype=torch.uint8).view(len(pixels), 3, 1, 1)
    for severity in SEVERITIES:
        for name in ("brightness", "saturate"):
            found = corrupt(images, name, severity, keys(len(pixels)))
            constants = CORRUPTIONS[name].constants[severity - 1]
            for pixel, ours in zip(pixels, found.flatten(1).tolist(), strict=True):
                hue, saturation, value = colorsys.rgb_to_hsv(*(level / 255 for level in pixel))
                if name == "brightness":
                    value = min(value + constants[0], 1)
                else:
                    saturation = min(saturation * constants[0] + constants[1], 1)
                expected = [int(level * 255 + 1e-6) for level in colorsys.hsv_to_rgb(hue, saturation, value)]
                assert ours == expected, (name, severity, pixel)


def test_spatter_has_its_colours():
    """On black, the brightest drop is half pale turquoise; on white, full mud is brown."""
    black = torch.zeros(20, 3, 32, 32, dtype=torch.uint8)
    assert corrupt(black, "spatter", 1, keys(20)).amax((2, 3)).unique(dim=0).tolist() == [[87, 119, 119]]
    white = black + 255
    covered = corrupt(white, "spatter", 4, keys(20)).amin((0, 2, 3)).int()
    # full cover is rare at a blur of .6 pixels; partly covered pixels are on the line between mud and white
    share = (255 - covered.double()) / (255 - torch.tensor([63.0, 42.0, 20.0]))
    assert share.max() - share.min() < 1 / 190
    assert share.min() > 0.9


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (1, 5, 9), (3, 20, 12)])
def test_jpeg_is_pillows_image_by_image(shape):
    """Grey images are encoded together in one picture: no level of one depends on the others, whatever its height."""
    images = np.random.default_rng(0).integers(0, 256, (9, *shape), dtype=np.uint8)
    images[:3] //= 8
    for severity, quality in zip(SEVERITIES, (80, 65, 58, 50, 40), strict=True):
        found = corrupt(torch.from_numpy(images), "jpeg_compression", severity, keys(9)).numpy()
        for image, ours in zip(images, found, strict=True):
            buffer, last = io.BytesIO(), image.transpose(1, 2, 0)
            Image.fromarray(last if shape[0] == 3 else last[..., 0]).save(buffer, "JPEG", quality=quality)
            with Image.open(buffer) as alone:
                assert np.array_equal(np.asarray(alone).reshape(last.shape), ours.transpose(1, 2, 0))
