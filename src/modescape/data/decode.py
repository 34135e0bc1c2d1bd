"""Decoding images and arrays from untrusted files: sizes are checked before anything is unpacked."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from modescape.errors import InputError
from modescape.plain import read_regular, shown
from modescape.runtime import total_memory

if TYPE_CHECKING:
    from PIL import Image

MOST_IMAGE_PIXELS = 120_000_000  # declared pixels of one image, more than phones take: 360 MB in RGB
MOST_IMAGE_BYTES = 1 << 28  # of an image's file
ORIENTATION, PHOTOMETRIC, BLACK_IS_ZERO = 0x0112, 262, 1  # tags of EXIF and TIFF, and a value
Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
LFS = b"version https://git-lfs"  # beginning of a Git LFS pointer to a file that was not fetched
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")  # for some others Pillow runs external programs


class BrokenImage(InputError):  # noqa: N818 - said of a picture, not of the code
    """One picture cannot be read; ``data.skip_broken`` leaves it out."""


def decode_image(cell: Any, where: str, background: Colour = WHITE, mode: str | None = None) -> np.ndarray:
    """One encoded image, the first where a file holds several, as the ``datasets`` library decodes it.

    It is rotated by its EXIF orientation. Transparent pixels are composited: a pixel of value v and opacity
    a (0 to 1) becomes a v + (1 - a) background, to the nearest level. Grey of 16 bits becomes v / 257, to the nearest
    level.

    Args:
        cell: ``bytes``, or ``path`` of a file.
        where: file, or row and source, for the error.
        background: red, green and blue under transparent pixels.
        mode: "L" (grey) or "RGB", if the source says which; None: grey only if the file is.

    Returns:
        uint8 [height, width] or [height, width, 3].

    Raises:
        BrokenImage: if it cannot be decoded, is none of `FORMATS`, or declares too many pixels.
        InputError: if the range of its values is unknown.
    """
    from PIL import Image, ImageOps

    try:
        data = _encoded(cell)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused below
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        with image:
            if image.width * image.height > MOST_IMAGE_PIXELS:
                raise ValueError(
                    f"{image.width}x{image.height} pixels, expected at most {MOST_IMAGE_PIXELS:,} in all: scale it down"
                )
            known = _fills_16_bits(image)  # a rotated image has lost its file's metadata
            image.load()
            if image.getexif().get(ORIENTATION) is not None:
                image = ImageOps.exif_transpose(image)
            if image.mode.startswith(("I", "F")):
                pixels = _from_16_bits(image, background) if known else None
            else:
                pixels = as_pixels(_opaque(image, background))
            if pixels is not None and mode in ("L", "RGB"):
                pixels = as_pixels(Image.fromarray(pixels).convert(mode))
    except Exception as error:  # Pillow raises errors of many kinds
        raise BrokenImage(f"{where}: the image cannot be decoded ({_why(error)})") from error
    if pixels is None:
        raise InputError(
            f"{where}: the image has mode {image.mode}, in which the value of white is unknown; expected 8 bits per "
            "channel, or a 16-bit grey PNG or TIFF that uses the full range; convert the images"
        )
    return pixels


def _encoded(cell: Any) -> bytes:
    """The bytes of a picture.

    Raises:
        ValueError, OSError: if there are none, or a text that stands in for them.
    """
    data, path = cell["bytes"], cell["path"]
    if data is None and not path:
        raise ValueError("there is none")
    if data is None and is_address(path):
        raise ValueError("it is a URL, and nothing is downloaded: fetch the picture first")
    data = read_regular(Path(path), MOST_IMAGE_BYTES) if data is None else data
    if not data:
        raise ValueError("it has 0 bytes")
    if data.startswith(LFS):
        raise ValueError("it is a Git LFS pointer; fetch the picture: git lfs pull")
    return data


def is_address(path: str) -> bool:
    """Whether a text is an address on a network rather than a path."""
    return "://" in path


def _why(error: Exception) -> str:
    """The message of Pillow or the system, without parts that mean nothing to a user."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return f"its content is not one of {', '.join(FORMATS)}; convert it"
    if isinstance(error, Image.DecompressionBombError):
        return f"it declares more than {MOST_IMAGE_PIXELS:,} pixels, the most that are read"
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    said = error.strerror if isinstance(error, OSError) and error.strerror else shown(error)
    return said if type(error) in (ValueError, OSError) else f"{type(error).__name__}: {said}"


