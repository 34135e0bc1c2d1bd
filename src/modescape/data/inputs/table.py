"""Rows of a table: numbers scaled and categories coded by statistics of the training rows."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from modescape import recipe
from modescape.batches import InputShape, Leaf
from modescape.data.inputs.base import Shifts, Unlike
from modescape.data.inputs.row_shifts import CATEGORY, MISSING, NUMBER, ROW_SHIFTS, ROWS_UNLIKE
from modescape.errors import InputError
from modescape.plain import shown
from modescape.types import Inputs

CONSTANT = 1e-12  # deviation over the largest number, below which a column holds one value


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of numbers and categories.

    Attributes:
        numbers: names of the columns of numbers.
        categories: names of the columns of categories.
        values: for each category, the values that occur in the source, in the order of their codes.
        coding: "one_hot", or "codes" for an embedding.
        fitted: statistics of the training rows; None before `fit`.
    """

    numbers: tuple[str, ...]
    categories: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    coding: str = "one_hot"
    fitted: Fitted | None = None
    name: str = "table"
    word: str = "rows"
    noun: str = "row"

    @property
    def facts(self) -> list[Any]:
        """Names of columns and values."""
        return [self.numbers, self.categories, self.values]

    def tensors(self, arrays: Any) -> Inputs:
        """float64 and int64."""
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def fit(self, train: Inputs) -> tuple[Rows, tuple[str, ...]]:
        """Scaling of numbers and codes of categories.

        Raises:
            InputError: if no column has several values.
        """
        fitted = Fitted.of(train, self)
        if not len(fitted.kept) and not len(fitted.indicated) and not any(fitted.sizes):
            raise InputError("every column holds one value in all training rows; there is nothing to learn from")
        return replace(self, fitted=fitted), fitted.said(self)

    @property
    def learnt(self) -> Fitted:
        """What was fitted.

        Raises:
            RuntimeError: if nothing was.
        """
        if self.fitted is None:
            raise RuntimeError("a table is fitted when it is cut into splits")
        return self.fitted

    def shape(self, inputs: Inputs) -> InputShape:
        """Features [feature]; with codes of categories beside them [category]."""
        fitted = self.learnt
        features = len(fitted.kept) + len(fitted.indicated)
        if self.coding == "one_hot":
            features += sum(fitted.sizes)
            return InputShape(Leaf((features,)), {"features": features}, self.name, self.word)
        sizes = [size + 1 for size in fitted.sizes if size]
        pair = (Leaf((features,)), Leaf((len(sizes),), "int64"))
        return InputShape(pair, {"features": features, "categories": sizes}, self.name, self.word)

    @property
    def shifts(self) -> Shifts:
        """Noise, missing cells, and the rows with the upper values of a column."""
        return ROW_SHIFTS

    @property
    def unlike(self) -> Mapping[str, Unlike]:
        """Columns shuffled by themselves, and noise."""
        return ROWS_UNLIKE

    def prepare(self, data: recipe.Data, train: Inputs) -> Prepared:
        """Scaling and coding; rows are not augmented."""
        return Prepared(self)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Statistics of the training rows, column by column."""

    median: Tensor  # of numbers, float64 [column]
    centre: Tensor  # their mean
    spread: Tensor  # their standard deviation
    kept: Tensor  # columns of numbers that hold several values, int64
    indicated: Tensor  # columns of numbers some of whose cells are missing, int64
    missing: tuple[int, ...]  # cells of each column of numbers that are
    codes: Tensor  # of the values of all categories one behind the other: 0 unknown, 1 .. size, int64
    offsets: Tensor  # where each category begins among them, int64 [category]
    sizes: tuple[int, ...]  # values of each category that occur in training; 0 where it is one alone

    @classmethod
    def of(cls, train: Inputs, rows: Rows) -> Fitted:
        """From the leaves of a split."""
        assert isinstance(train, dict)
        number, category = train[NUMBER], train[CATEGORY]
        there = ~number.isnan()
        count = there.sum(0)
        filled = torch.where(there, number, 0.0)
        centre = filled.sum(0) / count.clamp_min(1)
        spread = (torch.where(there, number - centre, 0.0).square().sum(0) / count.clamp_min(1)).sqrt()
        largest = filled.abs().amax(0) if len(number) else centre
        constant = spread <= CONSTANT * largest.clamp_min(torch.finfo(torch.float64).tiny)
        gaps = count < len(number)
        codes, sizes = [], []
        for column, values in enumerate(rows.values):
            seen = torch.zeros(len(values), dtype=torch.bool)
            seen[category[:, column]] = True
            several = int(seen.sum()) > 1
            codes.append(seen.cumsum(0) * seen * several)
            sizes.append(int(seen.sum()) * several)
        lengths = [len(values) for values in rows.values]
        return cls(
            median=_median(number, count) if len(number) else centre,
            centre=centre,
            spread=torch.where(constant, 1.0, spread),
            kept=(~constant).nonzero()[:, 0],
            indicated=gaps.nonzero()[:, 0],
            missing=tuple((len(number) - count).tolist()),
            codes=torch.cat([torch.zeros(0, dtype=torch.int64), *codes]),
            offsets=torch.tensor([sum(lengths[:column]) for column in range(len(lengths))], dtype=torch.int64),
            sizes=tuple(sizes),
        )

    def said(self, rows: Rows) -> tuple[str, ...]:
        """Sentences for the page about what is left out and what stands for what is missing."""
        kept = set(self.kept.tolist())
        alone = [name for column, name in enumerate(rows.numbers) if column not in kept]
        alone += [name for name, size in zip(rows.categories, self.sizes, strict=True) if not size]
        notes = []
        if alone:
            notes.append(f"Columns that hold one value in all training rows are left out: {_listed(alone)}.")
        gaps = [f"{name} ({count:,})" for name, count in zip(rows.numbers, self.missing, strict=True) if count]
        if gaps:
            notes.append(
                f"Cells are missing among the training rows: {_listed(gaps)}. The column's median stands for them, and "
                "a column beside it says where."
            )
        return tuple(notes)

    def to(self, device: torch.device) -> Fitted:
        """The same on a device."""
        moved = {name: one.to(device) for name, one in vars(self).items() if isinstance(one, Tensor)}
        return replace(self, **moved)


def _median(number: Tensor, count: Tensor) -> Tensor:
    """Median of what is there of each column, 0 where nothing is; of an even ``count`` the mean of the middle two."""
    ordered = number.sort(0).values  # NaN last; `torch.nanmedian` gives the lower of the middle two
    low, high = (ordered.gather(0, at[None])[0] for at in ((count - 1).clamp_min(0) // 2, count // 2))
    return torch.nan_to_num((low + high) / 2)


@dataclass(frozen=True)
class Prepared:
    """From rows to features: (number - mean) / deviation, indicators of missing numbers, categories."""

    rows: Rows
    _made: dict[tuple[int, torch.dtype], tuple[Any, Inputs]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, inputs: Inputs, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32) -> Inputs:
        """Prepare rows; see `modescape.data.inputs.base.Prepare`."""
        assert isinstance(inputs, dict)
        number, category = inputs[NUMBER], inputs[CATEGORY]
        fitted = self.rows.learnt.to(number.device)
        missing = number.isnan()
        scaled = (torch.where(missing, fitted.median, number) - fitted.centre) / fitted.spread
        parts = [scaled[..., fitted.kept].to(dtype), missing[..., fitted.indicated].to(dtype)]
        varied = [column for column, size in enumerate(fitted.sizes) if size]
        codes = category[..., :0]
        if varied:  # below 0: a value that the source does not have
            codes = (fitted.codes[category.clamp_min(0) + fitted.offsets] * (category >= 0))[..., varied]
        if self.rows.coding == "codes":
            return torch.cat(parts, -1), codes
        for place, column in enumerate(varied):
            known = torch.arange(1, fitted.sizes[column] + 1, device=codes.device)
            parts.append((codes[..., place, None] == known).to(dtype))
        return torch.cat(parts, -1)

    def pick(
        self, inputs: Inputs, index: Tensor, keys: Tensor | None = None, *, dtype: torch.dtype = torch.float32
    ) -> Inputs:
        """Prepare the rows of a batch; the whole split is prepared once and cached as long as the split lives."""
        assert isinstance(inputs, dict)
        leaf = inputs[NUMBER]
        place = id(leaf), dtype
        held = self._made.get(place)
        if held is None or held[0]() is not leaf:
            forget = weakref.ref(leaf, lambda _: self._made.pop(place, None))
            held = self._made[place] = forget, self(inputs, dtype=dtype)
        whole = held[1]
        if isinstance(whole, Tensor):
            return whole[index]
        assert isinstance(whole, tuple)
        return tuple(one[index] for one in whole)


__all__ = ["CATEGORY", "MISSING", "NUMBER", "Fitted", "Prepared", "Rows"]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return shown(", ".join(names[:8]), 300) + more
