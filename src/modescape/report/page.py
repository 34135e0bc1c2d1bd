"""The page: every result of a study in one HTML file that needs nothing else, no network, no server."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

from modescape.plain import shown, visible
from modescape.plots import page_script
from modescape.plots.files import script_hash
from modescape.report.entries import Piece, sections_of, themes_of
from modescape.report.explored import explore
from modescape.report.glossary import linked, terms
from modescape.report.repeats import network_notes, repeat_notes
from modescape.report.tables import data_address
from modescape.report.verdict import judge
from modescape.wording.examples import in_words_of
from modescape.wording.numbers import count, fixed

if TYPE_CHECKING:
    import xarray as xr

SCRIPTS = ("networks.js", "explorer.js", "page.js")  # of the page, in this order, after what draws figures
STYLES = ("page.css", "explorer.css")
MOST_PROVENANCE = 5_000  # characters of one row of the last table


@dataclass(frozen=True, kw_only=True)
class PageContent:
    """Everything the page is made from."""

    name: str  # of the study
    recipe_yaml: str  # the recipe as run, every default spelled out
    manifest: Mapping[str, Any]  # manifest.json of the study
    results: Mapping[str, xr.Dataset]  # analysis -> labelled result
    notes: Mapping[str, str] = field(default_factory=dict)  # analyses that could not be done -> the sentence why
    members: Sequence[tuple[int, str, str]] = ()  # number, status, message
    timings: Mapping[str, float] | None = None  # what was done -> seconds; None: the page has no clock time in it
    analyses: Sequence[str] = ()  # order of the sections; (): results, then notes, in their own order
    own_network: bool = False  # the network is not one of this package
    quick: str = ""  # what a quick look leaves out, a sentence
    pieces: Mapping[str, Piece] = field(default_factory=dict)  # of results, made beforehand; the others are made
    imported: bool = False  # checkpoints that others trained were given
    given: int = 0  # networks whose predictions others made: there is no recipe, and nothing was trained
    command: str = ""  # that made the page of these; "": it was called from Python
    sources: Sequence[tuple[str, str]] = ()  # rows of the last table: where these are from


def build_page(content: PageContent) -> str:
    """The HTML text of the report; equal content gives equal text.

    Args:
        content: what the page is made from; results that are missing are left out, or explained by ``notes``.

    Raises:
        ValueError: if a figure cannot be drawn from its result.
    """
    script = page_script.script(*map(_package_text, SCRIPTS))
    word = str(content.manifest.get("inputs", {}).get("word", "images"))
    say = functools.partial(in_words_of, word, grouped="groups" in content.manifest)
    sections = sections_of(content.analyses, content.results, content.notes, content.pieces)
    themes = themes_of(sections)
    verdict = judge(content.results, given=bool(content.given), imported=content.imported)
    explorer, pictures = explore(
        content.results,
        [section.name for section in sections if section.figure],
        {section.name: section.summary.takeaway for section in sections if section.summary},
    )
    environment = _environment(say)
    environment.filters["linked"] = functools.partial(linked, say=say)
    environment.filters["say"] = say  # the word is a stranger's: it never gets into the template itself
    template = environment.from_string(_package_text("page.html.j2"))
    return template.render(
        name=content.name,
        facts=_facts(content),
        data_notes=[_Verbatim(shown(note, 600)) for note in content.manifest.get("data_notes", [])[:20]],
        quick=content.quick,
        regression=_is_regression(content),
        verdict=verdict,
        priced=verdict.priced if any(one.analysis == verdict.priced for one in sections) else "",
        given=bool(content.given),
        imported=content.imported,
        command=_Verbatim(content.command),
        absent_members=[member for member in content.members if member[1] != "trained"],
        sections=sections,
        themes=themes,
        firsts=pictures,
        glossary=terms(
            [
                *(text for _, entries in themes for entry in entries for text in entry.sentences),
                *(verdict.change_head, *verdict.purchase_heads),
            ]
        ),
        explorer=explorer,
        provenance=_provenance(content),
        network=network_notes(content.manifest),
        repeats=repeat_notes(content.manifest, content.own_network),
        recipe=_Verbatim(content.recipe_yaml),
        recipe_address=data_address(content.recipe_yaml, "application/yaml"),
        version=str(content.manifest.get("version", "")),
        timings=[(label, f"{fixed(seconds)} s") for label, seconds in (content.timings or {}).items()],
        carries=page_script.CARRIES,
        script_hash=script_hash(script),
        script=_trusted(script),
        style=_trusted("\n".join([page_script.style(), *map(_package_text, STYLES)])),
    )


def _said(value: Any, say: Callable[[str], str]) -> Any:
    """A printed value with its unseen characters shown, in the words of the study's examples."""
    if type(value) is str:
        return say(visible(value))
    return visible(value) if isinstance(value, _Verbatim) else value