def as_pixels(image: Image.Image) -> np.ndarray:
    """An image as uint8 [height, width] if it is grey, else [height, width, 3]."""
    return np.asarray(image.convert("L" if image.mode in ("L", "1") else "RGB"))


def _opaque(image: Image.Image, background: Colour) -> Image.Image:
    """An image without transparency: over the background where it had some."""
    from PIL import Image

    if not image.has_transparency_data:
        return image
    pixels = np.asarray(image.convert("RGBA")).astype(np.uint32)
    return Image.fromarray(_over(pixels[..., :3], pixels[..., 3:], background))


def _over(pixels: np.ndarray, alpha: np.ndarray, background: Colour) -> np.ndarray:
    """Values and opacities, uint32 0..255 [height, width, 3] and [height, width, 1], over a ground; whole levels."""
    return ((pixels * alpha + np.array(background, np.uint32) * (255 - alpha) + 127) // 255).astype(np.uint8)


def _fills_16_bits(image: Image.Image) -> bool:
    """Whether the values of a grey image of more than 8 bits range from 0 (black) to 65,535 (white).

    Those of PNG and PPM do (Pillow scales those of PPM), and those of a TIFF of 16 unsigned bits that says so; signed
    numbers, floating point ones and those of 12 or 32 bits may have any range.
    """
    if not image.mode.startswith("I"):
        return False
    if image.format in ("PNG", "PPM"):
        return True
    tags: Any = getattr(image, "tag_v2", {})
    layout: Any = (getattr(image, "tile", None) or [(None, None, None, "")])[0][3]
    layout = layout if isinstance(layout, str) else str(layout[0])  # "I;12": 12 bits that Pillow widens to 16
    return image.mode.startswith("I;16") and layout.startswith("I;16") and tags.get(PHOTOMETRIC) == BLACK_IS_ZERO


def _from_16_bits(image: Image.Image, background: Colour) -> np.ndarray:
    """Grey of 16 bits in 8; the one value that a PNG may declare transparent over the background."""
    values = np.asarray(image).astype(np.uint32)
    grey = ((values + 128) // 257).astype(np.uint8)
    hidden = image.info.get("transparency")
    if not isinstance(hidden, int):
        return grey
    opacity = np.where(values == hidden, 0, 255).astype(np.uint32)[..., None]
    return _over(np.repeat(grey[..., None], 3, axis=2).astype(np.uint32), opacity, background)


def read_arrays(file: BinaryIO, names: Sequence[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read the named arrays of an ``.npz`` file, and the names of all its arrays; never a pickle.

    Raises:
        ValueError: if an array is not of plain values, not as long as it declares, or all take more than the memory.
        OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError: if the file is damaged.
    """
    if not zipfile.is_zipfile(file):
        raise ValueError("it is not an archive of arrays; write it with numpy.savez")
    declared = 0
    with zipfile.ZipFile(file) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        for name in names:
            if name in members:
                with archive.open(members[name]) as member:
                    shape, dtype = array_header(member)
                length = math.prod(shape) * dtype.itemsize
                if length > members[name].file_size:
                    raise ValueError(f"'{name}' declares {length:,} bytes and has {members[name].file_size:,}")
                declared += length
    if declared > total_memory():
        raise ValueError(f"its arrays take {declared:,} bytes, this machine has {total_memory():,}")
    file.seek(0)
    arrays = np.load(file, allow_pickle=False)
    return {name: arrays[name] for name in names if name in members}, sorted(members)


def array_header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that an ``.npy`` file declares.

    Raises:
        ValueError: if it is not an ``.npy`` file, or holds objects.
    """
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"it has version {version} of .npy, expected 1.0 or 2.0")
    try:
        shape, _, dtype = read(file)
    except (RecursionError, MemoryError, TypeError, OverflowError) as error:
        raise ValueError("its header is damaged") from error
    if dtype.hasobject:
        raise ValueError("it holds objects, which may be pickles; expected plain values")
    return shape, dtype
