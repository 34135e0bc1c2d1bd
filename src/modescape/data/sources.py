"""Where images come from: embedded digits, an .npz file, a dataset of the hub or a folder of its layout."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from modescape import recipe
from modescape.data.dataset import Source
from modescape.data.decode import decode_image, read_arrays
from modescape.data.hub import opened
from modescape.data.kinds import refuse_arrays, refuse_columns
from modescape.errors import InputError
from modescape.plain import MOST_CLASSES, shown

Report = Callable[[int, int], None]
"""(images decoded, of how many)."""

ARRAYS = ("image", "label", "test_image", "test_label", "class_names")  # of an .npz file; others are not read
MAX_UNNAMED_CLASSES = 65_536  # a higher label without class names is taken for a mistake, not for so many classes


def digits() -> Source:
    """scikit-learn's 1,797 real handwritten digits, 8x8 grey; values 0..16 become 0..255."""
    rows = _digit_rows()  # 64 values and the label
    image = np.rint(rows[:, :64].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    names = tuple(str(number) for number in range(10))
    return Source(image, rows[:, 64].astype(np.int64), None, None, names)


def _digit_rows() -> np.ndarray:
    """The table as scikit-learn brings it, read by ourselves: importing scikit-learn takes a second in every worker."""
    found = importlib.util.find_spec("sklearn")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        with contextlib.suppress(OSError, ValueError), gzip.open(path) as file:
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    return np.column_stack([bunch.data, bunch.target])


def npz(path: Path) -> Source:
    """Arrays ``image`` and ``label``, optional ``class_names``, ``test_image`` and ``test_label``; never a pickle.

    Raises:
        InputError: if the file cannot be read or lacks an array.
    """
    try:
        with path.open("rb") as opened_file:  # np.load leaves a damaged file open
            arrays, there = read_arrays(opened_file, ARRAYS)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"cannot read '{path}' as .npz of plain arrays: {shown(error)}") from error
    missing = [name for name in ("image", "label") if name not in arrays]
    if missing:
        raise InputError(f"'{path}' has arrays {there[:20]}, expected 'image' and 'label'; missing {missing}")
    refuse_arrays(arrays["image"], arrays["label"], f"'{path}'")
    label = _integers(arrays["label"], f"'{path}': label")
    test_image = arrays.get("test_image")
    test_label = _integers(arrays["test_label"], f"'{path}': test_label") if "test_label" in arrays else None
    if (test_image is None) != (test_label is None):
        raise InputError(f"'{path}' has only one of 'test_image' and 'test_label'; give both or none")
    if "class_names" in arrays:
        names = _texts(np.atleast_1d(arrays["class_names"]), path)
    else:
        names = _numbered(int(label.max(initial=0)), f"'{path}'")
    channels_first = [_channels_first(image, path) for image in (arrays["image"], test_image) if image is not None]
    return Source(channels_first[0], label, channels_first[1] if test_image is not None else None, test_label, names)


def _texts(names: np.ndarray, path: Path) -> tuple[str, ...]:
    if names.ndim != 1 or len(names) > MOST_CLASSES:
        raise InputError(f"'{path}': class_names is {list(names.shape)}, expected at most {MOST_CLASSES:,} [class]")
    return tuple(str(name) for name in names)


def _integers(label: np.ndarray, name: str) -> np.ndarray:
    if label.ndim != 1 or not np.issubdtype(label.dtype, np.integer):
        raise InputError(f"{name} is {label.dtype} {list(label.shape)}, expected integers [example]")
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


def hub(data: recipe.Data, report: Report | None = None) -> Source:
    """A dataset of the hub by name, or a local folder of the same layout, through the `datasets` library.

    The columns are found by type (one image, one label) or named by ``data.image`` and ``data.label``.

    Raises:
        InputError: if it cannot be loaded, a column cannot be found, or an image is corrupt (which row).
    """
    with opened(data) as splits:
        return _read(splits, data, report)


