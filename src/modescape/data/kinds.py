"""What is no classification of images, recognised by its arrays or columns and refused by these words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modescape.errors import InputError, UnsupportedError

FRACTIONS = ("float", "halffloat", "double", "decimal")
"""How Arrow's types of numbers with fractions begin."""


def refuse_arrays(image: np.ndarray, label: np.ndarray, name: str) -> None:
    """Refuse arrays of tables, text, segmentation, or several labels per picture.

    Args:
        image: what should be pictures, [example, ...].
        label: what should be classes, [example].
        name: of the source, for messages.

    Raises:
        UnsupportedError: saying what the arrays look like; other faults are left to others.
    """
    fractions = label[label != np.rint(label)] if label.dtype.kind == "f" and label.ndim == 1 else label[:0]
    if len(fractions):
        raise InputError(
            f"{name}: label is {label.dtype} with values such as {fractions[0]:g}, not classes; for a regression "
            "leave task.kind out"
        )
    if image.dtype.kind in "UST":
        raise UnsupportedError(f"{name}: image holds text")
    if image.ndim == 2:
        raise UnsupportedError(f"{name}: image is {image.dtype} {list(image.shape)}: a table of numbers")
    if label.ndim >= 3:
        raise UnsupportedError(f"{name}: label is {label.dtype} {list(label.shape)}: a class for each pixel")
    if label.ndim == 2 and label.shape[1] > 1:
        raise UnsupportedError(f"{name}: label is {label.dtype} {list(label.shape)}: several numbers per picture")


def refuse_columns(kinds: Mapping[str, str], images: list[str], label: str | None, name: str) -> None:
    """Refuse a table without pictures, or whose label is no single class.

    Args:
        kinds: column -> its type as Arrow names it; "float" also where all texts are numbers with fractions.
        images: columns that may hold pictures or their paths.
        label: the column of the labels, where it is known.
        name: of the source, for messages.

    Raises:
        UnsupportedError: saying what the columns look like; other faults are left to others.
    """
    listed = ", ".join(f"{column} ({kind})" for column, kind in list(kinds.items())[:6])
    numbers = [column for column, kind in kinds.items() if kind.startswith(FRACTIONS)]
    if not images and kinds:
        looks = "text" if any("string" in kind for kind in kinds.values()) and not numbers else "a table"
        hint = "; a column of paths is named by data.image=COLUMN" if looks == "text" else ""
        raise UnsupportedError(f"{name} has no column of images: {listed}; it looks like {looks}{hint}")
    if len(images) == len(kinds) > 1:
        raise UnsupportedError(f"{name} holds nothing but images: {listed}; it looks like image-to-image data")
    if label is None and numbers and len(numbers) + len(images) == len(kinds):
        label = numbers[0]  # nothing else could be it
    kind = kinds.get(label or "", "")
    if kind.startswith(FRACTIONS):
        raise UnsupportedError(f"{name}: the label {label!r} is {kind}: a regression")
    if kind.startswith(("list", "large_list", "fixed_size_list")):
        raise UnsupportedError(f"{name}: the label {label!r} is a {kind}: several labels per picture")
