"""The parts around the figure of a section: its words, its sample, its settings and its variables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from modescape.analyses import ANALYSES, task_of
from modescape.results import PROVENANCE
from modescape.wording.examples import in_words_of, word_of
from modescape.wording.numbers import count, listing, significant
from modescape.wording.summary import Summary
from modescape.wording.text import SECTION, Text

if TYPE_CHECKING:
    import xarray as xr

MOST_ROWS = 40  # of a table on the page; the CSV holds everything


def text_of(name: str, dataset: xr.Dataset | None) -> Text:
    """The words of a section; an analysis without its own is described by its result."""
    if name in ANALYSES:
        words = ANALYSES[name].part("words", task_of(dataset))
        if dataset is not None and dataset.attrs.get("given") and hasattr(words, "GIVEN"):
            return words.GIVEN
        return getattr(words, "NUMBERS", words.TEXT) if task_of(dataset) != "classification" else words.TEXT
    stored = dataset.attrs if dataset is not None else {}
    if all(key in stored for key in SECTION):
        title, shown, reading = (str(stored[key]) for key in SECTION)
        return Text(title, shown, reading)
    title = name.replace("_", " ").capitalize()
    shown = str(dataset.attrs.get("title", "")) if dataset is not None else ""
    return Text(title, shown or title, "Units and meaning of each quantity are in the table of parameters below.")


def summarize(name: str, dataset: xr.Dataset) -> Summary:
    """The summary of a result; of an analysis without its own, the range of every variable."""
    summary = (
        ANALYSES[name].part("words", task_of(dataset)).summarize(dataset) if name in ANALYSES else _ranges(dataset)
    )
    dropped = max(0, len(summary.rows) - MOST_ROWS)
    said = in_words_of(word_of(dataset), summary.takeaway, "groups" in dataset.attrs)
    return replace(summary, rows=summary.rows[:MOST_ROWS], left_out=dropped, takeaway=said)


def _ranges(dataset: xr.Dataset) -> Summary:
    rows = []
    for name, values in dataset.data_vars.items():
        numbers = values.values[np.isfinite(values.values)] if values.dtype.kind in "iuf" else np.empty(0)
        cells = [significant(float(of(numbers)), 3) if numbers.size else "" for of in (np.min, np.mean, np.max)]
        rows.append((str(values.attrs.get("long_name", name)), str(values.attrs.get("units", "")), *cells))
    text = f"Figure of {dataset.attrs.get('title', 'a result')}: {listing([row[0] for row in rows])}."
    return Summary(text, ("quantity", "units", "lowest", "mean", "highest"), tuple(rows))


def sample_line(dataset: xr.Dataset) -> str:
    """How many networks, images and repeats stand behind a result."""
    nouns = {"members": "member", "examples": f"{dataset.attrs.get('split', 'test')} image"}
    nouns |= {"groups": "group", "repeats": "repeat"}
    parts = [count(int(dataset.attrs[key]), noun) for key, noun in nouns.items() if dataset.attrs.get(key, 0) > 0]
    if dataset.attrs.get("repeats") == 1:
        parts.pop()
    left_out = str(dataset.attrs.get("left_out", ""))
    return "n: " + ", ".join(parts) + "." + (f" Left out: {left_out.rstrip('.')}." if left_out else "")


def parameters(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """The settings of an analysis: attributes beyond the provenance that every result carries."""
    common = {*PROVENANCE, *SECTION, "title", "left_out", "split", "examples_word"}
    return [(str(key).replace("_", " "), _setting(value)) for key, value in dataset.attrs.items() if key not in common]


def _setting(value: object) -> str:
    """A setting as text: a measured number with six digits, "none" where nothing is meant."""
    return (f"{value:.6g}" if isinstance(value, float) else str(value)) or "none"


def variables(dataset: xr.Dataset) -> list[tuple[str, str, str]]:
    """Name, units and meaning of each variable."""
    return [
        (str(name), str(values.attrs.get("units", "")), str(values.attrs.get("long_name", "")))
        for name, values in dataset.data_vars.items()
    ]
