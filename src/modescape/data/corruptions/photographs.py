"""Frost from photographs in a folder, such as the six of the authors' generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from modescape import rng
from modescape.data.corruptions.operations import NATIVE, luma
from modescape.data.decode import decode_image
from modescape.data.tables import PICTURES
from modescape.errors import InputError
from modescape.plain import shown

SHRUNK = 0.2  # of a photograph's side is left, for images of 32 pixels
PUBLISHED = tuple(f"frost{number}" for number in range(1, 7))
NEVER_DRAWN = PUBLISHED[-1]  # the published code draws one of five among six


@dataclass(frozen=True)
class Photographs:
    """Pictures of frost, shrunk for images of one height; `frost` lays a random crop of one over each image."""

    folder: Path
    pictures: tuple[Tensor, ...]  # uint8 [3, height, width] each, larger than the images

    @classmethod
    def open(cls, folder: str | Path, height: int, width: int) -> Photographs:
        """Read all pictures of a folder, in the order of their names, and shrink them.

        They are shrunk to a fifth for images of 32 pixels and in proportion for others, to at most their own size. Of
        the published six, frost1 to frost6, the last is left out, as the published code never draws it.

        Args:
            folder: that holds them itself, not in folders below.
            height: of the images that they are for.
            width: the same.

        Raises:
            InputError: if there is no such folder, it holds no pictures, or one cannot be read or is too small.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise InputError(f"data.frost '{folder}' is not a folder; expected one of pictures of frost, or null")
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.name[0] != ".")
        if not files:
            raise InputError(f"data.frost '{folder}' holds no pictures; expected {', '.join(sorted(PICTURES))} files")
        if {path.stem for path in files} == set(PUBLISHED):
            files = [path for path in files if path.stem != NEVER_DRAWN]
        return cls(folder, tuple(_read(path, height, width) for path in files))

    def frost(self, x: Tensor, keys: Tensor, image: float, ice: float) -> Tensor:
        """The image and a crop of a photograph, weighted; both drawn uniformly.

        As published, a crop never begins in the last row or column in which it could.

        Args:
            x: images, float64 [example, channel, height, width] in the unit range.
            keys: streams.
            image: weight of the image.
            ice: weight of the photograph; of grey images, of its luma.

        Source: Hendrycks and Dietterich 2019, arXiv 1903.12261, their generator for CIFAR-10-C.
        """
        height, width = x.shape[-2:]
        which, top, left = rng.uniform(keys, 3).unbind(-1)
        chosen = (which * len(self.pictures)).long()
        ground = torch.empty(len(x), 3, height, width, dtype=x.dtype)
        for number, picture in enumerate(self.pictures):
            own = (chosen == number).nonzero()[:, 0]
            rows = (top[own] * (picture.shape[1] - height)).long()[:, None] + torch.arange(height)
            columns = (left[own] * (picture.shape[2] - width)).long()[:, None] + torch.arange(width)
            ground[own] = picture[:, rows[:, :, None], columns[:, None, :]].movedim(0, 1).to(x.dtype) / 255
        return image * x + ice * (ground if x.shape[1] == 3 else luma(ground))


def _read(path: Path, height: int, width: int) -> Tensor:
    """One picture, shrunk; uint8 [3, height, width]."""
    pixels = decode_image({"bytes": None, "path": str(path)}, f"data.frost '{path}'", mode="RGB")
    whole = torch.from_numpy(pixels.copy()).movedim(-1, 0)
    small = shrunk(whole, min(1.0, SHRUNK * height / NATIVE))
    if small.shape[1] <= height or small.shape[2] <= width:
        raise InputError(
            f"data.frost '{shown(path)}' is {whole.shape[1]}x{whole.shape[2]} pixels (height x width), which shrinks "
            f"to {small.shape[1]}x{small.shape[2]}; expected more than the size of the images, {height}x{width}: use "
            "a larger picture, or leave this one out"
        )
    return small


def shrunk(picture: Tensor, factor: float) -> Tensor:
    """A picture resized as OpenCV does it by default: bilinear between pixels' centres, no filter against aliasing.

    At a fifth this is every fifth pixel, from the third on.

    Args:
        picture: uint8 [channel, height, width].
        factor: of both sides, whose lengths are rounded.

    Returns:
        uint8, to the nearest level.
    """
    x = picture.to(torch.float64)
    for dim in (-2, -1):
        size = picture.shape[dim]
        positions = ((torch.arange(round(size * factor), dtype=torch.float64) + 0.5) / factor - 0.5).clamp_(0, size - 1)
        low = (positions + 1e-9).floor()
        share = (positions - low).clamp_(min=0)
        share = share.unsqueeze(-1) if dim == -2 else share
        first = x.index_select(dim, low.long())
        x = first.lerp(x.index_select(dim, (low.long() + 1).clamp_(max=size - 1)), share.expand_as(first))
    return (x + 0.5).floor_().to(torch.uint8)
