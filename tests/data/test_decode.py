"""Pictures of every mode are decoded as by the `datasets` library, transparent ones over a stated background."""

import io

import numpy as np
import pytest
from PIL import Image

from modescape import recipe
from modescape.data.decode import BrokenImage, decode_image
from modescape.data.pictures import Pictures, colour
from modescape.errors import InputError

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
ALPHA = RANDOM.integers(0, 256, (5, 7), dtype=np.uint8)
DEEP = RANDOM.integers(0, 65_536, (40, 50), dtype=np.uint16)


def encoded(image: Image.Image, kind: str = "PNG", **settings) -> dict:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **settings)
    return {"bytes": buffer.getvalue(), "path": None}


def by_the_library(cell: dict) -> Image.Image:
    import datasets

    return datasets.Image().decode_example(cell)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_pictures_are_turned_as_their_file_says(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    cell = encoded(Image.fromarray(COLOUR), kind, exif=exif)
    found = decode_image(cell, "it")
    assert np.array_equal(found, np.asarray(by_the_library(cell).convert("RGB")))
    assert found.shape == ((5, 7, 3) if orientation < 5 else (7, 5, 3))
    if kind == "PNG":  # the direction itself, not only agreement: 6 is a quarter turn to the right
        turned = {1: COLOUR, 3: COLOUR[::-1, ::-1], 6: np.rot90(COLOUR, -1), 8: np.rot90(COLOUR)}
        assert orientation not in turned or np.array_equal(found, turned[orientation])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_opaque_pictures_are_those_of_the_library(mode):
    kind = "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"
    cell = encoded(Image.fromarray(COLOUR).convert(mode), kind)
    theirs = by_the_library(cell)
    assert theirs.mode == mode
    assert np.array_equal(decode_image(cell, "it"), np.asarray(theirs.convert("L" if mode in ("1", "L") else "RGB")))


def transparent(mode: str) -> tuple[dict, np.ndarray, np.ndarray]:
    """A picture with transparency, its colours [height, width, 3] and opacities [height, width]."""
    if mode in ("RGBA", "LA"):
        base = COLOUR if mode == "RGBA" else GREY
        image = Image.fromarray(base)
        image.putalpha(Image.fromarray(ALPHA))
        return encoded(image), np.broadcast_to(base.reshape(5, 7, -1), (5, 7, 3)), ALPHA
    if mode == "P":  # each palette colour has its own opacity
        image = Image.fromarray(RANDOM.integers(0, 8, (5, 7), dtype=np.uint8)).convert("P")
        palette, opacity = RANDOM.integers(0, 256, (8, 3), dtype=np.uint8), RANDOM.integers(0, 256, 8, dtype=np.uint8)
        image.putpalette(palette.tobytes())
        cell = encoded(image, transparency=opacity.tobytes())
        return cell, palette[np.asarray(image)], opacity[np.asarray(image)]
    if mode == "GIF":  # one colour is transparent
        number = RANDOM.integers(0, 4, (5, 7), dtype=np.uint8)
        image = Image.fromarray(number).convert("P")
        palette = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0], [9, 9, 9]], np.uint8)
        image.putpalette(palette.tobytes())
        return encoded(image, "GIF", transparency=2), palette[number], np.where(number == 2, 0, 255)
    if mode == "RGB":  # one colour is transparent, without a palette
        pixels = COLOUR.copy()
        pixels[1, 2] = pixels[3, 3] = (1, 2, 3)
        hidden = (pixels == (1, 2, 3)).all(-1)
        return encoded(Image.fromarray(pixels), transparency=(1, 2, 3)), pixels, np.where(hidden, 0, 255)
    values = DEEP[:5, :7].copy()
    values[2, 2] = 1_000
    cell = encoded(Image.fromarray(values), transparency=1_000)
    grey = np.rint(values / 257)[..., None]
    return cell, np.broadcast_to(grey, (5, 7, 3)), np.where(values == 1_000, 0, 255)


@pytest.mark.parametrize("ground", [(255, 255, 255), (0, 0, 0), (250, 100, 3)])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "GIF", "RGB", "16 bits"])
def test_transparent_pixels_lie_on_the_ground(mode, ground):
    cell, colours, alpha = transparent(mode)
    opacity = alpha[..., None] / 255
    expected = colours * opacity + np.array(ground) * (1 - opacity)
    found = decode_image(cell, "it", ground)
    assert found.shape == (5, 7, 3)
    assert np.abs(found - expected).max() <= 0.5 + 1e-9


def test_opaque_alpha_changes_nothing():
    image = Image.fromarray(COLOUR)
    image.putalpha(255)
    assert np.array_equal(decode_image(encoded(image), "it", (1, 2, 3)), COLOUR)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_grey_of_16_bits_is_scaled(kind):
    image = Image.fromarray(DEEP)
    found = decode_image(encoded(image.convert("I") if kind == "PPM" else image, kind), "it")
    assert np.array_equal(found, np.rint(DEEP / 257))
    assert decode_image(encoded(Image.fromarray(np.full((1, 1), 65_535, np.uint16)), "PNG"), "it").item() == 255


@pytest.mark.parametrize(
    ("pixels", "settings"),
    [
        (DEEP.astype(np.int32), {}),
        (DEEP.astype(np.float32), {}),
        (DEEP, {"tiffinfo": {262: 0}}),  # 0 is white
    ],
)
def test_numbers_of_unknown_range_are_refused(pixels, settings):
    with pytest.raises(InputError, match=r"^it: .*the value of white is unknown; .*convert") as caught:
        decode_image(encoded(Image.fromarray(pixels), "TIFF", **settings), "it")
    assert not isinstance(caught.value, BrokenImage)  # a data set of only such pictures must not be skipped


def test_a_source_may_say_the_mode():
    assert decode_image(encoded(Image.fromarray(COLOUR)), "it", mode="L").shape == (5, 7)
    assert decode_image(encoded(Image.fromarray(GREY)), "it", mode="RGB").shape == (5, 7, 3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("white", (255, 255, 255)), ("#0a141e", (10, 20, 30)), (7, (7, 7, 7)), ("Navy", (0, 0, 128))],
)
def test_grounds(value, expected):
    assert Pictures.of(recipe.Data(background=value)).background == colour(value) == expected


@pytest.mark.parametrize("value", ["whiet", "#12345", "#11223344", 256, -1, "x" * 5_000])
def test_what_is_no_ground(value):
    with pytest.raises(InputError, match=r"data\.background is .* expected the name of a colour"):
        colour(value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it has 0 bytes"),
        (b"<html>404</html>", "its content is not one of PNG, JPEG"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (None, "there is no such file"),
    ],
)
def test_what_is_no_picture_is_told_in_plain_words(tmp_path, content, said):
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BrokenImage) as caught:
        decode_image({"bytes": None, "path": str(path)}, "x.png")
    assert said in str(caught.value)
    assert " at 0x" not in str(caught.value)


def test_a_row_without_a_picture_is_a_broken_picture():
    with pytest.raises(BrokenImage, match=r"row 3: .*there is none"):
        decode_image({"bytes": None, "path": None}, "row 3")
