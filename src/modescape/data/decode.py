"""Images and arrays out of files that may come from anywhere: sizes are looked at before anything is unpacked."""

from __future__ import annotations

import io
import math
import os
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from modescape.errors import InputError
from modescape.plain import read_regular, shown

MOST_IMAGE_PIXELS = 25_000_000  # of one image, as declared: 75 MB of colours
MOST_IMAGE_BYTES = 1 << 28  # of an image's file
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")  # Pillow runs another program for some others


def decode_image(cell: Any, where: str) -> np.ndarray:
    """One encoded image, the first where a file holds several.

    Args:
        cell: ``bytes``, or ``path`` of a file.
        where: row and source, for the error.

    Returns:
        uint8 [height, width] or [height, width, 3].

    Raises:
        InputError: if it cannot be decoded, is none of `FORMATS`, or declares too many pixels.
    """
    from PIL import Image

    try:
        found = cell["bytes"]
        data = found if found is not None else read_regular(Path(cell["path"]), MOST_IMAGE_BYTES)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # refused below
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        with image:
            if image.width * image.height > MOST_IMAGE_PIXELS:
                raise ValueError(f"{image.width}x{image.height} pixels, expected at most {MOST_IMAGE_PIXELS:,} in all")
            if image.mode.startswith(("I", "F")):  # Pillow would cut values off at 255
                raise ValueError(f"pixels of mode {image.mode}, expected 8 bits a channel; convert them")
            return np.asarray(image.convert("L" if image.mode in ("L", "1") else "RGB"))
    except Exception as error:  # Pillow raises errors of many kinds
        raise InputError(f"{where}: the image cannot be decoded ({type(error).__name__}: {shown(error)})") from error


def read_arrays(file: BinaryIO, names: Sequence[str]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The named arrays of an ``.npz`` file that are there, and the names of all; never a pickle.

    Raises:
        ValueError: if an array is not of plain values, not as long as it declares, or all take more than the memory.
        OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError: if the file is damaged.
    """
    if not zipfile.is_zipfile(file):
        raise ValueError("it is no archive of arrays; write it with numpy.savez")
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
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if declared > memory:
        raise ValueError(f"its arrays take {declared:,} bytes, this machine has {memory:,}")
    file.seek(0)
    arrays = np.load(file, allow_pickle=False)
    return {name: arrays[name] for name in names if name in members}, sorted(members)


def array_header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type that an ``.npy`` file declares.

    Raises:
        ValueError: if it is none, or of objects.
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
