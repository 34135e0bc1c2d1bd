"""Where images come from: embedded digits, an .npz file, or encoded pictures with labels."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from modescape import recipe
from modescape.data.columns import alike, classes, has_labels, raw_labels, settled
from modescape.data.dataset import Source
from modescape.data.decode import BrokenImage, read_arrays
from modescape.data.grouped import named_groups, of_arrays, of_pictures, without_column
from modescape.data.hub import opened
from modescape.data.kinds import refuse_arrays
from modescape.data.measured import settled_numbers, targets
from modescape.data.pictures import Pictures, fit_all, stacked
from modescape.data.tables import SPLITS, Part
from modescape.data.targets import numbers, output_names
from modescape.errors import InputError
from modescape.plain import MOST_CLASSES, shown
from modescape.runtime import total_memory

Report = Callable[[int, int], None]
"""(images decoded, total)."""

ARRAYS = ("image", "label", "test_image", "test_label", "class_names")  # of an .npz file; others are not read
MAX_UNNAMED_CLASSES = 65_536  # a higher label without class names is taken for an error


def digits() -> Source:
    """scikit-learn's 1,797 real handwritten digits, 8x8 grey; values 0..16 become 0..255."""
    rows = digit_rows()  # 64 values and the label
    image = np.rint(rows[:, :64].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    names = tuple(str(number) for number in range(10))
    return Source(image, rows[:, 64].astype(np.int64), None, None, names)


def digit_rows() -> np.ndarray:
    """The table as scikit-learn brings it, read by ourselves: importing scikit-learn takes a second in every worker."""
    found = importlib.util.find_spec("sklearn")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        with contextlib.suppress(OSError, ValueError), gzip.open(path) as file:
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    return np.column_stack([bunch.data, bunch.target])


def npz(path: Path, task: recipe.Task | None = None, group: str | None = None) -> Source:
    """Arrays ``image`` and ``label``, optional ``class_names``, ``test_image`` and ``test_label``; never a pickle.

    Args:
        path: of the file.
        task: the recipe's section on targets.
        group: array that names the groups of examples, with ``test_`` before it those of test examples.

    Raises:
        InputError: if the file cannot be read or lacks an array.
    """
    source, arrays = _npz(path, task, named_groups(group))
    return source if group is None else of_arrays(source, arrays, group, f"'{path}'")


def _npz(path: Path, task: recipe.Task | None, more: list[str]) -> tuple[Source, dict[str, np.ndarray]]:
    try:
        with path.open("rb") as opened_file:  # np.load leaves a damaged file open
            arrays, there = read_arrays(opened_file, [*ARRAYS, *more])
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"cannot read '{path}' as .npz of plain arrays: {shown(error)}") from error
    missing = [name for name in ("image", "label") if name not in arrays]
    if missing:
        raise InputError(f"'{path}' has arrays {there[:20]}, expected 'image' and 'label'; missing {missing}")
    targets = numbers(arrays["label"], task or recipe.Task())
    if targets is not None:
        return _of_numbers(arrays, targets, path), arrays
    refuse_arrays(arrays["image"], arrays["label"], f"'{path}'")
    label = _integers(arrays["label"], f"'{path}': label")
    test_image = arrays.get("test_image")
    test_label = _integers(arrays["test_label"], f"'{path}': test_label") if "test_label" in arrays else None
    if (test_image is None) != (test_label is None):
        raise InputError(f"'{path}' has only one of 'test_image' and 'test_label'; give both or neither")
    notes = ()
    if test_label is not None and len(test_label) and test_label.max() < 0:
        notes, test_image, test_label = (_hidden("test"), _test_images(None)), None, None
    if "class_names" in arrays:
        names = _texts(np.atleast_1d(arrays["class_names"]), path)
    else:
        every = label if test_label is None else np.concatenate([label, test_label])
        names = _numbered(int(every.max(initial=0)), f"'{path}'")
    channels_first = [_channels_first(image, path) for image in (arrays["image"], test_image) if image is not None]
    test = channels_first[1] if test_image is not None else None
    return Source(channels_first[0], label, test, test_label, names, notes), arrays


