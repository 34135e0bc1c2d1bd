"""The cut: train, validation and test from what a source has."""

from __future__ import annotations

import torch
from torch import Tensor

from modescape import recipe, rng
from modescape.data.dataset import Dataset, Source, as_split
from modescape.data.targets import far_targets, task_of_targets
from modescape.errors import InputError
from modescape.plain import shown


def cut(source: Source, data: recipe.Data, seed: int, fingerprint: str, task: recipe.Task | None = None) -> Dataset:
    """Cut by one named random order: test (where the source has none), then validation, then train.

    Raises:
        InputError: if there are not enough images, or those for training are all the same or of one class.
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
    notes = ()
    if not train.label.is_floating_point():
        notes = _check_trained_on(train.label, test.label, source.class_names, source.test_label is not None)
    _check_different(train.images)
    given = task_of_targets(task or recipe.Task(), train.label, source.class_names)
    notes = (*notes, *far_targets(given, train=train.label, validation=validation.label, test=test.label))
    return Dataset(train, validation, test, source.class_names, fingerprint, (*source.notes, *notes), given)


def _check_trained_on(train: Tensor, test: Tensor, names: tuple[str, ...], own_test: bool) -> tuple[str, ...]:
    """A sentence about classes without a training picture: the networks cannot know them; none where there are none.

    Raises:
        InputError: if there is but one class to train on, or no picture of the source's own test split is of such.
    """
    known = torch.bincount(train, minlength=len(names)) > 0
    if known.sum() < 2:
        raise InputError(
            f"all training pictures ({len(train):,}) are of the class {shown(repr(names[int(train[0])]), 60)}; "
            "networks need two classes. Give more pictures, larger data.train, or smaller data.test and data.validation"
        )
    of_unknown = int((~known[test]).sum())
    unknown = [name for name, there in zip(names, known.tolist(), strict=True) if not there]
    such = shown(", ".join(unknown[:5]), 200) + (" and others" if len(unknown) > 5 else "")
    if of_unknown == len(test) and own_test:
        raise InputError(
            f"no test picture is of a class that is trained on (test pictures are of classes such as {such}); give "
            "both splits the same classes, spelled in the same way"
        )
    if not unknown:
        return ()
    classes = "the class" if len(unknown) == 1 else f"{len(unknown):,} of the {len(names):,} classes:"
    share = f"; {of_unknown:,} of {len(test):,} test pictures are, and can only be errors" if of_unknown else ""
    return (f"No training picture is of {classes} {such}{share}.",)


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
