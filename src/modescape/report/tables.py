"""A result as CSV: one tidy table for all variables that share their dimensions, safe to open in a spreadsheet."""

from __future__ import annotations

import base64
import csv
import functools
import gzip
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modescape.plain import for_spreadsheets

if TYPE_CHECKING:
    import xarray as xr

MOST_ROWS = 60_000  # larger tables stay in the .nc file: the page is to stay below 12 MB


@dataclass(frozen=True)
class Csv:
    """A table to be downloaded."""

    name: str  # file name
    dimensions: str  # what a row is: "member by epoch"
    rows: int
    text: str  # "" when the table is too long for the page

    @functools.cached_property
    def address(self) -> str:
        """The table as a data: address, compressed."""
        packed = gzip.compress(self.text.encode("utf-8", "replace"), 9, mtime=0)
        return f"data:application/gzip;base64,{base64.b64encode(packed).decode()}"


def csv_tables(name: str, dataset: xr.Dataset) -> list[Csv]:
    """One table for each combination of dimensions: a column for each dimension, then one for each variable.

    A row whose values all do not exist (NaN) is left out.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for variable in dataset.data_vars:
        groups.setdefault(tuple(str(dim) for dim in dataset[variable].dims), []).append(str(variable))
    return [_table(name, dataset, dims, variables) for dims, variables in groups.items()]


def safe_cell(value: Any) -> str:
    """A cell of a CSV file; text that a spreadsheet would run as a formula gets a leading apostrophe.

    Numbers are written as they are, with the shortest text that gives the same number back.
    """
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value)).lower()
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else np.format_float_positional(value, trim="-") if _plain(value) else str(value)
    return for_spreadsheets(str(value))


def data_address(text: str, kind: str) -> str:
    """Text as a ``data:`` address of this media type."""
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode('utf-8', 'replace')).decode()}"


def _plain(value: Any) -> bool:
    return bool(value == 0 or 1e-4 <= abs(value) < 1e16)


def _table(name: str, dataset: xr.Dataset, dims: tuple[str, ...], variables: list[str]) -> Csv:
    # coordinates along these dimensions that are no dimensions themselves (member and epoch of each model) go with them
    along = [str(key) for key, values in dataset.coords.items() if values.dims and set(values.dims) <= set(dims)]
    keys = [*dims, *(key for key in along if key not in dims)]
    shape = tuple(dataset.sizes[dim] for dim in dims)
    file = "-".join([name, *dims]) + ".csv"
    where = " by ".join(dims).replace("_", " ") or "single values"
    rows = int(np.prod(shape, dtype=np.int64))
    if rows > MOST_ROWS:
        return Csv(file, where, rows, "")
    columns = [_column(dataset, key, dims, shape) for key in keys]
    values = [dataset[variable].values.reshape(-1) for variable in variables]
    present = ~np.all([_missing(column) for column in values], axis=0)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow([safe_cell(cell) for cell in (*keys, *variables)])
    for row in np.flatnonzero(present):
        writer.writerow([safe_cell(column[row]) for column in (*columns, *values)])
    return Csv(file, where, int(present.sum()), lines.getvalue())


def _column(dataset: xr.Dataset, key: str, dims: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Values of a coordinate (or positions, where a dimension has none) for every row of the table."""
    if key not in dataset.coords:
        own: tuple[str, ...] = (key,)
        values = np.arange(dataset.sizes[key])
    else:
        own = tuple(str(dim) for dim in dataset[key].dims)
        values = dataset[key].values
    placed = [dims.index(dim) for dim in own]
    spread = np.transpose(values, np.argsort(placed)).reshape(
        [size if axis in placed else 1 for axis, size in enumerate(shape)]
    )
    return np.broadcast_to(spread, shape).reshape(-1)


def _missing(values: np.ndarray) -> np.ndarray:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.shape, dtype=bool)