def _of_numbers(arrays: Mapping[str, np.ndarray], targets: np.ndarray, path: Path) -> Source:
    """The source of a regression: numbers in place of labels, names of outputs in place of classes'."""
    image, test = arrays["image"], arrays.get("test_image")
    refuse_arrays(image, np.zeros(len(targets), np.int64), f"'{path}'")
    own = arrays.get("test_label")
    if (test is None) != (own is None):
        raise InputError(f"'{path}' has only one of 'test_image' and 'test_label'; give both or neither")
    first = _channels_first(image, path)
    second = None if test is None else _channels_first(test, path)
    kept = None if own is None else own.astype(np.float64).reshape(len(own), -1)
    if kept is not None and kept.shape[1] != targets.shape[1]:
        raise InputError(f"'{path}': test_label has {kept.shape[1]} numbers per row, and label {targets.shape[1]}")
    names = output_names(arrays.get("class_names"), targets.shape[1])
    return Source(first, targets, second, kept, names)


def _texts(names: np.ndarray, path: Path) -> tuple[str, ...]:
    if names.ndim != 1 or len(names) > MOST_CLASSES:
        raise InputError(f"'{path}': class_names is {list(names.shape)}, expected at most {MOST_CLASSES:,} [class]")
    return tuple(str(name) for name in names)


def _integers(label: np.ndarray, name: str) -> np.ndarray:
    """Labels as int64 [example]: whole numbers of any type, also [example, 1]."""
    label = label[:, 0] if label.ndim == 2 and label.shape[1] == 1 else label
    whole = label.dtype.kind in "iub" or (label.dtype.kind == "f" and bool(np.all(label == np.rint(label))))
    if label.ndim != 1 or not whole:
        raise InputError(
            f"{name} is {label.dtype} {list(label.shape)}, expected integers [example]; number the classes from 0 and "
            "give their names as class_names"
        )
    return label.astype(np.int64)


def _numbered(highest: int, name: str) -> tuple[str, ...]:
    """Class names "0" to ``highest``, where a source has none."""
    if highest >= MAX_UNNAMED_CLASSES:
        raise InputError(
            f"{name}: the highest label is {highest}, expected less than {MAX_UNNAMED_CLASSES} without class names"
        )
    return tuple(str(number) for number in range(highest + 1))


def _channels_first(image: np.ndarray, path: Path) -> np.ndarray:
    if image.ndim == 3 and image.dtype == np.uint8:
        return image[:, None]
    if image.ndim == 4 and image.shape[3] in (1, 3) and image.dtype == np.uint8:
        return np.ascontiguousarray(image.transpose(0, 3, 1, 2))
    raise InputError(
        f"'{path}': images are {image.dtype} {list(image.shape)}, expected uint8 [example, height, width] (grey) or "
        "[example, height, width, 3]"
    )


def resized(source: Source, settings: Pictures, name: str) -> Source:
    """A source of arrays with its images brought to the size of the settings, if they say one."""
    if settings.size is None:
        return source
    test = None if source.test_inputs is None else fit_all(source.test_inputs, settings, f"{name}: test")
    return replace(source, inputs=fit_all(source.inputs, settings, f"{name}: train"), test_inputs=test)


def pictures(data: recipe.Data, report: Report | None = None, task: recipe.Task | None = None) -> Source:
    """Encoded pictures and their labels: a folder, a table of paths, Parquet, or a dataset of the hub.

    If ``task.kind`` is regression the labels are numbers. The columns are found by type (one of images, one of labels)
    or named by ``data.image`` and ``data.label``. The test split is "test", else "validation"; one without labels is
    ignored. labels is none.

    Raises:
        InputError: if it cannot be loaded, a column cannot be found, or a picture is broken (which file or row).
    """
    with opened(data) as parts:
        return _read(parts, data, report, task or recipe.Task())


