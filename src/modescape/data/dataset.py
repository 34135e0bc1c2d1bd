"""Examples and labels as used by the rest of the package, and their checks."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modescape import batches, recipe
from modescape.batches import InputShape
from modescape.data.inputs.base import InputKind, Prepare
from modescape.data.inputs.image import IMAGES
from modescape.errors import InputError
from modescape.plain import MOST_CLASSES, MOST_NAME, MOST_NUMBER, MOST_PIXELS, shown
from modescape.tasks import Classification, Task
from modescape.types import Inputs


@dataclass(frozen=True)
class Split:
    """Examples and labels of one split."""

    inputs: Inputs  # leaves [example, ...]; images are uint8 [example, channel, height, width]
    label: Tensor  # int64 [example], or float64 [example, output] of a regression
    kind: InputKind = IMAGES
    group: np.ndarray | None = None  # name of each example's group, strings [example]; None: each is its own

    def to(self, device: torch.device | str) -> Split:
        """The same on a device."""
        return replace(self, inputs=batches.moved(self.inputs, device), label=self.label.to(device))

    def first(self, examples: int | None) -> Split:
        """The first ``examples`` of them; None: all."""
        return self.at(slice(examples))

    def at(self, index: slice | Tensor) -> Split:
        """The examples at an index."""
        place = index.cpu().numpy() if isinstance(index, Tensor) else index
        group = None if self.group is None else self.group[place]
        return replace(self, inputs=batches.taken(self.inputs, index), label=self.label[index], group=group)

    @property
    def images(self) -> Tensor:
        """The inputs of a split of images, uint8 [example, channel, height, width]."""
        assert isinstance(self.inputs, Tensor)
        return self.inputs

    @property
    def shape(self) -> InputShape:
        """Shape of a network's input for one example."""
        return self.kind.shape(self.inputs)

    def preparation(self, data: recipe.Data) -> Prepare:
        """The recipe's preparation of examples, with the statistics of this (training) split."""
        return self.kind.prepare(data, self.inputs)


@dataclass(frozen=True)
class Dataset:
    """The train, validation and test splits."""

    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]  # of a regression the names of its outputs
    fingerprint: str  # SHA-256 of the source's examples, labels and class names, before splitting
    notes: tuple[str, ...] = ()  # sentences: what was left out of the source, and where the test split is from
    given: Task | None = None  # what targets are; None: classification, of `class_names`
    group_name: str = ""  # the column that names groups of examples; "" where there are none

    @property
    def shape(self) -> InputShape:
        """Shape of a network's input for one example."""
        return self.train.shape

    @property
    def kind(self) -> InputKind:
        """The kind of the examples."""
        return self.train.kind

    @property
    def num_classes(self) -> int:
        """Number of classes, including those without an example; of outputs, for a regression."""
        return len(self.class_names)

    def as_manifest(self) -> dict[str, Any]:
        """The manifest's entries on the task, unless it is a classification, and on groups, if any."""
        splits = {name: getattr(self, name).group for name in ("train", "validation", "test")}
        counts = {name: len({*group.tolist()}) for name, group in splits.items() if group is not None}
        groups = {"name": self.group_name, "counts": counts} if counts else {}
        return {key: about for key, about in (("task", self.task.as_dict()), ("groups", groups)) if about}

    @property
    def task(self) -> Task:
        """What targets are."""
        return self.given or Classification(self.num_classes)

    def to(self, device: torch.device | str) -> Dataset:
        """The same on a device."""
        splits = {name: getattr(self, name).to(device) for name in ("train", "validation", "test")}
        return replace(self, **splits)


@dataclass(frozen=True)
class Source:
    """The content of a source before splitting, in NumPy."""

    inputs: Any  # arrays [example, ...]: one, or a flat tuple or dictionary
    label: np.ndarray  # int64 [example]
    test_inputs: Any  # None if the source has no test split
    test_label: np.ndarray | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()  # see `Dataset`
    kind: InputKind = IMAGES
    group: np.ndarray | None = None  # name of each example's group, strings [example]; None: each is its own
    test_group: np.ndarray | None = None


