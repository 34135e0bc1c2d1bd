"""``modescape figures``."""

from __future__ import annotations

from pathlib import Path

import click

from modescape.answers import answer
from modescape.cli import completing
from modescape.cli.answering import say
from modescape.cli.commands import cli
from modescape.cli.shared import FolderType, json_option, this_command, working_on

STYLES = ("paper", "slides", "page")


@cli.command(short_help="Write figures for papers and slides.")
@click.argument("directory", type=FolderType(), metavar="DIR")
@click.argument("names", nargs=-1, metavar="[NAME ...]", shell_complete=completing.results)
@click.option(
    "--style",
    type=click.Choice(STYLES),
    default="paper",
    show_default=True,
    help="For a text column (5.5in, 8 points), a slide (10in, 16 points), or a page on a screen (7.5in, 10 points).",
)
@click.option(
    "--width", metavar="LENGTH", help="Width of a whole figure: 5.5in, 14cm, 140mm or 397pt. [that of the style]"
)
@click.option("--out", type=click.Path(path_type=Path), help="The folder. [figures/<name of DIR>]")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@json_option
def figures(
    directory: Path,
    names: tuple[str, ...],
    style: str,
    width: str | None,
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the figures of the study in DIR for papers and slides: all of them, or those of the analyses NAME ...

    Each figure is written at print size as PDF and SVG, whole and panel by panel (-a, -b, ...), without a caption and
    with selectable text. Beside them are captions.tex (with n and how the intervals were computed), data.zip (the
    numbers as tidy CSV, and what each column means) and references.bib.

    Examples:
      modescape figures studies/digits
      modescape figures studies/digits ensemble_size tsne --width 3.25in
      modescape figures studies/digits --style slides --out talk
    """
    from modescape.pipeline.authoring import inches, opened, write_figures
    from modescape.progress import BarProgress, Progress
    from modescape.wording.numbers import count

    with working_on(directory, this_command()):
        wide, progress = None if width is None else inches(width), Progress() if quiet else BarProgress()
        done = write_figures(opened(directory), names, style=style, width=wide, out=out, progress=progress)
    panels = sum(len(figure.panels) for figure in done.figures)
    drawn = f"{count(len(done.figures), 'figure')} and {count(panels, 'single panel')}"
    verdict = [f"{drawn}, as PDF and SVG."]
    if as_json:
        about = [
            {
                "name": figure.name,
                "title": figure.title,
                "caption": figure.caption,
                "paper": figure.paper or None,
                "sources": list(figure.sources),
                "panels": [{"name": name, "title": " ".join(title.split())} for name, title in figure.panels],
            }
            for figure in done.figures
        ]
        place = {"study": str(directory.absolute()), "out": str(done.folder.absolute())}
        files = [str(path.absolute()) for path in done.files]
        return say(answer("figures", verdict=verdict, warnings=done.absent, **place, files=files, figures=about))
    click.echo("\n".join([*verdict, *done.absent, "", str(done.folder / "captions.tex")]))