def _read(parts: list[Part], data: recipe.Data, report: Report | None, task: recipe.Task) -> Source:
    by_name = {SPLITS.get(part.name.lower(), part.name): part for part in parts}
    if "train" not in by_name:
        raise InputError(f"'{data.source}' has splits {sorted(by_name)}, expected one named 'train'")
    by_name, cells = without_column(by_name, data)
    train = by_name["train"]
    of_numbers = task.kind == "regression"
    image, label = settled_numbers(train, data) if of_numbers else settled(train, data)
    notes = [note for part in parts for note in part.notes]
    used, labels = [train], [[] if of_numbers else raw_labels(train, label)]
    for name in ("test", "validation"):
        part = by_name.get(name)
        if part is None or len(used) > 1:
            continue
        own = [] if of_numbers else raw_labels(part, label)
        if len(own) and not has_labels(own):
            notes.append(_hidden(name))
            continue
        used, labels = [train, part], [labels[0], own]
    if notes and by_name.keys() & {"test", "validation"}:
        place = _test_images(used[1].name if len(used) > 1 else None)
        notes += [place] if any("hidden" in note for note in notes) else []
    names, numbers = ((label,), targets(used, label, image)) if of_numbers else classes(used, labels, label, image)
    reader = _Reader(data, image, sum(map(len, used)), report)
    images = [reader.read(part) for part in used]
    kept = [number[rows] for number, (_, rows) in zip(numbers, images, strict=True)]
    channels = max(array.shape[1] for array, _ in images)
    arrays = [np.repeat(array, channels // array.shape[1], axis=1) for array, _ in images]
    test = (arrays[1], kept[1]) if len(used) > 1 else (None, None)
    source = Source(arrays[0], kept[0], *test, names, (*notes, *alike(names), *reader.notes()))
    return source if data.group is None else of_pictures(source, data.group, used, cells, [rows for _, rows in images])


def _hidden(split: str) -> str:
    return f"The labels of the source's {split} split are hidden (-1 or missing): it was not used."


def _test_images(split: str | None) -> str:
    place = f"the source's {split} split" if split else "a share of the training images (data.test)"
    return f"The test images are {place}."


class _Reader:
    """Decodes the splits of a source, and counts what it leaves out."""

    def __init__(self, data: recipe.Data, column: str, total: int, report: Report | None) -> None:
        self.data, self.column, self.total, self.report = data, column, total, report
        self.settings, self.done, self.broken = Pictures.of(data), 0, list[str]()
        self.seen, self.again = set[str](), list[str]()  # files, and those that a later row names once more

    def read(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """All pictures of a split, uint8 [example, channel, height, width], and their rows; grey only if all are."""
        images: list[np.ndarray] = []
        rows: list[int] = []
        first, mode = "", part.declared.get(self.column)
        for row, (cell, where) in enumerate(part.cells(self.column)):
            self.done += 1
            if self.report is not None and (self.done % 100 == 0 or row == len(part) - 1):
                self.report(self.done, self.total)
            if cell["bytes"] is None and cell["path"]:
                if cell["path"] in self.seen:
                    self.again.append(where)
                self.seen.add(cell["path"])
            try:
                pixels = self.settings.decode(cell, where, mode)
            except BrokenImage as error:
                if not self.data.skip_broken:
                    advice = "Mend or remove it, or leave such pictures out: --set data.skip_broken=true"
                    raise InputError(f"{error}\n{advice}") from error
                self.broken.append(where)
                continue
            if not images:
                first = where
                _check_memory(pixels, len(part), where)
            elif pixels.shape[:2] != images[0].shape[:2]:
                (height, width), (other, across) = pixels.shape[:2], images[0].shape[:2]
                raise InputError(
                    f"{where} has {height}x{width} pixels and {first} {other}x{across} (height x width).\n"
                    "Bring all to one size with --set data.size=64 or data.size=[48,64] (data.crop says how)"
                )
            images.append(pixels)
            rows.append(row)
        if not images:
            raise InputError(
                f"'{part.source}': {part.name} " + ("holds no picture that can be read" if len(part) else "is empty")
            )
        return stacked(images), np.array(rows)

    def notes(self) -> tuple[str, ...]:
        """Sentences about pictures that are named twice and about broken ones; none where there are none."""
        notes: tuple[str, ...] = ()
        if self.again:
            rows = "1 row names" if len(self.again) == 1 else f"{len(self.again):,} rows name"
            notes = (
                f"{rows} a picture that an earlier row names ({shown(self.again[0], 200)}): it may be among the "
                "training and the test images.",
            )
        count = len(self.broken)
        if not count:
            return notes
        such = ", ".join(self.broken[:3]) + (", ..." if count > 3 else "")
        what = "1 broken picture was" if count == 1 else f"{count:,} broken pictures were"
        return (*notes, f"{what} left out ({shown(such, 400)}).")


def _check_memory(pixels: np.ndarray, count: int, where: str) -> None:
    """Refuse pictures that do not fit into the memory together, before hours of decoding end in that."""
    needed, memory = pixels.nbytes * count, total_memory()
    if needed > memory:
        height, width = pixels.shape[:2]
        raise InputError(
            f"{count:,} pictures of {height}x{width} pixels (as {where}) take {needed / 1e9:,.1f} GB, this machine has "
            f"{memory / 1e9:,.1f}; make them smaller with --set data.size=64"
        )
