"""The page of a study, from its results alone."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from modescape.durable import write_bytes
from modescape.errors import InputError, WorkError
from modescape.pipeline.quick import quick_words
from modescape.report.entries import Piece
from modescape.report.page import PageContent, build_page
from modescape.study import Study, layout
from modescape.study.times import PREFIX, read_times
from modescape.version import __version__

if TYPE_CHECKING:
    import xarray as xr


class Pieces(dict[str, Piece]):
    """The sections of a study's page, made one after another while other analyses are running."""

    def __init__(self, study: Study) -> None:
        super().__init__()
        self.study = study

    def add(self, name: str) -> None:
        """Make the piece of an analysis that is done; what fails is left to whoever makes the page."""
        with contextlib.suppress(Exception):
            result = _shown(self.study, name)
            if "not_enough" not in result.attrs:
                self[name] = Piece.of(name, result)


def _shown(study: Study, name: str) -> xr.Dataset:
    """A result with the seconds that lie beside it."""
    times = {f"{PREFIX}{what}": seconds for what, seconds in read_times(study.path, name).items()}
    return study.result(name).assign_attrs(times)


def page_content(study: Study, pieces: Mapping[str, Piece] = MappingProxyType({})) -> PageContent:
    """The content of the page: results, sentences for analyses that failed, members, provenance."""
    names = study.recipe.analyses or []
    found, notes = {}, {}
    for name in names:
        try:
            found[name] = _shown(study, name)
        except InputError:
            notes[name] = "Not analysed yet: modescape run finishes it."
        except WorkError as error:
            notes[name] = str(error)
    notes |= {
        name: f"Measured by modescape {result.attrs['version']}, whose results this version cannot show; modescape "
        "run measures them again."
        for name, result in found.items()
        if result.attrs["version"] != __version__
    }
    notes |= {name: str(result.attrs["not_enough"]) for name, result in found.items() if "not_enough" in result.attrs}
    return PageContent(
        name=study.recipe.name,
        recipe_yaml=study.recipe.to_yaml(),
        manifest=_shown_manifest(study),
        results={name: result for name, result in found.items() if name not in notes},
        notes=notes,
        members=[(member.number, member.status, member.message) for member in study.members],
        analyses=names,
        quick=quick_words(study.recipe),
        own_network=":" in study.recipe.model.factory,  # names without a colon are those of this package
        pieces=pieces,
        imported=study.recipe.imported is not None,
    )


def _shown_manifest(study: Study) -> Mapping[str, Any]:
    """The manifest; of private data without the names of files that were left out, which notes have in parentheses."""
    if not study.recipe.data.private:
        return study.manifest
    notes = [re.sub(r" \(.*\)", "", str(note)) for note in study.manifest.get("data_notes", [])]
    return {**study.manifest, "data_notes": notes}


def write_page(study: Study, pieces: Mapping[str, Piece] = MappingProxyType({})) -> Path:
    """Write ``report.html``, with the pieces of results that were made already; returns its path."""
    path = study.path / layout.REPORT
    write_bytes(path, build_page(page_content(study, pieces)).encode("utf-8"))
    return path