def check_classes(source: Source, name: str) -> None:
    """Check the classes of a source.

    Raises:
        InputError: naming the source, the split and the row.
    """
    if source.label.dtype.kind == "f":  # of a regression
        return
    if len(source.label) and len(wrong := np.flatnonzero(source.label < 0)) and len(source.class_names) < 2:
        raise InputError(f"{name}: train: the label of row {wrong[0]} is {source.label[wrong[0]]}, expected 0 or more")
    if len(source.class_names) < 2:
        raise InputError(f"{name}: {len(source.class_names)} class; classification needs at least 2")
    longest = max(map(len, source.class_names))
    if len(source.class_names) > MOST_CLASSES or longest > MOST_NAME:
        raise InputError(
            f"{name}: {len(source.class_names):,} classes, the longest name has {longest:,} characters; "
            f"expected at most {MOST_CLASSES:,} and {MOST_NAME:,}"
        )
    if unwritable := [number for number, text in enumerate(source.class_names) if not is_writable(text)]:
        raise InputError(
            f"{name}: the name of class {unwritable[0]} holds a null character or is not Unicode; rename it"
        )
    if twice := [text for text, count in Counter(source.class_names).items() if count > 1]:
        raise InputError(f"{name}: two classes are named {shown(repr(twice[0]), 60)}; give each a name of its own")


def check_source(source: Source, name: str) -> Source:
    """Check the images of a source.

    Raises:
        InputError: naming the source, the split and the row.
    """
    check_classes(source, name)
    sizes = list(source.inputs.shape[1:])
    if len(source.inputs) and not source.inputs[0].size:
        raise InputError(f"{name}: images are {sizes} [channel, height, width] and have no pixels")
    if math.prod(sizes) > MOST_PIXELS:
        raise InputError(f"{name}: images are {sizes}, expected at most {MOST_PIXELS:,} numbers")
    check_split(source.inputs, source.label, len(source.class_names), f"{name}: train")
    if source.test_inputs is not None and source.test_label is not None:
        check_split(source.test_inputs, source.test_label, len(source.class_names), f"{name}: test")
        if source.test_inputs.shape[1:] != source.inputs.shape[1:]:
            raise InputError(
                f"{name}: test images are {list(source.test_inputs.shape[1:])} and training images "
                f"{list(source.inputs.shape[1:])} [channel, height, width]; make them equal, or set data.size"
            )
    return source


def is_writable(text: str) -> bool:
    """Whether files can hold a text: HDF5 allows no null characters, UTF-8 no lone surrogates."""
    return "\0" not in text and text.encode("utf-8", "ignore").decode() == text


def check_split(image: np.ndarray, label: np.ndarray, num_classes: int, name: str) -> None:
    """Refuse an empty split, images that are not uint8, labels out of range.

    Raises:
        InputError: naming the split and the row.
    """
    if image.dtype != np.uint8 or image.ndim != 4 or image.shape[1] not in (1, 3):
        raise InputError(
            f"{name}: images are {image.dtype} {list(image.shape)}, expected uint8 [example, height, width] (grey) or "
            "[example, height, width, 3]"
        )
    if len(image) == 0:
        raise InputError(f"{name} is empty")
    if label.dtype.kind == "f":
        return check_numbers(label, len(image), name)
    if label.shape != (len(image),) or not np.issubdtype(label.dtype, np.integer):
        raise InputError(f"{name}: labels are {label.dtype} {list(label.shape)}, expected {len(image)} integers")
    wrong = np.flatnonzero((label < 0) | (label >= num_classes))
    if len(wrong):
        raise InputError(
            f"{name}: the label of row {wrong[0]} is {label[wrong[0]]}, expected 0 to {num_classes - 1}; "
            f"{len(wrong)} such rows"
        )


def check_numbers(target: np.ndarray, examples: int, name: str) -> None:
    """Check that targets of a regression are finite and not too large.

    Raises:
        InputError: naming the split and the row.
    """
    if target.ndim != 2 or len(target) != examples:
        raise InputError(f"{name}: targets are {list(target.shape)}, expected [{examples}, output]")
    rows = np.flatnonzero(~(np.abs(target) <= MOST_NUMBER).all(1))
    if len(rows):
        raise InputError(
            f"{name}: the target of row {rows[0]} is {', '.join(map(str, target[rows[0]].tolist()))}, expected finite "
            f"numbers up to {MOST_NUMBER:g}; {len(rows)} such rows"
        )


def as_split(inputs: Any, label: np.ndarray, kind: InputKind = IMAGES, group: np.ndarray | None = None) -> Split:
    """Arrays as a split, in the memory layout of networks' inputs."""
    label = label if label.dtype.kind == "f" else label.astype(np.int64)
    return Split(kind.tensors(inputs), torch.from_numpy(label), kind, group)
