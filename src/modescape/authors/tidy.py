"""The values of figures as tidy tables in one archive, with a dictionary of their columns."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping

DAY = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold, so that the bytes are the same every time
DICTIONARY = {
    "panel": "title of the panel",
    "series": "name of the line or of the marks; of a matrix or a field what its colours are, with the unit",
    "x_label": "name of the horizontal axis, with the unit",
    "y_label": "name of the vertical axis, with the unit",
    "x": "place on the horizontal axis, in its unit",
    "y": "place on the vertical axis, in its unit; where that has names, their number from 0",
    "low": "lower end of the interval (figures.csv says of what), in the unit of y; of x where the series says "
    '"interval along x"',
    "high": "upper end of it",
    "value": "number behind a colour",
    "row": "name of the row, where rows have names",
    "column": "name of the column of a matrix",
}


def archive(tables: Mapping[str, str], about: Mapping[str, tuple[str, str]]) -> bytes:
    """A zip of ``<name>.csv``, of ``dictionary.csv`` and of ``figures.csv``; the same bytes for the same tables.

    Args:
        tables: name of a figure -> its values as CSV.
        about: name of a figure -> its title and its caption.
    """
    files = {f"{name}.csv": text for name, text in tables.items()}
    files["dictionary.csv"] = _written(("column", "meaning"), DICTIONARY.items())
    files["figures.csv"] = _written(("file", "title", "caption"), ((f"{n}.csv", *words) for n, words in about.items()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DAY)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            packed.writestr(entry, files[name].encode("utf-8", "replace"))
    return buffer.getvalue()


def _written(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return lines.getvalue()
