"""What a figure shows, in a sentence (for those who do not see it) and in a small table, both made from the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from modescape.report.summaries.basics import BASICS
from modescape.report.summaries.maps import MAPS
from modescape.report.summaries.methods import METHODS
from modescape.report.summaries.summary import Summary
from modescape.report.wording import listing, significant

if TYPE_CHECKING:
    import xarray as xr

MOST_ROWS = 40  # of a table on the page; the CSV holds everything


def summarize(name: str, dataset: xr.Dataset) -> Summary:
    """The summary of a result; of an analysis without its own, the range of every variable."""
    summary = SUMMARIES.get(name, _ranges)(dataset)
    dropped = max(0, len(summary.rows) - MOST_ROWS)
    return Summary(summary.text, summary.header, summary.rows[:MOST_ROWS], dropped)


def _ranges(dataset: xr.Dataset) -> Summary:
    rows = []
    for name, values in dataset.data_vars.items():
        numbers = values.values[np.isfinite(values.values)] if values.dtype.kind in "iuf" else np.empty(0)
        cells = [significant(float(of(numbers)), 3) if numbers.size else "" for of in (np.min, np.mean, np.max)]
        rows.append((str(values.attrs.get("long_name", name)), str(values.attrs.get("units", "")), *cells))
    text = f"Figure of {dataset.attrs.get('title', 'a result')}: {listing([row[0] for row in rows])}."
    return Summary(text, ("quantity", "units", "lowest", "mean", "highest"), tuple(rows))


SUMMARIES: dict[str, Callable[[xr.Dataset], Summary]] = {**BASICS, **METHODS, **MAPS}
