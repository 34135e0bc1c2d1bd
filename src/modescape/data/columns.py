"""Finding the columns of pictures and labels, and the classes of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modescape import recipe
from modescape.data.kinds import refuse_columns
from modescape.data.tables import EVERY_ROW_ITS_OWN, Part, is_picture
from modescape.errors import InputError
from modescape.plain import MOST_CLASSES, shown

SHORT_TEXT = 100  # bytes; no real picture is as short


def image_column(part: Part, wanted: str | None) -> str:
    """The column of pictures: declared as such, else of bytes or ``{bytes, path}``, else of names of pictures.

    Raises:
        InputError: if there is none or more than one and none is called "image", or the named one is not of pictures.
    """
    if wanted is None:
        return _only(part, _pictures(part), "image")
    _check_named(part, wanted)
    if wanted not in (*part.declared, *_of_kind(part, _is_encoded), *_of_kind(part, _is_text)):
        raise InputError(f"column {wanted!r} of '{part.source}' holds no images; name another with data.image")
    return wanted


def label_column(part: Part, wanted: str | None, image: str) -> str:
    """The column of labels: with named classes, else of whole numbers (in a dataset of the hub) or texts.

    Raises:
        InputError: if there is none, or more than one and none is called "label".
    """
    if wanted is not None:
        _check_named(part, wanted)
        return wanted
    numbers = _of_kind(part, _is_whole)
    pictures = _of_kind(part, _is_text_of_pictures)
    texts = [name for name in _of_kind(part, lambda one: _is_text(one) or _is_truth(one)) if name not in pictures]
    untyped = numbers if part.declared and numbers else [*numbers, *texts]
    found = [*part.class_names] or untyped
    return _only(part, [name for name in found if name != image], "label")


def _check_named(part: Part, name: str) -> None:
    if name not in part.table.column_names:
        columns = shown(", ".join(part.table.column_names))
        raise InputError(f"'{part.source}' has no column {name!r}; its columns: {columns}")


def _only(part: Part, found: list[str], key: str) -> str:
    if len(found) > 1:
        found = [name for name in found if name.lower() == key] or found
    such = [name for name in part.table.column_names if name.lower() == key and not _is_text(part.table.column(name))]
    if not found and such:
        raise InputError(_holds(part, such[0], key))
    if len(found) != 1:
        raise InputError(
            f"'{part.source}' has {len(found)} columns that may be the {key} "
            f"({shown(', '.join(part.table.column_names))}); name one with --set data.{key}=COLUMN"
        )
    return found[0]


def _holds(part: Part, column: str, key: str) -> str:
    expected = "pictures, or their paths" if key == "image" else "whole numbers or texts: one class per image"
    return (
        f"column {column!r} of '{part.source}' holds {shown(part.table.column(column).type, 60)}, expected {expected}"
    )


def _of_kind(part: Part, fits: Any) -> list[str]:
    return [name for name in part.table.column_names if fits(part.table.column(name))]


def _is_encoded(column: Any) -> bool:
    from pyarrow import types

    kind = column.type
    if types.is_struct(kind):
        names = [kind.field(number).name for number in range(kind.num_fields)]
        return bool(names) and (set(names) <= {"bytes", "path"} or {"bytes", "path"} <= set(names))
    binary = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return binary and not _is_written(column)


def _is_written(column: Any) -> bool:
    """Whether the first cell of a column of bytes is a short text, as some programs store strings, not a picture."""
    first = next((cell for cell in column.slice(0, 100).to_pylist() if cell), b"")
    return 0 < len(first) < SHORT_TEXT and first.isascii() and first.decode().isprintable()


def _is_text(column: Any) -> bool:
    from pyarrow import types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _is_text_of_pictures(column: Any) -> bool:
    return _is_text(column) and is_picture(next((cell for cell in column.slice(0, 100).to_pylist() if cell), None))


def _is_truth(column: Any) -> bool:
    from pyarrow import types

    return types.is_boolean(column.type)


def _is_whole(column: Any) -> bool:
    """Whole numbers, also of a floating type, which pandas uses if some are missing."""
    from pyarrow import types

    if types.is_floating(column.type):
        return all(cell is None or cell != cell or cell == round(cell) for cell in column.to_pylist())
    return types.is_integer(column.type)


def raw_labels(part: Part, column: str) -> list[Any]:
    """The labels of a split as written: whole numbers, texts, or None where there is none.

    Raises:
        InputError: if the column is of another type.
    """
    if column not in part.table.column_names:  # a test split without labels may lack the column
        return [None] * len(part)
    values = part.table.column(column)
    if not (str(values.type) == "null" or _is_truth(values) or _is_whole(values) or _is_text(values)):
        raise InputError(_holds(part, column, "label"))
    return [_label(cell) for cell in values.to_pylist()]


def _label(cell: Any) -> Any:
    """A label as a whole number or a text; None where there is none."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return int(cell) if cell == cell else None
    return None if cell == "" else cell


