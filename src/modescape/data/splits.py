"""The cut: train, validation and test from what a source has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from modescape import recipe, rng
from modescape.batches import taken
from modescape.data.dataset import Dataset, Source, Split, as_split
from modescape.data.targets import far_targets, task_of_targets
from modescape.errors import InputError
from modescape.plain import shown


def cut(source: Source, data: recipe.Data, seed: int, fingerprint: str, task: recipe.Task | None = None) -> Dataset:
    """Cut by one named random order: test (where the source has none), then validation, then train.

    Raises:
        InputError: if there are not enough examples, or those for training are all the same or of one class.
    """
    kind, word = source.kind, source.kind.word

    def part(rows: np.ndarray) -> Split:
        return as_split(taken(source.inputs, rows), source.label[rows], kind)

    order = rng.permutation(torch.tensor(rng.key(seed, "split")), len(source.label)).numpy()
    total = len(order)
    if source.test_inputs is not None and source.test_label is not None:
        test, rest = as_split(source.test_inputs, source.test_label, kind), order
    else:
        count = _count(data.test, total, "data.test", total, word)
        test, rest = part(order[:count]), order[count:]
    count = _count(data.validation, len(rest), "data.validation", total, word)
    validation, rest = part(rest[:count]), rest[count:]
    if data.train is not None:
        if isinstance(data.train, int) and data.train > len(rest):
            raise InputError(
                f"data.train asks for {data.train} {word} and {len(rest)} of {total} are left after the cut"
            )
        rest = rest[: data.train if isinstance(data.train, int) else max(1, round(data.train * len(rest)))]
    train = part(rest)
    notes = ()
    if not train.label.is_floating_point():
        notes = _check_trained_on(train, test, source.class_names, source.test_label is not None)
    fitted, said = kind.fit(train.inputs)
    train, validation, test = (replace(split, kind=fitted) for split in (train, validation, test))
    given = task_of_targets(task or recipe.Task(), train.label, source.class_names)
    notes = (*notes, *said, *far_targets(given, train.label, validation=validation.label, test=test.label))
    return Dataset(train, validation, test, source.class_names, fingerprint, (*source.notes, *notes), given)


def _check_trained_on(train: Split, test: Split, names: tuple[str, ...], own_test: bool) -> tuple[str, ...]:
    """A sentence about classes without a training example: the networks cannot know them; none where there are none.

    Raises:
        InputError: if there is but one class to train on, or no example of the source's own test split is of such.
    """
    noun, tested = train.kind.noun, len(test.label)
    known = torch.bincount(train.label, minlength=len(names)) > 0
    if known.sum() < 2:
        alone = shown(repr(names[int(train.label[0])]), 60)
        raise InputError(
            f"all training {noun}s ({len(train.label):,}) are of the class {alone}; "
            f"networks need two classes. Give more {noun}s, larger data.train, or smaller data.test and data.validation"
        )
    of_unknown = int((~known[test.label]).sum())
    unknown = [name for name, there in zip(names, known.tolist(), strict=True) if not there]
    such = shown(", ".join(unknown[:5]), 200) + (" and others" if len(unknown) > 5 else "")
    if of_unknown == tested and own_test:
        raise InputError(
            f"no test {noun} is of a class that is trained on (test {noun}s are of classes such as {such}); give "
            "both splits the same classes, spelled in the same way"
        )
    if not unknown:
        return ()
    classes = "the class" if len(unknown) == 1 else f"{len(unknown):,} of the {len(names):,} classes:"
    share = f"; {of_unknown:,} of {tested:,} test {noun}s are, and can only be errors" if of_unknown else ""
    return (f"No training {noun} is of {classes} {such}{share}.",)


def _count(amount: int | float, available: int, key: str, total: int, word: str) -> int:
    """A number or a fraction of what is available, leaving at least one example."""
    count = amount if isinstance(amount, int) else max(1, round(amount * available))
    if count >= available:
        raise InputError(f"{key} asks for {amount} {word} and {available} of {total} are there; nothing would be left")
    return count
