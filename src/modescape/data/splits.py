"""Splitting a source into train, validation and test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from modescape import recipe, rng
from modescape.batches import taken
from modescape.data.dataset import Dataset, Source, Split, as_split
from modescape.data.targets import far_targets, task_of_targets
from modescape.errors import InputError
from modescape.plain import shown

FEW = 20  # groups of a test split below which intervals tend to be too short


def cut(source: Source, data: recipe.Data, seed: int, fingerprint: str, task: recipe.Task | None = None) -> Dataset:
    """Split by one random order: test (if the source has none), then validation, then train.

    Raises:
        InputError: if there are not enough examples, or those for training are all equal or of one class.
    """
    kind, word = source.kind, source.kind.word

    def part(rows: np.ndarray) -> Split:
        group = None if source.group is None else source.group[rows]
        return as_split(taken(source.inputs, rows), source.label[rows], kind, group)

    total = len(source.label)
    order = rng.permutation(torch.tensor(rng.key(seed, "split")), total).numpy()
    name = data.group or "group"
    left = Examples(order) if source.group is None else Groups(source.group, order, seed, name, word)
    if source.test_inputs is not None and source.test_label is not None:
        test = as_split(source.test_inputs, source.test_label, kind, source.test_group)
    else:
        test = part(left.take(_count(data.test, total, "data.test", total, word), "data.test"))
    validation = part(left.take(_count(data.validation, left.left, "data.validation", total, word), "data.validation"))
    wanted = left.left
    if data.train is not None:
        wanted = data.train if isinstance(data.train, int) else max(1, round(data.train * wanted))
        if wanted > left.left:
            raise InputError(
                f"data.train asks for {data.train} {word} and {left.left} of {total} are left after the cut"
            )
    train = part(left.take(wanted, "data.train"))
    notes = ()
    if not train.label.is_floating_point():
        notes = _check_trained_on(train, test, source.class_names, source.test_label is not None)
    fitted, said = kind.fit(train.inputs)
    train, validation, test = (replace(split, kind=fitted) for split in (train, validation, test))
    given = task_of_targets(task or recipe.Task(), train.label, source.class_names)
    notes = (
        *notes,
        *_unused(source, data, test),
        *said,
        *far_targets(given, train.label, validation=validation.label, test=test.label),
    )
    splits = {"train": train.group, "validation": validation.group, "test": test.group}
    notes = (*notes, *left.notes(**{split: group for split, group in splits.items() if group is not None}))
    settings = {"given": given, "group_name": "" if source.group is None else name}
    return Dataset(train, validation, test, source.class_names, fingerprint, (*source.notes, *notes), **settings)


def _check_trained_on(train: Split, test: Split, names: tuple[str, ...], own_test: bool) -> tuple[str, ...]:
    """A sentence about classes without a training example: which networks cannot know; empty if there are none.

    Raises:
        InputError: if there is only one class to train on, or no test example has a class that was trained on.
    """
    noun, tested = train.kind.noun, len(test.label)
    known = torch.bincount(train.label, minlength=len(names)) > 0
    if known.sum() < 2:
        alone = shown(repr(names[int(train.label[0])]), 60)
        raise InputError(
            f"all training {noun}s ({len(train.label):,}) belong to the class {alone}; "
            f"networks need two classes. Give more {noun}s, larger data.train, or smaller data.test and data.validation"
        )
    of_unknown = int((~known[test.label]).sum())
    unknown = [name for name, there in zip(names, known.tolist(), strict=True) if not there]
    such = shown(", ".join(unknown[:5]), 200) + (" and others" if len(unknown) > 5 else "")
    if of_unknown == tested and own_test:
        raise InputError(
            f"no test {noun} belongs to a class in the training split (test {noun}s have classes such as {such}); give "
            "both splits the same classes, spelled in the same way"
        )
    if not unknown:
        return ()
    classes = "the class" if len(unknown) == 1 else f"{len(unknown):,} of the {len(names):,} classes:"
    share = f"; {of_unknown:,} of {tested:,} test {noun}s do, and can only be errors" if of_unknown else ""
    return (f"No training {noun} belongs to {classes} {such}{share}.",)


def _unused(source: Source, data: recipe.Data, test: Split) -> tuple[str, ...]:
    """That a size of the test split was asked for where the source has one of its own; empty if it was not."""
    if source.test_inputs is None or data.test == recipe.Data.model_fields["test"].default:
        return ()
    return (f"The source's own split of {len(test.label):,} is used for testing; data.test={data.test} is not used.",)


def _count(amount: int | float, available: int, key: str, total: int, word: str) -> int:
    """A number or a fraction of what is available, leaving at least one example."""
    count = amount if isinstance(amount, int) else max(1, round(amount * available))
    if count >= available:
        raise InputError(
            f"{key} asks for {amount} {word}, and {available} of {total} are available; none would be left. "
            f"Ask for fewer, or for a share: --set {key}=.2"
        )
    return count


@dataclass
class Examples:
    """The remaining examples, split one by one."""

    order: np.ndarray  # their numbers, in a random order

    @property
    def left(self) -> int:
        """Number of examples that no split has yet."""
        return len(self.order)

    def take(self, count: int, key: str) -> np.ndarray:
        """The next ones, int64 [example]."""
        taken, self.order = self.order[:count], self.order[count:]
        return taken

    def notes(self, **splits: np.ndarray) -> tuple[str, ...]:
        """No notes."""
        return ()


class Groups:
    """The remaining examples, split by whole groups in random order.

    With one example per group the split is that of `Examples`.

    Args:
        group: of each example, texts [example].
        order: random order of the examples, kept within a split.
        seed: the recipe's.
        name: of the column.
        word: for examples.
    """

    def __init__(self, group: np.ndarray, order: np.ndarray, seed: int, name: str, word: str) -> None:
        numbers: dict[str, int] = {}
        self.code = np.array([numbers.setdefault(one, len(numbers)) for one in group], dtype=np.int64)
        self.size = np.bincount(self.code)
        self.groups = rng.permutation(torch.tensor(rng.key(seed, "split")), len(numbers)).numpy()
        self.order, self.name, self.word = order, name, word
        self.asked: list[tuple[str, int, int]] = []

    @property
    def left(self) -> int:
        """Examples of groups that no split has."""
        return len(self.order)

    def take(self, count: int, key: str) -> np.ndarray:
        """The examples of the next groups, as near to that many as they allow.

        Raises:
            InputError: if the smallest group is too large, or no group would be left.
        """
        sizes = self.size[self.groups]
        chosen = np.ones(len(sizes), dtype=bool) if count >= self.left else nearest(sizes, count)
        if not chosen.any():
            raise InputError(
                f"{key} asks for {count:,} {self.word}, and the smallest group of {self.name!r} that is left has "
                f"{sizes.min():,}; no split cuts a group: ask for more, or give smaller groups"
            )
        if chosen.all() and count < self.left:
            raise InputError(
                f"{key} asks for {count:,} {self.word}, and {len(sizes)} group of {self.name!r} is left for that and "
                f"all that follows; no split cuts a group: give more groups ({len(self.size):,} in all)"
            )
        inside = np.isin(self.code[self.order], self.groups[chosen])
        taken, self.order, self.groups = self.order[inside], self.order[~inside], self.groups[~chosen]
        self.asked.append((key, count, len(taken)))
        return taken

    def notes(self, **splits: np.ndarray) -> tuple[str, ...]:
        """Sentences about groups in the splits, texts [example] each, and sizes that are not those asked for."""
        counts = {name: len({*group.tolist()}) for name, group in splits.items()}
        train, validation, test = counts["train"], counts["validation"], counts["test"]
        parts = f"{train:,} groups in train, {validation:,} in validation and {test:,} in test"
        notes = [
            f"{self.word.capitalize()} with the same {self.name!r} stay together: {parts}. No group is split, and "
            "intervals are for new groups."
        ]
        off = [f"{key} has {came:,} in place of {asked:,}" for key, asked, came in self.asked if asked != came]
        if off:
            notes.append(f"As no group is split, {', '.join(off)} {self.word}.")
        if counts["test"] < FEW:
            notes.append(
                f"The test split has {counts['test']} groups: with fewer than {FEW} intervals tend to be too short."
            )
        return tuple(notes)


def nearest(sizes: np.ndarray, count: int) -> np.ndarray:
    """Which groups are taken: in their order each that fits, and one more where that comes nearer; bool [group].

    >>> nearest(np.array([3, 9, 2, 4]), 6).tolist()  # 3 and 2 are 5; 4 more would be further off
    [True, False, True, False]
    """
    chosen, total = np.zeros(len(sizes), dtype=bool), 0
    for place, size in enumerate(sizes):
        if total + size <= count:
            chosen[place], total = True, total + size
    rest = np.flatnonzero(~chosen)
    if total < count and len(rest):
        smallest = rest[sizes[rest].argmin()]
        chosen[smallest] = total + sizes[smallest] - count < count - total
    return chosen
