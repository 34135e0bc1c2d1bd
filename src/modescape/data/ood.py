"""Out-of-distribution images: another dataset resized to the test images, or modified test images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from modescape import recipe, rng
from modescape.data.columns import image_column
from modescape.data.corruptions.operations import LUMA
from modescape.data.dataset import Split
from modescape.data.hub import opened
from modescape.data.pictures import Pictures, fit_all, stacked
from modescape.data.sources import Report, digits, npz
from modescape.data.tables import SPLITS, SUFFIXES
from modescape.errors import InputError


def load_ood(
    source: str,
    test: Split,
    limit: int | None,
    seed: int,
    report: Report | None = None,
    data: recipe.Data | None = None,
) -> Tensor:
    """Load images on which a trained network should be uncertain, in the shape of the test images.

    A dataset is read without its labels: its test split, else validation, else train (and of a .npz file
    ``test_image``, else ``image``). Its images are brought to the size of ours as the recipe brings ours to
    ``data.size``; without that they are stretched, shrunk by averaging over areas or enlarged bilinearly. Grey ones get
    three equal channels, and colours become their luma.

    Args:
        source: "rotated" (the test images by 90 degrees, stretched to their shape if they are not square) or "noise"
            (independent uniform pixels, as many as test images); "digits", or what ``data.source`` takes, a dataset of
            the hub also as "owner/name:config". A folder that bears one of these names is written "./noise".
        test: the test split; labels are not looked at.
        limit: at most so many images, a random part; None: all.
        seed: the recipe's, for the part and the noise.
        report: called with (images decoded, of how many).
        data: the recipe's section, for how pictures are decoded and sized; None: its defaults.

    Returns:
        uint8 [image, channel, height, width], the last three those of ``test``, on its device.

    Raises:
        InputError: if there is no such source, or it cannot be read or holds no images.
    """
    if limit is not None and limit < 1:
        raise InputError(f"the limit of out-of-distribution images is {limit}, expected at least 1")
    device, clean = test.images.device, test.images.cpu()
    if source in EMBEDDED:  # a folder that bears the name is written ./noise
        found = EMBEDDED[source](clean[part_of(len(clean), limit, source, seed)], seed)
    else:
        channels, height, width = clean.shape[1:]
        found = torch.cat(list(_images(source, (channels, height, width), limit, seed, report, data)))
    return found.contiguous(memory_format=torch.channels_last).to(device)  # as networks take them


def check_ood(source: str) -> None:
    """Refuse a source that cannot be there, before any work; whether a hub has a dataset is found on reading.

    Raises:
        InputError: if it is neither embedded, nor a file or folder here, nor of the form of a hub's name.
    """
    words = (*EMBEDDED, *recipe.BUILTIN_SOURCES)
    if source in words or Path(source).exists():
        return
    if Path(source).suffix or not re.fullmatch(r"[\w.-]+/[\w.-]+(:[\w.-]+)?", source):
        raise InputError(
            f"data.ood: '{source}' does not exist; choose from {', '.join(words)}, or give a file, "
            "a folder, or a dataset of the hub, owner/name"
        )


def _rotated(test: Tensor, seed: int) -> Tensor:
    channels, height, width = test.shape[1:]
    return matched(test.rot90(1, (2, 3)), (channels, height, width))


def _noise(test: Tensor, seed: int) -> Tensor:
    """An image's pixels depend on its number alone."""
    keys = rng.words(torch.tensor(rng.key(seed, "noise")), len(test))
    pixels = torch.cat([rng.integers(own, test[0].numel(), 256).to(torch.uint8) for own in keys.split(64)])
    return pixels.view(test.shape)


EMBEDDED: dict[str, Callable[[Tensor, int], Tensor]] = {"rotated": _rotated, "noise": _noise}
"""Sources made from the test images: (some of them, seed) -> images."""


def part_of(count: int, limit: int | None, source: str, seed: int) -> Tensor:
    """Increasing numbers of the images that are used, int64."""
    if limit is None or limit >= count:
        return torch.arange(count)
    return rng.permutation(torch.tensor(rng.key(seed, f"ood {source}")), count)[:limit].sort().values


def _images(
    source: str,
    shape: tuple[int, int, int],
    limit: int | None,
    seed: int,
    report: Report | None,
    data: recipe.Data | None,
) -> Iterator[Tensor]:
    """The chosen images of a dataset, uint8 [image, *shape] in pieces."""
    path, settings = Path(source), Pictures.of(data or recipe.Data())
    if path.suffix == ".npz" or source in recipe.BUILTIN_SOURCES:
        if path.suffix == ".npz" and not path.is_file():
            raise InputError(f"out-of-distribution source '{source}' does not exist")
        found = digits() if path.suffix != ".npz" else npz(path)
        array = found.inputs if found.test_inputs is None else found.test_inputs
        if len(array) == 0:
            raise InputError(f"out-of-distribution source '{source}' holds no images")
        for rows in part_of(len(array), limit, source, seed).split(1_000):
            yield matched(torch.from_numpy(fit_all(array[rows.numpy()], settings, source)), shape)
        return
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"out-of-distribution source '{source}' is a file of an unknown kind; expected .npz, "
            f"{', '.join(SUFFIXES)}, a folder, a hub name, or one of {', '.join(EMBEDDED)}"
        )
    name, _, config = (source, "", "") if path.exists() else source.partition(":")
    with opened(recipe.Data(source=name, config=config or None)) as parts:
        by_name = {SPLITS.get(part.name.lower(), part.name): part for part in parts}
        part = next((by_name[one] for one in ("test", "validation", "train") if one in by_name), parts[0])
        if len(part) == 0:
            raise InputError(f"out-of-distribution source '{source}': split '{part.name}' holds no images")
        column = image_column(part, None)
        rows = part_of(len(part), limit, source, seed).tolist()
        for done, (cell, where) in enumerate(part.cells(column, rows), start=1):
            pixels = settings.decode(cell, where, part.declared.get(column))
            yield matched(torch.from_numpy(stacked([pixels]).copy()), shape)
            if report is not None and (done % 100 == 0 or done == len(rows)):
                report(done, len(rows))


def matched(images: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Images of another size or number of channels in this shape.

    Args:
        images: uint8 [image, channel, height, width], 1 or 3 channels.
        shape: channels, height, width. A smaller image is the mean over areas, a larger one bilinear between pixels'
            centres (smaller in one direction and larger in the other: bilinear with a filter against aliasing);
            1 channel becomes 3 equal ones, 3 become 1 by luma. All is rounded to the nearest level.

    Returns:
        uint8 [image, *shape].
    """
    channels, height, width = shape
    x = images.to(torch.float64)
    if x.shape[1] == 3 and channels == 1:
        x = (x * torch.tensor(LUMA, dtype=x.dtype, device=x.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if (height, width) != tuple(x.shape[2:]):
        if height <= x.shape[2] and width <= x.shape[3]:
            x = torch.nn.functional.interpolate(x, (height, width), mode="area")
        else:
            x = torch.nn.functional.interpolate(x, (height, width), mode="bilinear", antialias=True)
    x = (x + 1e-9).round_().clamp_(0, 255).to(torch.uint8)
    return x.expand(-1, channels, -1, -1)
