"""Rows under shift, and out-of-distribution rows.

Strengths are those of severities 1 to 5; a row's random numbers are the same at all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from modescape import rng
from modescape.data.inputs.base import Change, Corruption, Selection, Shifts, Unlike
from modescape.errors import InputError
from modescape.plain import shown
from modescape.types import Inputs

NUMBER, CATEGORY = "number", "category"
"""Leaves of a split: float64 [row, column], NaN where missing; int64 [row, column], a place among the values."""
MISSING = "(missing)"  # the value of a category whose cell is empty
UNKNOWN = -1  # place of a value that the source does not have

NOISE = (0.1, 0.2, 0.4, 0.8, 1.6)  # standard deviations of a column's training rows
EMPTIED = (0.1, 0.2, 0.3, 0.4, 0.5)  # share of a row's cells
UPPER = (0.85, 0.7, 0.55, 0.4, 0.25)  # share of the rows
MOST_ROWS, MOST_COLUMNS = 2_000, 500  # among which the column of the covariate shift is looked for
FAR = 3.0  # standard deviations of rows of noise
SAME = 1e-9  # of a standard deviation, below which a number did not change


class Learnt(Protocol):
    """What the training rows show of each column; see `modescape.data.inputs.table.Fitted`."""

    centre: Tensor
    spread: Tensor
    kept: Tensor
    sizes: tuple[int, ...]


class Rows(Protocol):
    """Names of columns, values of categories, and what was learnt of them."""

    numbers: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]

    @property
    def learnt(self) -> Learnt:
        """What was fitted."""
        ...


def _leaves(inputs: Inputs) -> tuple[Tensor, Tensor]:
    assert isinstance(inputs, dict)
    return inputs[NUMBER], inputs[CATEGORY]


def _noise(rows: Rows, inputs: Inputs, severity: int, keys: Tensor) -> Inputs:
    number, category = _leaves(inputs)
    drawn = rng.normal(keys, number.shape[1]).to(number.device)
    return {NUMBER: number + NOISE[severity - 1] * rows.learnt.spread.to(number.device) * drawn, CATEGORY: category}


def used_columns(rows: Rows) -> tuple[list[int], list[int]]:
    """Columns of numbers and of categories that a network sees: those that hold several values in training."""
    fitted = rows.learnt
    return fitted.kept.tolist(), [column for column, size in enumerate(fitted.sizes) if size]


def _missing(rows: Rows, inputs: Inputs, severity: int, keys: Tensor) -> Inputs:
    """A share of each row's cells is removed: the column's median, or the unknown value, replaces them."""
    number, category = (leaf.clone() for leaf in _leaves(inputs))
    numbers, categories = used_columns(rows)
    there = len(numbers) + len(categories)
    order, split = rng.words(keys, 2).unbind(-1)
    wanted = EMPTIED[severity - 1] * there
    count = (wanted + rng.uniform(split, 1)[:, 0]).floor().long()  # whole cells, whose mean is the share
    rank = rng.permutation(order, there).argsort(-1)
    emptied = (rank < count[:, None]).to(number.device)
    number[:, numbers] = number[:, numbers].masked_fill(emptied[:, : len(numbers)], torch.nan)
    for place, column in enumerate(categories, start=len(numbers)):
        values = rows.values[column]
        empty = values.index(MISSING) if MISSING in values else UNKNOWN
        category[:, column] = category[:, column].masked_fill(emptied[:, place], empty)
    return {NUMBER: number, CATEGORY: category}


def _measure(rows: Rows, clean: Inputs, changed: Inputs) -> Change:
    """Mean absolute change of a number that is still there, and the share of cells that change or go."""
    (number, category), (other, code) = _leaves(clean), _leaves(changed)
    numbers, categories = used_columns(rows)
    apart = ((other - number) / rows.learnt.spread.to(number.device))[:, numbers].abs()
    gone = other[:, numbers].isnan() & ~number[:, numbers].isnan()
    moved = torch.cat([(apart > SAME) | gone, (code != category)[:, categories]], 1)
    left = apart[~apart.isnan()]
    return Change(float(left.mean()) if len(left) else 0.0, float(moved.double().mean()) if moved.numel() else 0.0)


def shift_column(rows: Rows, inputs: Inputs) -> int | None:
    """The column of numbers that is most correlated with the others: the largest mean of absolute correlations.

    Args:
        rows: the kind.
        inputs: rows, of which the first `MOST_ROWS` are looked at, and of their columns the first `MOST_COLUMNS`.

    Returns:
        Its place among the numbers; None where no column of numbers varies.
    """
    number, _ = _leaves(inputs)
    kept = rows.learnt.kept.to(number.device)[:MOST_COLUMNS]
    if not len(kept):
        return None
    some = number[:MOST_ROWS][:, kept]
    centred = torch.nan_to_num(some - some.nanmean(0))
    length = centred.norm(dim=0)
    unit = centred / torch.where(length > 0, length, 1.0)
    mean = (unit.T @ unit).abs().fill_diagonal_(0).mean(1)
    mean = torch.where(length > 0, mean.round(decimals=12), -1.0)  # the first of equal ones, whatever the last bits
    return int(kept[int(mean.argmax())])


def _select(rows: Rows, inputs: Inputs, column: str | None) -> Mapping[str, Selection]:
    """The rows with the highest values of one column, nested and ever fewer; missing values count as lowest."""
    number, _ = _leaves(inputs)
    if column is not None and column not in rows.numbers:
        raise InputError(
            f"data.shift_column is {column!r}, and columns of numbers are {shown(', '.join(rows.numbers), 200)}; name "
            "one of these"
        )
    place = shift_column(rows, inputs) if column is None else rows.numbers.index(column)
    if place is None:
        return {}
    values = torch.nan_to_num(number[:, place], nan=-torch.inf)
    rank = values.argsort(descending=True, stable=True).argsort().cpu()
    chosen = torch.stack([rank < max(1, round(share * len(values))) for share in UPPER])
    shares = ", ".join(f"{100 * share:g}" for share in UPPER)
    words = f"the {shares} % of the rows with the highest values of {shown(rows.numbers[place], 40)}, as they are"
    return {"covariate_shift": Selection(words, chosen)}


def _strengths(values: tuple[float, ...], factor: float = 1.0) -> str:
    return ", ".join(f"{factor * value:g}" for value in values)


ROW_SHIFTS = Shifts(
    corruptions={
        "noise": Corruption(
            f"Gaussian noise of {_strengths(NOISE)} training standard deviations added to all numbers", _noise
        ),
        "missing_cells": Corruption(
            f"{_strengths(EMPTIED, 100)} % of the cells of each row emptied, for which the column's median, or no "
            "category, stands",
            _missing,
        ),
    },
    measure=_measure,
    unit="training standard deviations",
    select=_select,
)


def _permuted(rows: Rows, inputs: Inputs, seed: int) -> Inputs:
    """Each column permuted independently, which keeps its distribution and removes its dependence on others."""
    found = {}
    for name, leaf in zip((NUMBER, CATEGORY), _leaves(inputs), strict=True):
        keys = torch.tensor([rng.key(seed, f"permuted {name}", column) for column in range(leaf.shape[1])])
        order = rng.permutation(keys.to(torch.int64), len(leaf)).T.to(leaf.device)
        found[name] = leaf.gather(0, order)
    return found


def _far(rows: Rows, inputs: Inputs, seed: int) -> Inputs:
    """Numbers from a Gaussian around the training mean, categories from all known values alike."""
    number, category = _leaves(inputs)
    keys = rng.words(torch.tensor(rng.key(seed, "noise rows")), len(number))
    fitted, places = rows.learnt, number.shape[1]
    drawn = rng.normal(keys, places).to(number.device)
    sizes = torch.tensor([len(values) for values in rows.values], dtype=torch.float64)
    codes = (rng.uniform(keys, places + len(sizes))[:, places:] * sizes).long().to(category.device)
    spread, centre = fitted.spread.to(number.device), fitted.centre.to(number.device)
    return {NUMBER: centre + FAR * spread * drawn, CATEGORY: codes}


ROWS_UNLIKE = {
    "permuted": Unlike("the test rows with each column shuffled by itself", _permuted),
    "noise": Unlike(f"rows of independent numbers, Gaussian with {FAR:g} times the training standard deviation", _far),
}
