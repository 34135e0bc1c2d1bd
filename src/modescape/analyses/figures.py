"""Figures, one an analysis and named as it: for papers (matplotlib) and for pages, as data that a script draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modescape.analyses import ANALYSES, task_of
from modescape.covers import kind_of
from modescape.errors import InputError
from modescape.plain import file_name, is_own
from modescape.storage import place
from modescape.wording.examples import in_words_of, word_of
from modescape.wording.figures import in_words

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray as xr

    from modescape.analyses.own import Own
    from modescape.plots.charts import Chart


def draw(name: str, dataset: xr.Dataset) -> matplotlib.figure.Figure:
    """The figure of an analysis for papers.

    Raises:
        InputError: if no figure has this name.
    """
    from modescape.plots import charts

    if is_own(name):
        return _own(name).draw(dataset)
    return charts.draw(described(name, dataset), caption(name, dataset))


def interactive(name: str, dataset: xr.Dataset) -> dict[str, Any] | None:
    """The figure of an analysis for a page, as data of what JSON knows (`modescape.plots.plain_chart`).

    None of an analysis of the user's own that draws for itself: its page shows what it drew.

    Raises:
        InputError: if no figure has this name.
    """
    from modescape.plots.plain_chart import plain_chart

    described_as = chart(name, dataset)
    return None if described_as is None else plain_chart(described_as)


def caption(name: str, dataset: xr.Dataset) -> str:
    """What the figure of an analysis shows, how many networks and examples, how intervals were made; plain text.

    Raises:
        InputError: if no figure has this name.
    """
    words = _function(name, "caption", dataset)(dataset)
    return words if is_own(name) else in_words_of(word_of(dataset), words, "groups" in dataset.attrs)


def save(name: str, dataset: xr.Dataset, folder: str | Path) -> tuple[Path, ...]:
    """Write <name>.png (200 dots per inch), <name>.svg, <name>.html and <name>.csv into the folder.

    The same dataset gives the same bytes. The web page takes figures.js from beside it, shared by all figures. The
    CSV holds the numbers that are drawn (`modescape.plots.drawn`).

    Raises:
        InputError: if no figure has this name.
    """
    from modescape.plots import charts
    from modescape.plots.drawn import table, table_of_result
    from modescape.plots.files import save_files
    from modescape.plots.plain_chart import plain_chart

    words = caption(name, dataset)
    described_as = chart(name, dataset)
    if described_as is None:
        drawn = draw(name, dataset), None, words, table_of_result(dataset)
    else:
        drawn = charts.draw(described_as, words), plain_chart(described_as), words, table(described_as)
    return save_files(file_name(name), *drawn, place(folder))


def has_figure(name: str) -> bool:
    """Whether there is a figure of this name: of every analysis of this package, and of those of others that draw."""
    if is_own(name):
        return _own(name).has_figure
    return name in ANALYSES


def chart(name: str, dataset: xr.Dataset) -> Chart | None:
    """The figure as data; None of an analysis of the user's own that draws for itself.

    Raises:
        InputError: if no figure has this name.
    """
    return _own(name).chart(dataset) if is_own(name) else described(name, dataset)


def _own(name: str) -> Own:
    from modescape.analyses.own import load

    return load(name)


def described(name: str, dataset: xr.Dataset) -> Chart:
    """The figure of an analysis of this package as data: panels of series, matrices and fields."""
    plain: Chart = _function(name, "describe", dataset)(dataset)
    plain = plain if plain.covers else replace(plain, covers=kind_of(dataset))
    return in_words(plain, word_of(dataset), "groups" in dataset.attrs)


def _function(name: str, function: str, dataset: xr.Dataset) -> Callable[..., Any]:
    if is_own(name):
        return getattr(_own(name), function)
    if name not in ANALYSES:
        raise InputError(f"there is no figure {name!r}; the figures are: {', '.join(ANALYSES)}")
    return getattr(ANALYSES[name].part("draw", task_of(dataset)), function)