class _Verbatim(str):
    """A text that is not of this package, or no sentence: shown as it is."""


def _environment(say: Callable[[str], str]) -> Any:
    from jinja2 import Environment, StrictUndefined

    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # every value that is printed, whatever file it came from, shows its unseen characters
        finalize=lambda value: _said(value, say),
    )


def _trusted(text: str) -> Any:
    """Text of this package or of D3: the only text that goes into the page unescaped."""
    from markupsafe import Markup

    return Markup(text)


def _package_text(name: str) -> str:
    return resources.files("modescape.report").joinpath(*name.split("/")).read_text(encoding="utf-8")


def _facts(content: PageContent) -> list[str]:
    """The line under the title."""
    trained = sum(status == "trained" for _, status, _ in content.members)
    examples, classes = content.manifest.get("examples", {}), content.manifest.get("num_classes")
    facts = [f"{count(trained, 'network')} {'imported' if content.imported else 'trained'}" if content.members else ""]
    facts += [count(content.given, "network") + " given" if content.given else ""]
    facts += [count(int(examples["test"]), "test image") if "test" in examples else ""]
    if groups := content.manifest.get("groups"):
        facts.append(f"{count(int(groups['counts']['test']), 'group')} of them by {shown(groups['name'], 60)}")
    nouns = ("target",) if _is_regression(content) else ("class", "classes")
    facts += [count(int(classes), *nouns) if classes else ""]
    return [fact for fact in facts if fact]


def _is_regression(content: PageContent) -> bool:
    about = content.manifest.get("task")
    return isinstance(about, Mapping) and about.get("kind") != "classification"


def _provenance(content: PageContent) -> list[tuple[str, str]]:
    """The settings that determine the results: rows of the table at the end."""
    manifest = content.manifest
    labels = {
        "recipe_hash": "Recipe hash (SHA-256)",
        "fingerprint": "Data fingerprint",
        "version": "modescape",
        "seed": "Seed",
        "streams": "Random streams",
        "device": "Device",
        "platform": "Platform",
        "plan": "Plan",
        "examples": "Images",
        "groups": "Groups of images",
        "image_shape": "Image (channels, height, width)",
        "num_classes": "Targets" if _is_regression(content) else "Classes",
    }
    if not manifest.get("num_classes"):  # of weights alone
        del labels["num_classes"]
    held = [(label, manifest[key]) for key, label in labels.items() if manifest.get(key) not in (None, {}, [])]
    rows = [(label, shown(_flat(value), MOST_PROVENANCE)) for label, value in held]
    shapes = manifest.get("model", {}).get("parameters", {})
    if shapes:
        rows.append(("Trainable parameters", f"{sum(math.prod(shape) for shape in shapes.values()):,}"))
    rows += [(visible(label), shown(text, MOST_PROVENANCE)) for label, text in content.sources]
    given = {"trained": "imported"} if content.imported else {}
    statuses = [given.get(status, status) for _, status, _ in content.members]
    if statuses:
        kinds = ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))
        rows.append(("Members", kinds))
    return rows


def _flat(value: Any) -> str:
    """A value of the manifest on one line."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(inner) for inner in value)
    return value if isinstance(value, str) else json.dumps(value)
