"""Turning pictures of any mode and size into arrays of one shape: background, resizing, cropping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape import recipe
from modescape.data.decode import MOST_IMAGE_PIXELS, WHITE, BrokenImage, Colour, as_pixels, decode_image
from modescape.errors import InputError
from modescape.plain import MOST_PIXELS, shown

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """The recipe's settings for decoding and resizing pictures."""

    background: Colour = WHITE  # under transparent pixels, and around padded pictures
    size: tuple[int, int] | None = None  # height and width; None: pictures keep theirs
    resample: str = "bilinear"  # Pillow's filter of that name, with antialiasing
    crop: str = "center"  # or "stretch", "pad"

    @classmethod
    def of(cls, data: recipe.Data) -> Pictures:
        """The settings of this section.

        Raises:
            InputError: on a colour that is none, or a size beyond all pictures.
        """
        size = (data.size, data.size) if isinstance(data.size, int) else data.size
        if size is not None and 3 * size[0] * size[1] > MOST_PIXELS:
            raise InputError(f"data.size is {list(size)}, expected at most {MOST_PIXELS // 3:,} pixels")
        return cls(
            background=colour(data.background),
            size=None if size is None else (size[0], size[1]),
            resample=data.resample,
            crop=data.crop,
        )

    def decode(self, cell: Any, where: str, mode: str | None = None) -> np.ndarray:
        """One encoded picture, brought to the size; see `decode_image`."""
        return self.fit(decode_image(cell, where, self.background, mode), where)

    def fit(self, pixels: np.ndarray, where: str) -> np.ndarray:
        """A picture brought to the size, if there is one.

        center: the picture is resized until it just covers the size, its middle is cut out. With a square size this is
        ``Resize(size)`` and ``CenterCrop(size)`` of torchvision, with its rounding.
        stretch: it is resized to the size, whatever its proportions.
        pad: it is resized until it just fits in, the rest is the background (``ImageOps.pad`` of Pillow).

        Args:
            pixels: uint8 [height, width] or [height, width, 3].
            where: the picture, for the error.

        Returns:
            uint8 of the same number of channels; with three where a grey picture is padded with a colour.

        Raises:
            BrokenImage: if it is so long and narrow that it cannot be resized.
        """
        if self.size is None or pixels.shape[:2] == self.size:
            return pixels
        from PIL import Image, ImageOps

        image, (height, width) = Image.fromarray(pixels), self.size
        kernel = Image.Resampling[self.resample.upper()]
        if self.crop == "stretch":
            return as_pixels(image.resize((width, height), kernel))
        if self.crop == "center":
            return as_pixels(self._covering(image, where, kernel))
        if image.mode == "L" and len(set(self.background)) == 1:
            return as_pixels(ImageOps.pad(image, (width, height), kernel, color=self.background[0]))
        return as_pixels(ImageOps.pad(image.convert("RGB"), (width, height), kernel, color=self.background))

    def _covering(self, image: Image.Image, where: str, kernel: Image.Resampling) -> Image.Image:
        assert self.size is not None
        height, width = self.size
        if height * image.width >= width * image.height:  # the height decides
            across, down = height * image.width // image.height, height
        else:
            across, down = width, width * image.height // image.width
        if across * down > MOST_IMAGE_PIXELS:
            raise BrokenImage(
                f"{where}: the image has {image.height}x{image.width} pixels (height x width), too long and narrow to "
                f"cover {height}x{width}; set data.crop=pad or data.crop=stretch"
            )
        image = image.resize((across, down), kernel)
        left, top = round((across - width) / 2), round((down - height) / 2)
        return image.crop((left, top, left + width, top + height))


def fit_all(images: np.ndarray, pictures: Pictures, where: str) -> np.ndarray:
    """Arrays brought to the size: uint8 [example, channel, height, width]."""
    if pictures.size is None or images.shape[2:] == pictures.size or not len(images):
        return images
    rows = [image[0] if len(image) == 1 else image.transpose(1, 2, 0) for image in images]
    fitted = [pictures.fit(np.ascontiguousarray(image), f"{where}, row {row}") for row, image in enumerate(rows)]
    return stacked(fitted)


def stacked(images: list[np.ndarray]) -> np.ndarray:
    """Pictures of one size as uint8 [example, channel, height, width]; grey only if all are."""
    if all(image.ndim == 2 for image in images):
        return np.stack(images)[:, None]
    colours = [np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image for image in images]
    return np.ascontiguousarray(np.stack(colours).transpose(0, 3, 1, 2))


def colour(value: str | int) -> Colour:
    """Red, green and blue of a colour's name, of "#rrggbb" or of a grey level.

    Raises:
        InputError: if it is none of these.
    """
    if value == "white":  # the default, without the library
        return WHITE
    from PIL import ImageColor

    try:
        found = ImageColor.getrgb(value) if isinstance(value, str) else (value,) * 3
    except ValueError:
        found = ()
    if len(found) != 3 or not all(0 <= level <= 255 for level in found):
        raise InputError(
            f"data.background is {shown(repr(value), 60)}; expected the name of a colour (white), a grey level from 0 "
            "to 255, or '\"#rrggbb\"' (in both kinds of quotation marks: # begins a comment)"
        )
    return found[0], found[1], found[2]
