"""Shell completion: recipes, studies, analyses, files; nothing slow is imported for it.

click asks these functions where ``_MODESCAPE_COMPLETE`` is set (docs/completion.md).
"""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

STUDIES = Path("studies")  # where studies lie unless told otherwise
RECIPES = Path(__file__).parents[1] / "recipes"
MANIFEST, RESULTS = "manifest.json", "results"  # as `modescape.study.layout` has them, which takes a second to import


def folders(incomplete: str) -> list[CompletionItem]:
    """Any folder, by the shell, and the studies among them: those in ``studies/`` before a slash is typed."""
    named = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    places = [named] if "/" in incomplete else [Path(), STUDIES]
    found = [str(path) for place in places for path in _studies(place) if str(path).startswith(incomplete)]
    return [CompletionItem(incomplete, type="dir"), *map(CompletionItem, found)]


def _studies(place: Path) -> list[Path]:
    try:
        return sorted(path for path in place.iterdir() if (path / MANIFEST).is_file())
    except OSError:
        return []


def files(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Any file, by the shell."""
    return [CompletionItem(incomplete, type="file")]


def recipes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The built-in recipes, studies, and files, by the shell."""
    studies = [item for item in folders(incomplete) if item.type == "plain"]
    return [*files(context, parameter, incomplete), *builtin(context, parameter, incomplete), *studies]


def builtin(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The built-in recipes with the first line of each."""
    return [
        CompletionItem(path.stem, help=path.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# "))
        for path in sorted(RECIPES.glob("*.yaml"))
        if path.stem.startswith(incomplete)
    ]


def analyses(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """All analyses, and those of one's own that the study on the line has results of."""
    from modescape.analyses.registry import ANALYSES

    own = {path.stem for path in _results(context)} - ANALYSES.keys()
    return [CompletionItem(name) for name in [*ANALYSES, *sorted(own)] if name.startswith(incomplete)]


def results(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The analyses that the study on the line has results of."""
    return [CompletionItem(path.stem) for path in _results(context) if path.stem.startswith(incomplete)]


def _results(context: click.Context) -> list[Path]:
    study = context.params.get("directory")
    return sorted(Path(study).joinpath(RESULTS).glob("*.nc")) if study else []


def benchmarks(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of benchmarks of `modescape bench`."""
    from modescape.bench import BENCHMARKS

    return [CompletionItem(name) for name in BENCHMARKS if name.startswith(incomplete)]
