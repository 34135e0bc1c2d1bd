"""What stands around the figure of a section: its words, its sample, its settings and its variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modescape.report.texts import TEXTS, Text
from modescape.report.wording import count
from modescape.results import PROVENANCE

if TYPE_CHECKING:
    import xarray as xr


def text_of(name: str, dataset: xr.Dataset | None) -> Text:
    """The words of a section; an analysis without its own is described by its result."""
    if name in TEXTS:
        return TEXTS[name]
    title = name.replace("_", " ").capitalize()
    shown = str(dataset.attrs.get("title", "")) if dataset is not None else ""
    return Text(title, shown or title, "Units and meaning of each quantity are in the table of parameters below.")


def sample_line(dataset: xr.Dataset) -> str:
    """How many networks, images and repeats stand behind a result."""
    nouns = {"members": "member", "examples": f"{dataset.attrs.get('split', 'test')} image", "repeats": "repeat"}
    parts = [count(int(dataset.attrs[key]), noun) for key, noun in nouns.items() if key in dataset.attrs]
    if dataset.attrs.get("repeats") == 1:
        parts.pop()
    left_out = str(dataset.attrs.get("left_out", ""))
    return "n: " + ", ".join(parts) + "." + (f" Left out: {left_out.rstrip('.')}." if left_out else "")


def parameters(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """The settings of an analysis: attributes beyond the provenance that every result carries."""
    common = {*PROVENANCE, "title", "left_out", "split"}
    return [(str(key).replace("_", " "), str(value)) for key, value in dataset.attrs.items() if key not in common]


def variables(dataset: xr.Dataset) -> list[tuple[str, str, str]]:
    """Name, units and meaning of each variable."""
    return [
        (str(name), str(values.attrs.get("units", "")), str(values.attrs.get("long_name", "")))
        for name, values in dataset.data_vars.items()
    ]
