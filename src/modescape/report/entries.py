"""The sections of the page: what each analysis shows, and which of them are one folded entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modescape.analyses.themes import themed, told
from modescape.plain import file_name
from modescape.report.figures import Embedded, embedded_figure
from modescape.report.sections import parameters, sample_line, summarize, text_of, variables
from modescape.report.tables import Csv, csv_tables
from modescape.wording.examples import in_words_of, word_of
from modescape.wording.summary import Summary
from modescape.wording.takeaways import joined, sample
from modescape.wording.text import Text

if TYPE_CHECKING:
    import xarray as xr

# characters; with all else the page stays below 12 MB
FIGURE_BUDGET = 6_000_000
CSV_BUDGET = 1_800_000
MOST_TABLE = 40_000  # of one table; the page of the recipe `digits` stays below 2.5 MB


@dataclass(frozen=True)
class Piece:
    """The content of a section, from its result alone; a run makes it while other analyses are still running."""

    text: Text
    figure: Embedded | None
    summary: Summary
    tables: Sequence[Csv]

    @classmethod
    def of(cls, name: str, dataset: xr.Dataset) -> Piece:
        """The piece of an analysis."""
        tables = csv_tables(file_name(name), dataset)
        return cls(text_of(name, dataset), embedded_figure(name, dataset), summarize(name, dataset), tables)


@dataclass(frozen=True)
class SectionView:
    """One section as the template needs it."""

    name: str  # its id on the page
    analysis: str
    text: Text
    note: str = ""  # why there is no result
    figure: str = ""  # JSON, safe inside a script element; "" when there is no figure
    caption: str = ""  # of the figure
    scene: bool = False  # surfaces to be turned stand below the figure
    summary: Summary | None = None
    seen: str = ""  # the examples that it stands on
    sample: str = ""
    intervals: str = ""
    parameters: Sequence[tuple[str, str]] = ()
    variables: Sequence[tuple[str, str, str]] = ()
    tables: Sequence[Csv] = ()


@dataclass(frozen=True)
class Entry:
    """What opens with one press: an analysis, or several that tell one thing."""

    parts: Sequence[SectionView]  # the one first whose name it bears

    @property
    def name(self) -> str:
        """Its id on the page."""
        return self.parts[0].name

    @property
    def note(self) -> str:
        """Why there is no result."""
        return self.parts[0].note

    @property
    def text(self) -> Text:
        """The words around it."""
        own = self.parts[0].text
        return own if len(self.parts) == 1 else own.together or own

    @property
    def takeaway(self) -> str:
        """What can be concluded, in a few sentences."""
        first, *others = self.parts
        said = first.summary.takeaway if first.summary else ""
        return joined(said, *(_behind(one, first.seen if said else "") for one in others))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is read of it, heads of its tables included: they link to the glossary."""
        heads = [head for one in self.parts if one.summary for head in one.summary.header]
        return self.text.title, self.text.shown, self.text.reading, self.takeaway, *heads


def _behind(section: SectionView, seen: str) -> str:
    """The takeaway of an analysis behind that of another, which has said that it is of these examples."""
    if section.summary is None:
        return ""
    return section.summary.behind if section.summary.behind and section.seen == seen else section.summary.takeaway


def sections_of(
    order: Sequence[str], results: Mapping[str, xr.Dataset], notes: Mapping[str, str], pieces: Mapping[str, Piece]
) -> list[SectionView]:
    """A section of every analysis.

    Args:
        order: of the analyses; (): results, then notes, in their own order.
        results: analysis -> its result.
        notes: analyses without a result -> the sentence why.
        pieces: of results, as far as they were made beforehand.
    """
    sections, left = [], {"figures": FIGURE_BUDGET, "tables": CSV_BUDGET}
    for name in order or [*results, *(name for name in notes if name not in results)]:
        if name in results:
            sections.append(_section(name, pieces.get(name) or Piece.of(name, results[name]), results[name], left))
        else:
            note = notes.get(name, "This analysis was not done.")
            sections.append(SectionView(file_name(name), name, text_of(name, None), note=note))
    return sections


def themes_of(sections: Sequence[SectionView]) -> list[tuple[str, list[Entry]]]:
    """Entries under the headings of what they are about; an analysis without a result is told with no other."""
    by_name = {section.analysis: section for section in sections}
    together = {names[0]: names for names in told(section.analysis for section in sections if not section.note)}
    within = {name for names in together.values() for name in names[1:]}
    themes = themed(name for name in by_name if name not in within)
    return [
        (theme, [Entry([by_name[one] for one in together.get(name, [name])]) for name in names])
        for theme, names in themes.items()
    ]


def _section(name: str, piece: Piece, dataset: xr.Dataset, left: dict[str, int]) -> SectionView:
    figure, tables = piece.figure, []
    size = len(figure.json) if figure else 0
    fits = figure is not None and size <= left["figures"]
    left["figures"] -= size if fits else 0
    for table in piece.tables:
        size = len(table.address)
        if size > min(left["tables"], MOST_TABLE):
            table = Csv(table.name, table.dimensions, table.rows, "")
        else:
            left["tables"] -= size
        tables.append(table)
    return SectionView(
        name=file_name(name),
        analysis=name,
        text=piece.text,
        figure=figure.json if figure and fits else "",
        caption=figure.caption if figure else "",
        scene=bool(figure and figure.has_scene),
        summary=piece.summary,
        seen=in_words_of(word_of(dataset), sample(dataset), "groups" in dataset.attrs),
        sample=sample_line(dataset),
        intervals=str(dataset.attrs.get("intervals", "none")),
        parameters=parameters(dataset),
        variables=variables(dataset),
        tables=tables,
    )
