"""The commands: parsing and printing, nothing else. Heavy modules are imported inside them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from modescape.answers import answer
from modescape.cli import completing
from modescape.cli.answering import say, say_status
from modescape.cli.shared import (
    HELP,
    FolderType,
    Group,
    Work,
    end,
    json_option,
    recipe_options,
    study_options,
    this_command,
    working_on,
)
from modescape.plain import visible
from modescape.version import __version__


@click.group(cls=Group, context_settings=HELP)
@click.version_option(__version__, prog_name="modescape")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Why do deep ensembles work, and what would one buy on your data?

    Trains many networks from different random initialisations, keeps their checkpoints, and shows on one page where
    each ends in the loss landscape, what function it computes, and whether averaging them is worth the cost.

    Examples:
      modescape run                                   # handwritten digits, two or three minutes
      modescape run cifar10-smallcnn --out studies/c10
      modescape run cifar10-smallcnn --set data.source=path/to/cifar10 --set train.members=4
      modescape run studies/c10                       # resume a study
      modescape status studies/c10
    """


@cli.command()
@click.argument("recipe", required=False, metavar="[RECIPE|DIR]", shell_complete=completing.recipes)
@recipe_options
@study_options
@json_option
def run(
    recipe: str | None,
    out: Path | None,
    quick: bool,
    work: Work,
    as_json: bool,
) -> None:
    """Train, analyse and report: from a recipe to a page.

    RECIPE is a name (default "digits") or a YAML file. DIR is the folder of a study, which is resumed with its own
    recipe: what is missing is completed, nothing is repeated.

    Examples:
      modescape run
      modescape run --quick
      modescape run digits --out studies/first --set train.members=3
      modescape run studies/first --set train.members=5
      modescape run my.yaml --set 'analyses=[tsne, ensemble_size]' --engine here
    """
    from modescape import pipeline
    from modescape.cli.answering import of_study
    from modescape.pipeline.choosing import choose
    from modescape.printing import print_summary

    choice = choose(recipe, out, work.overrides(), quick)
    with working_on(choice.path):
        study = pipeline.run(choice, progress=work.progress())
        if as_json:
            return end(study, of_study("run", study))
        print_summary(study)
        end(study)


@cli.command(short_help="Train members; no analyses.")
@click.argument("recipe", metavar="RECIPE|DIR", shell_complete=completing.recipes)
@recipe_options
@study_options
@json_option
def train(
    recipe: str,
    out: Path | None,
    quick: bool,
    work: Work,
    as_json: bool,
) -> None:
    """Train the members of a RECIPE, or of the study in DIR, and keep their checkpoints; no analyses.

    Examples:
      modescape train digits --out studies/digits
      modescape train cifar10-smallcnn --set train.epochs=4
      modescape train studies/digits --set train.members=20
    """
    from modescape import pipeline
    from modescape.cli.answering import of_training
    from modescape.pipeline.choosing import choose
    from modescape.printing import print_members
    from modescape.study import layout

    choice = choose(recipe, out, work.overrides(), quick)
    with working_on(choice.path, layout.run_again(choice.path, "train")):
        study = pipeline.train(choice, progress=work.progress())
        if as_json:
            return end(study, of_training(study))
        print_members(study)
        end(study)


@cli.command(short_help="Run analyses of a study.")
@click.argument("directory", type=FolderType(), metavar="DIR")
@click.argument("names", nargs=-1, metavar="[NAME ...]", shell_complete=completing.analyses)
@study_options
@json_option
def analyse(
    directory: Path,
    names: tuple[str, ...],
    work: Work,
    as_json: bool,
) -> None:
    """Run analyses of the study in DIR: each NAME again, or without a NAME all that are missing.

    Examples:
      modescape analyse studies/digits
      modescape analyse studies/digits tsne --set settings.tsne.examples=512
    """
    from modescape import pipeline
    from modescape.study import layout

    overrides = work.overrides()
    with working_on(directory, this_command()):
        study = pipeline.analyse(directory, names, overrides=overrides, progress=work.progress())
    if as_json:
        from modescape.cli.answering import of_study

        return say(of_study("analyse", study))
    for name in names or study.recipe.analyses or ():
        click.echo(layout.result_path(study.path, name))


@cli.command(short_help="Write the page of a study again.")
@click.argument("directory", type=FolderType(), metavar="DIR")
@json_option
def report(directory: Path, as_json: bool) -> None:
    """Write the page of the study in DIR from its results, without training or analysing anything.

    Example:
      modescape report studies/digits
    """
    from modescape import pipeline

    with working_on(directory, this_command()):
        page = pipeline.report(directory)
    if as_json:
        where = page.absolute()
        return say(answer("report", verdict=[f"The page is {where}."], study=str(where.parent), page=str(where)))
    click.echo(page)


@cli.command(short_help="Say what a study contains and lacks.")
@click.argument("directory", type=FolderType(), metavar="DIR")
@click.option("--verify", is_flag=True, help="Check every checksum; exit code 1 if something is damaged.")
@json_option
def status(directory: Path, verify: bool, as_json: bool) -> None:
    """Say what the study in DIR contains, what is missing and what failed.

    Examples:
      modescape status studies/digits
      modescape status --verify studies/digits
    """
    from modescape.errors import InputError
    from modescape.printing import status_text
    from modescape.study import layout, summary

    problems: list[str] | None = None  # not looked for
    again, found = layout.run_again(directory), None
    if verify:
        from modescape.study import verify as find_damage

        problems = find_damage(directory)
    try:
        found = summary(directory)
    except InputError:  # a damaged recipe is among the problems
        if not problems:
            raise
        again = f"modescape run <the recipe and settings it was begun with> --out {shlex.quote(str(directory))}"
    if as_json:
        say_status(found, problems, again)
    else:
        lines = [status_text(found)] if found else []
        lines += [*map(visible, problems), f"repair with: {again}"] if problems else []
        lines += ["every checksum matches"] if problems == [] else []
        click.echo("\n".join(lines))
    if problems:
        sys.exit(1)


@cli.group(invoke_without_command=True)
@json_option
@click.pass_context
def recipes(context: click.Context, as_json: bool) -> None:
    """List the built-in recipes, or show one.

    Examples:
      modescape recipes
      modescape recipes show cifar10-smallcnn > my.yaml
    """
    if context.invoked_subcommand is not None:
        context.obj = as_json  # modescape recipes --json show digits
        return
    from modescape.recipe import builtin_names, builtin_text

    about = {name: builtin_text(name).splitlines()[0].lstrip("# ") for name in builtin_names()}
    if as_json:
        listed = [{"name": name, "about": words} for name, words in about.items()]
        return say(answer("recipes", verdict=[f"{len(listed)} recipes are built in."], recipes=listed))
    for name, words in about.items():
        click.echo(f"{name:<20} {words}")


@recipes.command()
@click.argument("name", shell_complete=completing.builtin)
@json_option
@click.pass_context
def show(context: click.Context, name: str, as_json: bool) -> None:
    """Print a built-in recipe as YAML, to edit and run.

    Example:
      modescape recipes show digits > mine.yaml && modescape run mine.yaml
    """
    from modescape.recipe import builtin_text

    text = builtin_text(name)
    if not (as_json or context.obj):
        return click.echo(text, nl=False)
    import yaml

    verdict = [text.splitlines()[0].lstrip("# ")]
    say(answer("recipes show", verdict=verdict, name=name, yaml=text, recipe=yaml.safe_load(text)))