def has_labels(labels: Sequence[Any]) -> bool:
    """Whether any label of a split is there: hidden ones are -1 or missing throughout."""
    return any(not _is_missing(label) for label in labels)


def _is_missing(label: Any) -> bool:
    return label is None or (isinstance(label, int) and label < 0) or label == "-1"


def classes(
    parts: Sequence[Part], labels: Sequence[list[Any]], column: str, image: str
) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """Names of the classes, and each split's labels as int64 [example].

    Numbers with declared names are used as they are; otherwise every value that occurs is a class, numbers in numerical
    and texts in alphabetical order.

    Raises:
        InputError: if a label is missing or out of range, naming the file or the row; if there are too many classes.
    """
    names = parts[0].class_names.get(column)
    highest = None if names is None else len(names) - 1
    for part, own in zip(parts, labels, strict=True):
        for row, label in enumerate(own):
            if _is_missing(label) or (highest is not None and label > highest):
                expected = "a number from 0 or a text" if highest is None else f"0 to {highest}"
                _, where = next(part.cells(image, [row]))
                raise InputError(f"{where}: the label is {'missing' if label is None else label}, expected {expected}")
    if names is not None:
        return names, [np.asarray(own, dtype=np.int64) for own in labels]
    every = {label for own in labels for label in own}
    if len({type(label) for label in every}) > 1:
        every = set(map(str, every))
        labels = [list(map(str, own)) for own in labels]
    total = sum(map(len, labels))
    if len(every) > MOST_CLASSES or len(every) == total > EVERY_ROW_ITS_OWN:
        raise InputError(
            f"column {column!r} of '{parts[0].source}' has {len(every):,} different values in {total:,} rows: these "
            "are not classes; name another with --set data.label=COLUMN"
        )
    number = {label: place for place, label in enumerate(sorted(every))}
    return tuple(map(str, number)), [np.asarray([number[label] for label in own], dtype=np.int64) for own in labels]


def alike(names: tuple[str, ...]) -> tuple[str, ...]:
    """A sentence about classes whose names differ only in case; empty if there are none."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.casefold(), []).append(name)
    twice = [name for group in groups.values() if len(group) > 1 for name in group]
    if not twice:
        return ()
    return (f"Class names that differ only in case are treated as different classes ({shown(', '.join(twice), 200)}).",)


def settled(part: Part, data: recipe.Data) -> tuple[str, str]:
    """Names of the image and the label column of a source's training split.

    Raises:
        InputError: if they cannot be determined; an `UnsupportedError` if the table is not an image classification.
    """
    if not len(part):
        raise InputError(f"'{part.source}': {part.name} is empty")
    pictures = [data.image] if data.image is not None else _pictures(part)
    kinds = {name: _kind(part.table.column(name)) for name in part.table.column_names}
    refuse_columns(kinds, pictures, data.label, f"'{part.source}'")
    image = image_column(part, data.image)
    return image, label_column(part, data.label, image)


def _pictures(part: Part) -> list[str]:
    """Columns that may hold the pictures: declared as such, else encoded, else names of pictures."""
    return [*part.declared] or _of_kind(part, _is_encoded) or _of_kind(part, _is_text_of_pictures)


def _kind(column: Any) -> str:
    """The type of a column as Arrow names it; "float" for texts that are numbers with fractions (the first hundred)."""
    if not _is_text(column):
        return "int64" if _is_whole(column) else str(column.type)
    cells = [cell for cell in column.slice(0, 100).to_pylist() if cell]
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        return "string"
    return "float" if any(number != round(number) for number in numbers if abs(number) < 1e15) else "string"
