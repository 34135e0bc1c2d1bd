"""Tables that need no network: scikit-learn's, read as files, and arrays of an .npz file."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import itertools
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from modescape.data.decode import read_arrays
from modescape.data.grouped import named_groups, row_groups
from modescape.data.sources import digit_rows
from modescape.errors import InputError
from modescape.plain import shown

FILES = {"wine": "wine_data"}  # names that differ from that of the loader
ARRAYS = ("x", "y", "test_x", "test_y", "feature_names")  # of an .npz file; others are not read

Cells = tuple[str, dict[str, list[Any]]]
"""Where a split is, for messages, and its columns by name."""


def embedded(source: str) -> Cells:
    """One of scikit-learn's tables, its classes by name in the column ``target``."""
    name = source.partition(":")[2]
    if name == "digit_sums":
        return _digit_sums(source)
    if name == "diabetes":
        return _diabetes(source)
    rows, classes, features = _read(name)
    columns: dict[str, list[Any]] = {feature: rows[:, column].tolist() for column, feature in enumerate(features)}
    columns["target"] = [classes[int(label)] for label in rows[:, -1]]
    return f"'{source}'", columns


def _read(name: str) -> tuple[np.ndarray, list[str], list[str]]:
    """Numbers and the class of each row, names of the classes and of the columns.

    The file is read by ourselves where it is: importing scikit-learn takes a second in every worker. Its first line has
    the number of rows, of columns, and the classes.
    """
    found = importlib.util.find_spec("sklearn")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "datasets" / "data" / f"{FILES.get(name, name)}.csv"
        with contextlib.suppress(OSError, ValueError), path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            rows, columns, *classes = next(lines)
            table = np.array([[float(cell) for cell in line] for line in lines if line])
            if table.shape == (int(rows), int(columns) + 1):
                return table, [text.strip() for text in classes], [f"column{number}" for number in range(int(columns))]
    import sklearn.datasets

    bunch: Any = getattr(sklearn.datasets, f"load_{name}")()
    features = [f"column{number}" for number in range(bunch.data.shape[1])]
    return np.column_stack([bunch.data, bunch.target]), [str(text) for text in bunch.target_names], features


def _digit_sums(source: str) -> Cells:
    """The ink in each row and each column of 1,797 handwritten digits: 16 numbers that leave something to mend."""
    rows = digit_rows()
    pixels = rows[:, :64].reshape(-1, 8, 8)
    sums = np.hstack([pixels.sum(2), pixels.sum(1)])
    names = [f"{way}{number}" for way in ("row", "column") for number in range(8)]
    columns: dict[str, list[Any]] = {name: sums[:, place].tolist() for place, name in enumerate(names)}
    return f"'{source}'", columns | {"target": [str(int(label)) for label in rows[:, 64]]}


def _diabetes(source: str) -> Cells:
    """Ten numbers of 442 patients, as they were taken, and the progression of the disease."""
    import sklearn.datasets

    bunch: Any = sklearn.datasets.load_diabetes(scaled=False)
    columns = {str(name): bunch.data[:, column].tolist() for column, name in enumerate(bunch.feature_names)}
    return f"'{source}'", columns | {"target": bunch.target.tolist()}


def array_names(path: Path) -> set[str]:
    """Names of the arrays of an .npz file; none where it is no such."""
    with contextlib.suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        return {name.removesuffix(".npy") for name in archive.namelist()}
    return set()


def feature_arrays(path: Path, group: str | None = None) -> tuple[Cells, Cells | None]:
    """Arrays ``x`` [row, column] and ``y`` [row] of an .npz file, ``test_x`` and ``test_y``; never a pickle.

    The array ``group`` [row], of that name, and with ``test_`` before it, become columns.

    Raises:
        InputError: if the file cannot be read, an array is missing, or one is of another shape.
    """
    try:
        with path.open("rb") as file:
            arrays, there = read_arrays(file, [*ARRAYS, *named_groups(group)])
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"cannot read '{path}' as .npz of plain arrays: {shown(error)}") from error
    if missing := [name for name in ("x", "y") if name not in arrays]:
        raise InputError(f"'{path}' has arrays {there[:20]}, expected 'x' and 'y'; missing {missing}")
    if ("test_x" in arrays) != ("test_y" in arrays):
        raise InputError(f"'{path}' has only one of 'test_x' and 'test_y'; give both or neither")
    names = arrays.get("feature_names")
    train = _columns(f"'{path}'", arrays["x"], arrays["y"], names)
    test = _columns(f"'{path}': test", arrays["test_x"], arrays["test_y"], names) if "test_x" in arrays else None
    if test is not None and len(test[1]) != len(train[1]):
        raise InputError(f"'{path}': test_x has {len(test[1]) - 1} columns and x {len(train[1]) - 1}; make them equal")
    for (where, cells), own in ((train, group), (test or train, f"test_{group}")):
        if group is not None and own in arrays:
            cells[group] = row_groups(arrays[own], len(next(iter(cells.values()))), f"{where}: {own}")
    return train, test


def targets_among(cells: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that `feature_arrays` made of ``y``: "target", or "target0", "target1" and so on."""
    return ("target",) if "target" in cells else tuple(itertools.takewhile(cells.__contains__, _numbered()))


def _numbered() -> Iterator[str]:
    return (f"target{number}" for number in itertools.count())


def _columns(where: str, x: np.ndarray, y: np.ndarray, names: np.ndarray | None) -> Cells:
    outputs = y[:, None] if y.ndim == 1 else y
    if x.ndim != 2 or outputs.ndim != 2 or not outputs.shape[1] or len(outputs) != len(x) or x.dtype.kind not in "fiub":
        raise InputError(
            f"{where}: x is {x.dtype} {list(x.shape)} and y {y.dtype} {list(y.shape)}, expected numbers [row, column] "
            "and a target [row], or several [row, target]"
        )
    if not x.size:
        raise InputError(f"{where} is empty")
    features = [f"column{number}" for number in range(x.shape[1])] if names is None else [str(name) for name in names]
    targets = ["target"] if outputs.shape[1] == 1 else list(itertools.islice(_numbered(), outputs.shape[1]))
    if len(features) != x.shape[1] or len({*features, "target", *targets}) < len({"target", *targets}) + len(features):
        raise InputError(f"{where}: feature_names has {len(features)} names for {x.shape[1]} columns, or one twice")
    columns: dict[str, list[Any]] = {name: x[:, column].astype(float).tolist() for column, name in enumerate(features)}
    columns |= {name: column.tolist() for name, column in zip(targets, outputs.T, strict=True)}
    return where, columns
