"""Bringing rows of several files into one order, and classes of several files into one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modescape.errors import InputError
from modescape.plain import MOST_CLASSES, shown

FEW = 3  # of what is missing that a message names
HINT = "; for a regression give --task regression"
MOST_ANSWERS = 1_000  # different texts that may be classes


@dataclass(frozen=True)
class Examples:
    """The examples: their names, in order."""

    where: str  # the file that says it
    count: int
    ids: np.ndarray | None = None

    @classmethod
    def of(cls, where: str, count: int, ids: np.ndarray | None) -> Examples:
        """Checked: one name an example.

        Raises:
            InputError: if a name stands there twice.
        """
        if ids is not None:
            _check_ids(where, ids, count)
        return cls(where, count, ids)

    def order(self, where: str, count: int, ids: np.ndarray | None) -> np.ndarray | None:
        """Numbers of a file's rows in the order of the examples; None: they are in it.

        Where one of the two has no ids, or texts and the other numbers, rows are taken in their order; a file whose ids
        are the numbers of its rows, in the order of these.

        Raises:
            InputError: naming what is not in both.
        """
        if ids is not None:
            _check_ids(where, ids, count)
        own = self.ids
        if own is not None and ids is not None and not (own.dtype.kind == "U" and _are_rows(ids)):
            if own.dtype.kind != ids.dtype.kind:
                own, ids = own.astype(str), ids.astype(str)
            return _placed(self.where, own, where, ids)
        if count != self.count:
            raise InputError(
                f"'{where}' has {count:,} rows and '{self.where}' has {self.count:,}; expected equally many"
            )
        if ids is not None and _are_rows(ids):
            order = np.argsort(ids)
            return None if (order == np.arange(count)).all() else order
        return None


def rows_in_order(files: Sequence[str], examples: Examples) -> list[str]:
    """Sentences of files without ids where labels have some: nothing else says which rows are which.

    Args:
        files: names of those without ids.
        examples: of the labels.
    """
    ids = examples.ids
    if not files or ids is None or (_are_rows(ids) and (ids == np.arange(len(ids))).all()):
        return []
    some = shown(", ".join(files), 200)
    return [f"Without ids: {some}; their rows are assumed to be in the order of '{examples.where}', which has ids."]


def check_same_rows(first: tuple[str, np.ndarray] | None, where: str, ids: np.ndarray | None) -> Any:
    """Refuse files whose ids differ where labels have none, so that nobody knows which rows the labels are of.

    Args:
        first: name and ids of the first file that has ids; None: there was none yet.
        where: name of the next file.
        ids: its own; None: it has none.

    Returns:
        Name and ids of the first file that has some.

    Raises:
        InputError: if the two are not the same, row by row.
    """
    if ids is None or not len(ids) or _are_rows(ids):  # numbers of rows say which rows they are
        return first
    if first is None:
        return where, ids
    before, known = first
    if len(ids) != len(known) or (ids.astype(str) != known.astype(str)).any():
        raise InputError(
            f"'{where}' and '{before}' have different ids, or the same in another order, and the labels have none; "
            "give labels with ids"
        )
    return first


def _are_rows(ids: np.ndarray) -> bool:
    """Whether ids, all different, are the numbers of the rows from 0 on, in any order."""
    return ids.dtype.kind in "iu" and int(ids.min()) == 0 and int(ids.max()) == len(ids) - 1


def _check_ids(where: str, ids: np.ndarray, count: int) -> None:
    if ids.ndim != 1 or len(ids) != count:
        raise InputError(f"'{where}' has {len(ids):,} ids and {count:,} rows")
    if ids.dtype.kind == "f":
        raise InputError(f"ids of '{where}' are missing or have fractions; expected whole numbers or texts")
    found, first, times = np.unique(ids, return_index=True, return_counts=True)
    if (times > 1).any():
        twice = found[times > 1][np.argmin(first[times > 1])]
        rows = np.flatnonzero(ids == twice)[:2]
        raise InputError(f"'{where}' has the id {shown(repr(twice.item()), 60)} twice, in rows {rows[0]} and {rows[1]}")


def _placed(where: str, own: np.ndarray, other: str, ids: np.ndarray) -> np.ndarray | None:
    if len(own) == len(ids) and (own == ids).all():
        return None
    order = np.argsort(ids)
    at = np.searchsorted(ids, own, sorter=order).clip(max=len(ids) - 1)
    found = order[at]
    lacking = own[ids[found] != own]
    if len(lacking):
        such = ", ".join(shown(repr(one.item()), 40) for one in lacking[:FEW])
        raise InputError(f"'{other}' lacks {len(lacking):,} of the {len(own):,} ids of '{where}', such as {such}")
    if len(ids) > len(own):
        more = np.setdiff1d(ids, own)
        such = ", ".join(shown(repr(one.item()), 40) for one in more[:FEW])
        raise InputError(f"'{other}' has {len(more):,} ids that '{where}' lacks, such as {such}")
    return found


def whole(values: np.ndarray) -> np.ndarray | None:
    """Labels or answers as whole numbers; None where they are texts, or numbers with fractions.

    >>> whole(np.array([1.0, 2.0])), whole(np.array(["3", "4"])), whole(np.array([0.5]))
    (array([1, 2]), array([3, 4]), None)
    """
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        exact = np.isfinite(values).all() and (values == np.round(values)).all()
        return values.astype(np.int64) if exact else None
    if values.dtype.kind == "U" and all(text.lstrip("-").isdecimal() for text in values.tolist()):
        try:
            return values.astype(np.int64)
        except (OverflowError, ValueError):
            return None
    return None


def coded(values: np.ndarray, names: Sequence[str], where: str, what: str) -> np.ndarray:
    """Texts or whole numbers as numbers of classes, int64 [example].

    Args:
        values: as they are.
        names: of the classes, which texts are looked up in, and numbers where all of them are names.
        where: the file, for messages.
        what: the values are, for messages.

    Raises:
        InputError: naming the row of what is no class.
    """
    numbers = whole(values)
    texts = (values if numbers is None or values.dtype.kind == "U" else numbers).astype(str).tolist()
    if numbers is None or set(texts) <= set(names):
        number = {name: place for place, name in enumerate(names)}
        wrong = [row for row, text in enumerate(texts) if text not in number]
        if wrong:
            raise InputError(
                f"'{where}', row {wrong[0]}: the {what} is {shown(repr(texts[wrong[0]]), 40)}, none of the classes "
                f"({shown(', '.join(names), 120)})"
            )
        return np.array([number[text] for text in texts], dtype=np.int64)
    wrong = np.flatnonzero((numbers < 0) | (numbers >= len(names)))
    if len(wrong):
        raise InputError(
            f"'{where}', row {wrong[0]}: the {what} is {numbers[wrong[0]]}, expected 0 to {len(names) - 1}; "
            f"{len(wrong):,} such rows{HINT if what == 'label' and len(names) == 2 else ''}"
        )
    return numbers


def names_from(label: np.ndarray, answers: Sequence[np.ndarray]) -> tuple[str, ...]:
    """Classes of predictions that are one class an example: numbers up to the largest, else all texts.

    An answer that is no label counts as a class, unless labels have all numbers from 0 on.

    Raises:
        InputError: if there are too many to be classes.
    """
    numbers, others = whole(label), [found for one in answers if (found := whole(one)) is not None]
    if numbers is not None and len(others) == len(answers):
        there = np.unique(numbers)
        largest = int(there[-1])
        if len(there) <= largest or there[0] < 0:  # some class has no example: answers may name it
            largest = max([largest, *(int(one.max()) for one in others)])
        _check_count(largest + 1, MOST_CLASSES)
        return tuple(map(str, range(largest + 1)))
    every = {str(text) for values in (label, *answers) for text in np.unique(values).tolist()}
    _check_count(len(every), MOST_ANSWERS)
    return tuple(sorted(every))


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise InputError(
            f"labels and predictions have {count:,} different values, too many for classes; expected at most {most:,}"
        )


def as_targets(values: np.ndarray, where: str) -> np.ndarray:
    """Labels of a regression, float64 [example, 1].

    Raises:
        InputError: naming the row of what is not a finite number.
    """
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"labels of '{where}' are texts, expected numbers ({shown(error, 80)})") from error
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise InputError(f"'{where}', row {wrong[0]}: the label is {numbers[wrong[0]]}, expected a finite number")
    return numbers.reshape(-1, 1)


def check_present(values: Any, where: str) -> None:
    """Refuse labels of classes of which one is missing.

    Raises:
        InputError: naming the row.
    """
    wrong = np.flatnonzero(np.isnan(values)) if values.dtype.kind == "f" else np.flatnonzero(values == "")
    if len(wrong):
        raise InputError(f"'{where}', row {wrong[0]}: the label is missing; {len(wrong):,} such rows")
