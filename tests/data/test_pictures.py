"""Pictures resized and cropped to one size by the usual rules."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from modescape import data, recipe
from modescape.data.decode import BrokenImage
from modescape.data.pictures import Pictures
from modescape.errors import InputError

from .picture_files import write_folder

SIZES = [(5, 7), (7, 5), (33, 20), (64, 64), (9, 100), (31, 32)]  # height, width


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(height).integers(0, 256, shape, dtype=np.uint8)


def by_torchvision(pixels: np.ndarray, size: int, kernel: Image.Resampling) -> np.ndarray:
    """Resize(size) and CenterCrop(size) as torchvision.transforms.functional computes them."""
    height, width = pixels.shape[:2]
    short, long = (width, height) if width <= height else (height, width)
    new_long = int(size * long / short)
    across, down = (size, new_long) if width <= height else (new_long, size)
    image = Image.fromarray(pixels).resize((across, down), kernel)
    top, left = round((down - size) / 2.0), round((across - size) / 2.0)
    return np.asarray(image.crop((left, top, left + size, top + size)))


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("size", [1, 8, 31])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "lanczos", "nearest", "box"])
def test_the_centre_is_torchvisions(shape, size, resample):
    found = Pictures(size=(size, size), resample=resample).fit(picture(*shape), "it")
    assert np.array_equal(found, by_torchvision(picture(*shape), size, Image.Resampling[resample.upper()]))


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("size", [(6, 9), (9, 6), (20, 20)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_rule_gives_the_size(shape, size, channels):
    pixels = picture(*shape, channels)
    image, (height, width) = Image.fromarray(pixels), size
    stretched = Pictures(size=size, crop="stretch").fit(pixels, "it")
    assert np.array_equal(stretched, np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)))
    ground = (7, 7, 7) if channels == 3 else 7
    padded = Pictures(size=size, crop="pad", background=(7, 7, 7)).fit(pixels, "it")
    expected = ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR, color=ground)
    assert np.array_equal(padded, np.asarray(expected))
    centre = Pictures(size=size).fit(pixels, "it")
    assert centre.shape[:2] == size
    if shape[0] * width == shape[1] * height:  # already of these proportions
        assert np.array_equal(centre, stretched)


def test_a_picture_of_the_size_keeps_its_bits():
    for crop in ("center", "stretch", "pad"):
        assert np.array_equal(Pictures(size=(5, 7), crop=crop).fit(picture(5, 7), "it"), picture(5, 7))


def test_a_middle_of_one_colour_is_kept_and_a_border_cut():
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 200
    assert (Pictures(size=(10, 10)).fit(pixels, "it") == 200).all()
    tall = Pictures(size=(10, 15)).fit(pixels, "it")
    assert (tall[:, 3:12] == 200).all()
    assert (tall[:, [0, -1]] == 0).all()


def test_grey_on_a_coloured_border_is_in_colour():
    found = Pictures(size=(4, 8), crop="pad", background=(1, 2, 3)).fit(picture(4, 4, 1), "it")
    assert found.shape == (4, 8, 3)
    assert found[0, 0].tolist() == [1, 2, 3]


def test_a_thread_is_not_blown_up():
    with pytest.raises(BrokenImage, match=r"it: the image has 1x100000 pixels .*too long and narrow.*data\.crop=pad"):
        Pictures(size=(64, 64)).fit(np.zeros((1, 100_000), np.uint8), "it")


def test_sizes_beyond_all_pictures_are_refused():
    with pytest.raises(InputError, match=r"data\.size is \[100000, 100000\], expected at most"):
        Pictures.of(recipe.Data(size=100_000))


def test_pictures_of_many_sizes_need_one(tmp_path):
    folder = write_folder(tmp_path / "set", {f"{'ab'[n % 2]}/{n}.png": picture(8 + n % 3, 9) for n in range(12)})
    with pytest.raises(InputError, match=r"a/10\.png' has 9x9 pixels and '.*a/0\.png' 8x9 .*\n.*--set data\.size="):
        data.load(recipe.Data(source=str(folder)), 0)
    for size, shape in ((6, (3, 6, 6)), ([4, 7], (3, 4, 7))):
        found = data.load(recipe.Data(source=str(folder), size=size, crop="stretch"), 0)
        assert found.train.inputs.shape[1:] == shape
        first = Image.fromarray(picture(8, 9)).resize(shape[:0:-1], Image.Resampling.BILINEAR)
        images = [image for split in (found.train, found.validation, found.test) for image in split.inputs]
        assert any(np.array_equal(image.permute(1, 2, 0), np.asarray(first)) for image in images)


def test_every_setting_of_decoding_is_another_entry_of_the_cache(tmp_path):
    folder = write_folder(tmp_path / "set", {f"{'ab'[n % 2]}/{n}.png": picture(8 + n, 9) for n in range(12)})
    settings = [{"size": 6}, {"size": 7}, {"size": 6, "crop": "pad"}, {"size": 6, "crop": "pad", "background": 0}]
    settings += [{"size": 6, "resample": "nearest"}, {"size": 6, "crop": "stretch"}]
    prints = [data.load(recipe.Data(source=str(folder), **own), 0).fingerprint for own in settings for _ in range(2)]
    assert len(set(prints)) == len(settings)
    assert prints[::2] == prints[1::2]


@pytest.mark.parametrize("source", ["digits", "npz"])
def test_sources_of_arrays_are_sized_too(tmp_path, source):
    if source == "npz":
        source = str(tmp_path / "x.npz")
        np.savez(source, image=np.stack([picture(8, 6)] * 9 + [picture(8, 6)[::-1]] * 9), label=np.arange(18) % 2)
    found = data.load(recipe.Data(source=source, size=[5, 12], test=2, validation=2), 0)
    assert found.train.inputs.shape[1:][1:] == (5, 12)
