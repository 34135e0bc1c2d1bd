"""The choice of what to run: a recipe by name, a YAML file, or the folder of a study; and of the output folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modescape import recipe as recipes
from modescape.errors import InputError
from modescape.pipeline.quick import quick_recipe
from modescape.plain import shown
from modescape.recipe import Recipe
from modescape.storage import place
from modescape.study import layout


@dataclass(frozen=True)
class Choice:
    """A recipe, the folder of its study, and what a user should know about how they were found."""

    recipe: Recipe
    path: Path
    lines: tuple[str, ...] = ()


def choose(
    recipe: str | Path | Recipe | None, out: str | Path | None, overrides: Sequence[str] = (), quick: bool = False
) -> Choice:
    """Determine what to run and where.

    A built-in name means the built-in recipe even if there is a folder of that name; write ``./name`` for the folder.
    The folder of a study stands for the study and its own recipe; so does ``out`` without a recipe.

    Args:
        recipe: a built-in name, a YAML file, a study's folder, a `Recipe`, or None.
        out: the study's folder; None: the folder named as recipe, else ``studies/<recipe name>``.
        overrides: settings such as ``"train.members=4"``.
        quick: make the recipe smaller (`quick_recipe`) before the overrides; a study of its own.

    Raises:
        InputError: if there is no such recipe, or the folder holds no study.
    """
    folder = _folder(recipe, out)
    if folder is None:
        wanted = "digits" if recipe is None else recipe
        resolved = quick_recipe(wanted, overrides) if quick else recipes.load(wanted, overrides)
        path = place(out) if out is not None else Path("studies") / resolved.name
        return Choice(resolved, path, _shadowed(recipe, resolved, path))
    begun = recipes.load(folder / layout.RECIPE)
    if quick and begun.quick is None:
        raise InputError(
            f"'{folder}' was made without --quick, which changes the recipe; leave --quick out to go on with it, "
            "or name its recipe and another folder with --out"
        )
    resolved = recipes.load(begun, overrides)
    return Choice(resolved, folder, _shadowed(None, resolved, folder))


def _folder(recipe: str | Path | Recipe | None, out: str | Path | None) -> Path | None:
    """The folder of the study that is to go on; None where a recipe was named."""
    if recipe is None:
        return place(out) if out is not None and _is_begun(place(out)) else None
    if isinstance(recipe, Recipe) or recipes.is_builtin(recipe) or place(recipe).is_file():
        return None
    folder = place(recipe)
    if not folder.is_dir():
        if len(folder.parts) > 1 and folder.suffix not in recipes.SUFFIXES:
            raise InputError(f"there is nothing at '{recipe}'; expected a study's folder, or a YAML file")
        return None
    if not _is_begun(folder):
        raise InputError(
            f"the folder '{folder}' holds no study ({layout.RECIPE}); expected a study's folder, a YAML file, or one "
            f"of the recipes {', '.join(recipes.builtin_names())}\n"
            f"If it holds pictures: modescape run images --set data.source={shlex.quote(str(folder))}"
        )
    if out is not None and place(out).resolve() != folder.resolve():
        raise InputError(
            f"the study '{folder}' goes on where it is: leave out --out, or begin another one of the same recipe with "
            f"{folder / layout.RECIPE} --out {out}"
        )
    return folder


def _is_begun(folder: Path) -> bool:
    return (folder / layout.RECIPE).is_file() or (folder / layout.MANIFEST).is_file()


def _shadowed(named: str | Path | Recipe | None, resolved: Recipe, study: Path) -> tuple[str, ...]:
    """A line for each name taken as built in although a file or folder other than the study has it as well."""
    meanings: dict[str, list[str]] = {}
    if isinstance(named, str) and recipes.is_builtin(named):
        meanings.setdefault(named, []).append("recipe")
    if resolved.data.source in recipes.BUILTIN_SOURCES:
        meanings.setdefault(resolved.data.source, []).append("images")
    for source in resolved.data.ood:
        if source in (*recipes.BUILTIN_SOURCES, *recipes.BUILTIN_OOD):
            meanings.setdefault(source, []).append("other data")
    return tuple(
        f"'{shown(word)}' means the built-in {' and '.join(dict.fromkeys(what))}; the file or folder of that name "
        f"here is written ./{shown(word)}"
        for word, what in meanings.items()
        if Path(word).exists() and Path(word).resolve() != study.resolve()
    )