def _read(splits: Any, data: recipe.Data, report: Report | None) -> Source:
    train = splits["train"]
    test = next((splits[name] for name in ("test", "validation", "valid") if name in splits), None)
    image, label = _columns(train.features, data)
    total = len(train) + (len(test) if test is not None else 0)
    class_names, lookup = _classes(train, test, label)
    name = data.source
    decoded = [
        _decode(part, image, f"{name}: {split}", report, offset, total)
        for part, split, offset in ((train, "train", 0), (test, "test", len(train)))
        if part is not None
    ]
    channels = max(array.shape[1] for array in decoded)
    decoded = [np.repeat(array, channels // array.shape[1], axis=1) for array in decoded]
    labels = [lookup(part, split) for part, split in ((train, "train"), (test, "test")) if part is not None]
    return Source(decoded[0], labels[0], *((decoded[1], labels[1]) if test is not None else (None, None)), class_names)


def _columns(features: Any, data: recipe.Data) -> tuple[str, str]:
    """Names of the image and the label column."""
    import datasets

    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    labels = [name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    refuse_columns(features, images, data.label, f"'{data.source}'")
    labels = labels or [name for name, kind in features.items() if "int" in str(getattr(kind, "dtype", ""))]
    chosen = []
    for wanted, found, key in ((data.image, images, "image"), (data.label, labels, "label")):
        if wanted is not None and wanted not in features:
            raise InputError(f"'{data.source}' has no column {wanted!r}; its columns: {', '.join(features)}")
        if wanted is None and len(found) != 1:
            raise InputError(
                f"'{data.source}' has {len(found)} columns that may be the {key} ({', '.join(features)}); "
                f"name one with --set data.{key}=COLUMN"
            )
        chosen.append(wanted if wanted is not None else found[0])
    if chosen[0] not in images:
        raise InputError(f"column {chosen[0]!r} of '{data.source}' holds no images; name another with data.image")
    return chosen[0], chosen[1]


def _classes(train: Any, test: Any, label: str) -> tuple[tuple[str, ...], Callable[[Any, str], np.ndarray]]:
    """Class names, and a function from a split to its integer labels."""
    import datasets

    kind = train.features[label]
    if isinstance(kind, datasets.ClassLabel):
        names = tuple(kind.names)
    else:
        parts = [part for part in (train, test) if part is not None]
        highest = max((value for part in parts for value in part.unique(label) if isinstance(value, int)), default=-1)
        names = _numbered(highest, f"column {label!r}")

    def lookup(part: Any, split: str) -> np.ndarray:
        values = part.data.column(label).to_pylist()
        missing = next((row for row, value in enumerate(values) if not isinstance(value, int)), None)
        if missing is not None:
            raise InputError(f"{split}: the label of row {missing} is {values[missing]!r}, expected an integer")
        return np.asarray(values, dtype=np.int64)

    return names, lookup


def _decode(part: Any, column: str, name: str, report: Report | None, offset: int, total: int) -> np.ndarray:
    """All images of a split, uint8 [example, channel, height, width]; grey only if all are."""
    import datasets

    rows = part.cast_column(column, datasets.Image(decode=False)).data.column(column)
    images: list[np.ndarray] = []
    for row, cell in enumerate(_cells(rows)):
        images.append(decode_image(cell, f"{name}, row {row}"))
        if images[row].shape[:2] != images[0].shape[:2]:
            size, first = images[row].shape[:2], images[0].shape[:2]
            raise InputError(
                f"{name}: the image of row {row} has {size[0]}x{size[1]} pixels and row 0 {first[0]}x{first[1]}; "
                "resize them to one size"
            )
        if report is not None and (row % 500 == 499 or row == len(part) - 1):
            report(offset + row + 1, total)
    if not images:
        raise InputError(f"{name} is empty")
    grey = all(image.ndim == 2 for image in images)
    if not grey:
        images = [np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image for image in images]
    stacked = np.stack(images)
    return stacked[:, None] if grey else np.ascontiguousarray(stacked.transpose(0, 3, 1, 2))


def _cells(column: Any) -> Iterator[Any]:
    """Cells of an Arrow column, chunk by chunk: the encoded images are never all in memory."""
    for chunk in column.chunks:
        yield from chunk.to_pylist()
