"""Figures of a study for papers and slides, with captions, numbers and references."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modescape import durable
from modescape.analyses import ANALYSES, figures
from modescape.authors.bibliography import bibliography
from modescape.authors.latex import Captioned, begins, captions
from modescape.authors.tidy import archive
from modescape.errors import InputError, WorkError
from modescape.pipeline.comparison import ABOUT
from modescape.plain import file_name, is_own
from modescape.progress import Progress, usual
from modescape.study import Study
from modescape.study.layout import FIGURES, run_again
from modescape.version import __version__

if TYPE_CHECKING:
    import xarray as xr

CAPTIONS, NUMBERS, REFERENCES = "captions.tex", "data.zip", "references.bib"
LETTERS = string.ascii_lowercase
NARROWEST, WIDEST = 3.0, 40.0  # inches; the first with text of 8 points, and wider as it is larger


@dataclass(frozen=True)
class Authored:
    """The written files."""

    folder: Path
    files: tuple[Path, ...]
    figures: tuple[Captioned, ...]
    absent: tuple[str, ...]  # a line for each analysis that has no figure


def write_figures(
    study: Study,
    names: Sequence[str] = (),
    *,
    style: str = "paper",
    width: float | None = None,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Authored:
    """Write the figures of a study for an author's own document.

    Args:
        study: with results.
        names: of analyses; default: all that have a result.
        style: one of `modescape.plots.printing.STYLES`.
        width: of a whole figure, inches; default: the style's.
        out: the folder, not one inside the study; default: figures/<name of the study's folder>.
        progress: told of every figure.

    Raises:
        InputError: if the width is no width of a figure, an analysis is unknown or has no result, there is no result at
            all, or the folder holds something else.
    """
    from modescape.plots.printing import STYLES

    if style not in STYLES:
        raise InputError(f"there is no style {style!r}; choose from {', '.join(STYLES)}")
    look, called = STYLES[style], study.path.absolute().name
    width = _checked(look.width if width is None else width, NARROWEST * look.enlarged)
    folder = durable.check_folder(out or Path("figures") / called, CAPTIONS, "earlier figures", study.path)
    _check_owner(folder, called)
    found, absent = _results(study, names)
    if not found:
        raise InputError(f"'{study.path}' has no results to draw; measure them first: {run_again(study.path)}")
    durable.claim_folder(folder)
    done, contents, tables = [], {}, {}
    progress = progress or usual()
    progress.stage("drawing", len(found), "figures")
    for name, result in found.items():
        figure, files, table = _drawn(name, result, width / look.enlarged, look.enlarged)
        done.append(figure)
        contents |= files
        tables[figure.name] = table
        progress.advance(1, name)
    progress.finish()
    contents |= {
        CAPTIONS: captions(called, __version__, done, width, look.text).encode(),
        NUMBERS: archive(tables, {one.name: (one.title, one.caption) for one in done}),
        REFERENCES: bibliography(key for one in done for key in one.sources).encode(),
    }
    with durable.together(folder):
        for name, content in contents.items():
            durable.write_bytes(folder / name, content)
    return Authored(folder, tuple(folder / name for name in contents), tuple(done), tuple(absent))


def _checked(width: float, least: float) -> float:
    """Refuse a width, in inches, on which a figure cannot be laid out.

    Raises:
        InputError: if it is narrower, or wider than paper.
    """
    if not least <= width <= WIDEST:
        said = f"{width:.3g} inches ({2.54 * width:.3g} cm)"
        raise InputError(f"--width is {said}, expected {least:g} to {WIDEST:g} inches, such as 5.5in or 14cm")
    return width


def _check_owner(folder: Path, called: str) -> None:
    """Refuse a folder whose captions are not those of the figures of the study of that name.

    Raises:
        InputError: if they are another study's, or an author's own.
    """
    captions = folder / CAPTIONS
    if not captions.is_file():
        return
    with captions.open(encoding="utf-8", errors="replace") as file:
        if not file.readline().startswith(begins(called)):
            raise InputError(
                f"'{captions}' is not of the figures of this study; choose another folder with --out: files of the "
                "same name would be replaced"
            )


def opened(folder: Path) -> Study:
    """The study in a folder.

    Raises:
        InputError: if there is none, such as in that of a comparison.
    """
    if (folder / ABOUT).is_file():
        raise InputError(
            f"'{folder}' is a comparison, and figures for documents are drawn of studies; those of a comparison, as "
            f"they are on its page, lie in '{folder / FIGURES}'"
        )
    return Study.open(folder)


def _results(study: Study, names: Sequence[str]) -> tuple[dict[str, xr.Dataset], list[str]]:
    known = study.recipe.analyses or []
    if unknown := [name for name in names if name not in known]:
        raise InputError(f"'{study.path}' has no analysis {unknown[0]!r}; it has: {', '.join(known)}")
    found, absent = {}, []
    for name in names or known:
        if not figures.has_figure(name):
            absent.append(f"{name} draws no figure.")
            continue
        try:
            result = study.result(name)
        except (InputError, WorkError) as error:
            if names:
                raise
            absent.append(f"{name}: {error}")
            continue
        if "not_enough" in result.attrs:
            absent.append(f"{name}: {result.attrs['not_enough']}")
        else:
            found[name] = result
    return found, absent


def _drawn(name: str, result: xr.Dataset, width: float, enlarged: float) -> tuple[Captioned, dict[str, bytes], str]:
    """A figure as it is captioned, its files, and its numbers."""
    from modescape.plots import printing
    from modescape.plots.drawn import table, table_of_result

    file, chart = file_name(name), figures.chart(name, result)
    if chart is None:  # an analysis of the user's own that draws for itself
        figure = figures.draw(name, result)
        parts, title, text = {file: printing.files_of_figure(figure, enlarged)}, figure.get_suptitle(), None
        singles: list[tuple[str, str]] = []
    else:
        parts, title, text = (
            {file: printing.files_of(printing.fitted(chart, width), enlarged)},
            chart.title,
            table(chart),
        )
        alone = printing.single(chart, width) if len(chart.panels) > 1 else []
        singles = [(f"{file}-{_letter(place)}", panel.title) for place, panel in enumerate(alone)]
        parts |= {part: printing.files_of(panel, enlarged) for (part, _), panel in zip(singles, alone, strict=True)}
    paper, sources = _from(name)
    captioned = Captioned(file, title, figures.caption(name, result), paper, sources, tuple(singles))
    files = {f"{part}.{kind}": content for part, kinds in parts.items() for kind, content in kinds.items()}
    return captioned, files, table_of_result(result) if text is None else text


def _letter(place: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    return (LETTERS[place // 26 - 1] if place >= 26 else "") + LETTERS[place % 26]


def _from(name: str) -> tuple[str, tuple[str, ...]]:
    """Figures of Fort et al. 2019 that it is the counterpart of, and its sources."""
    if is_own(name):
        return "", ()
    words = ANALYSES[name].part("words")
    return getattr(words, "PAPER", ""), getattr(words, "SOURCES", ())


def inches(text: str) -> float:
    """A length such as 5.5in, 14cm, 140mm, 397pt, or a number of inches.

    >>> inches("5.5in"), round(inches("14cm"), 3), inches("360pt"), inches("4")
    (5.5, 5.512, 5.0, 4.0)

    Raises:
        InputError: if it is none.
    """
    units = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72}
    number, unit = text.strip(), "in"
    for known in units:
        if number.endswith(known):
            number, unit = number.removesuffix(known), known
    with contextlib.suppress(ValueError):
        if 0 < (value := float(number) * units[unit]) < float("inf"):
            return value
    raise InputError(f"--width is '{text}', expected a length such as 5.5in, 14cm, 140mm or 397pt")
