"""The page of a study, from its results alone."""

from __future__ import annotations

from pathlib import Path

from modescape.durable import write_bytes
from modescape.errors import InputError, WorkError
from modescape.pipeline.quick import quick_words
from modescape.report.page import PageContent, build_page
from modescape.study import Study, layout
from modescape.version import __version__


def page_content(study: Study) -> PageContent:
    """What the page says: results, sentences for analyses that could not be made, members, provenance."""
    names = study.recipe.analyses or []
    found, notes = {}, {}
    for name in names:
        try:
            found[name] = study.result(name)
        except InputError:
            notes[name] = "Not analysed yet: modescape run finishes it."
        except WorkError as error:
            notes[name] = str(error)
    notes |= {
        name: f"Measured by modescape {result.attrs['version']}, whose results this version cannot show: modescape run "
        "measures it again."
        for name, result in found.items()
        if result.attrs["version"] != __version__
    }
    notes |= {name: str(result.attrs["not_enough"]) for name, result in found.items() if "not_enough" in result.attrs}
    return PageContent(
        name=study.recipe.name,
        recipe_yaml=study.recipe.to_yaml(),
        manifest=study.manifest,
        results={name: result for name, result in found.items() if name not in notes},
        notes=notes,
        members=[(member.number, member.status, member.message) for member in study.members],
        analyses=names,
        quick=quick_words(study.recipe),
        own_network=":" in study.recipe.model.factory,  # names without a colon are those of this package
    )


def write_page(study: Study) -> Path:
    """Write ``report.html``; returns its path."""
    path = study.path / layout.REPORT
    write_bytes(path, build_page(page_content(study)).encode("utf-8"))
    return path
