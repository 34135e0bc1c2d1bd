"""The cut: train, validation and test from what a source has."""

from __future__ import annotations

import torch
from torch import Tensor

from modescape import recipe, rng
from modescape.data.dataset import Dataset, Source, as_split
from modescape.errors import InputError


def cut(source: Source, data: recipe.Data, seed: int, fingerprint: str) -> Dataset:
    """Cut by one named random order: test (where the source has none), then validation, then train.

    Raises:
        InputError: if there are not enough images, or those for training are all the same.
    """
    order = rng.permutation(torch.tensor(rng.key(seed, "split")), len(source.label)).numpy()
    total = len(order)
    if source.test_image is not None and source.test_label is not None:
        test, rest = as_split(source.test_image, source.test_label), order
    else:
        count = _count(data.test, total, "data.test", total)
        test, rest = as_split(source.image[order[:count]], source.label[order[:count]]), order[count:]
    count = _count(data.validation, len(rest), "data.validation", total)
    validation, rest = as_split(source.image[rest[:count]], source.label[rest[:count]]), rest[count:]
    if data.train is not None:
        if isinstance(data.train, int) and data.train > len(rest):
            raise InputError(
                f"data.train asks for {data.train} images and {len(rest)} of {total} are left after the cut"
            )
        rest = rest[: data.train if isinstance(data.train, int) else max(1, round(data.train * len(rest)))]
    train = as_split(source.image[rest], source.label[rest])
    _check_different(train.image)
    return Dataset(train, validation, test, source.class_names, fingerprint, source.notes)


def _check_different(image: Tensor) -> None:
    """Refuse training images that are all one: a network would learn the commonest label from them, without a word."""
    if len(image) > 1 and all(torch.equal(other, image[0]) for other in image):
        raise InputError(
            f"all {len(image):,} training pictures are the same once decoded; look at two of them. If they are "
            "drawings on a transparent ground, set another colour than theirs under them: --set data.background=black"
        )


def _count(amount: int | float, available: int, key: str, total: int) -> int:
    """A number or a fraction of what is available, leaving at least one image."""
    count = amount if isinstance(amount, int) else max(1, round(amount * available))
    if count >= available:
        raise InputError(f"{key} asks for {amount} images and {available} of {total} are there; nothing would be left")
    return count
