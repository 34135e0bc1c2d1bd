"""The commands: parsing and printing, nothing else. Heavy modules are imported inside them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from modescape.bench import BENCHMARKS
from modescape.cli.shared import HELP, Group, Work, end, recipe_options, study_options, this_command, working_on
from modescape.plain import visible
from modescape.version import __version__


@click.group(cls=Group, context_settings=HELP)
@click.version_option(__version__, prog_name="modescape")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Why do deep ensembles work, and what would one buy on your data?

    Trains many networks, keeps their trajectories, and shows where each lands in the loss landscape and what function
    it has become, in one page.

    Examples:
      modescape run                                   # embedded digits, two minutes
      modescape run cifar10-smallcnn --out studies/c10
      modescape run cifar10-smallcnn --set data.source=path/to/cifar10 --set train.members=4
      modescape run studies/c10                       # go on with a study
      modescape status studies/c10
    """


@cli.command()
@click.argument("recipe", required=False, metavar="[RECIPE|DIR]")
@recipe_options
@study_options
def run(
    recipe: str | None,
    out: Path | None,
    quick: bool,
    work: Work,
) -> None:
    """Train, analyse and report: from a recipe to a page.

    RECIPE is a name (default "digits") or a YAML file. DIR is the folder of a study, which goes on with its own recipe:
    what is missing is finished, nothing is repeated.

    Examples:
      modescape run
      modescape run --quick
      modescape run digits --out studies/first --set train.members=3
      modescape run studies/first --set train.members=5
      modescape run my.yaml --set 'analyses=[tsne, ensemble_size]' --engine here
    """
    from modescape import pipeline
    from modescape.pipeline.choosing import choose
    from modescape.printing import print_summary

    choice = choose(recipe, out, work.overrides(), quick)
    with working_on(choice.path):
        study = pipeline.run(choice, progress=work.progress())
        print_summary(study)
        end(study)


@cli.command()
@click.argument("recipe", metavar="RECIPE|DIR")
@recipe_options
@study_options
def train(
    recipe: str,
    out: Path | None,
    quick: bool,
    work: Work,
) -> None:
    """Train the members of a RECIPE, or of the study in DIR, and keep their checkpoints; no analyses.

    Examples:
      modescape train digits --out studies/digits
      modescape train cifar10-smallcnn --set train.epochs=4
      modescape train studies/digits --set train.members=20
    """
    from modescape import pipeline
    from modescape.pipeline.choosing import choose
    from modescape.printing import print_members
    from modescape.study import layout

    choice = choose(recipe, out, work.overrides(), quick)
    with working_on(choice.path, layout.run_again(choice.path, "train")):
        study = pipeline.train(choice, progress=work.progress())
        print_members(study)
        end(study)


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[NAME ...]")
@study_options
def analyse(
    directory: Path,
    names: tuple[str, ...],
    work: Work,
) -> None:
    """Make one or more analyses of a study: those NAMEd anew, or all that are missing.

    Examples:
      modescape analyse studies/digits
      modescape analyse studies/digits tsne --set settings.tsne.examples=512
    """
    from modescape import pipeline
    from modescape.study import layout

    overrides = work.overrides()
    with working_on(directory, this_command()):
        study = pipeline.analyse(directory, names, overrides=overrides, progress=work.progress())
    for name in names or study.recipe.analyses or ():
        click.echo(layout.result_path(study.path, name))


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
def report(directory: Path) -> None:
    """Write the page of a study from its results, without training or measuring anything.

    Example:
      modescape report studies/digits
    """
    from modescape import pipeline

    with working_on(directory, this_command()):
        click.echo(pipeline.report(directory))


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Check every checksum; exit code 1 when something is damaged.")
def status(directory: Path, verify: bool) -> None:
    """Say what a study holds, what is missing and what failed.

    Examples:
      modescape status studies/digits
      modescape status --verify studies/digits
    """
    from modescape.errors import InputError
    from modescape.printing import status_text
    from modescape.study import layout, summary

    problems: list[str] = []
    again = layout.run_again(directory)
    if verify:
        from modescape.study import verify as find_damage

        problems = find_damage(directory)
    try:
        click.echo(status_text(summary(directory)))
    except InputError:  # a damaged recipe is among the problems
        if not problems:
            raise
        again = f"modescape run <the recipe and settings it was begun with> --out {shlex.quote(str(directory))}"
    for problem in problems:
        click.echo(visible(problem))
    if problems:
        click.echo(f"mended by: {again}")
        sys.exit(1)
    if verify:
        click.echo("every checksum is right")


@cli.group(invoke_without_command=True)
@click.pass_context
def recipes(context: click.Context) -> None:
    """List the built-in recipes, or show one.

    Examples:
      modescape recipes
      modescape recipes show cifar10-smallcnn > my.yaml
    """
    if context.invoked_subcommand is None:
        from modescape.recipe import builtin_names, builtin_text

        for name in builtin_names():
            about = builtin_text(name).splitlines()[0].lstrip("# ")
            click.echo(f"{name:<20} {about}")


@recipes.command()
@click.argument("name")
def show(name: str) -> None:
    """Print a built-in recipe as YAML, to be changed and run.

    Example:
      modescape recipes show digits > mine.yaml && modescape run mine.yaml
    """
    from modescape.recipe import builtin_text

    click.echo(builtin_text(name), nl=False)


BENCH_HELP = f"""Measure this machine: {", ".join(BENCHMARKS)}.

Without a NAME, all. Each is measured against its peers in the same run, in turns; read the ratios. They take about
half an hour together on two cores; load writes 4 GB to the folder for temporary files.

Examples:
  modescape bench digits
  modescape bench training --data path/to/cifar10 --repeats 3
  modescape bench pairwise layers --json results
"""


@cli.command(help=BENCH_HELP)
@click.argument("names", nargs=-1, metavar="[NAME ...]")
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Turns; medians are of these."
)
@click.option("--data", metavar="SOURCE", help="A dataset to train on. [random images of CIFAR-10's shape]")
@click.option("--json", "folder", type=click.Path(path_type=Path), help="Keep each result as FOLDER/NAME.json.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def bench(names: tuple[str, ...], repeats: int, data: str | None, folder: Path | None, quiet: bool) -> None:
    """Measure this machine."""
    from modescape.bench import benchmark
    from modescape.bench.harness import Options, write

    chosen = [(name, benchmark(name)) for name in names or BENCHMARKS]
    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    for name, measure in chosen:
        say(f"{name} ...")
        result = measure(Options(repeats=repeats, data=data, say=say))
        click.echo(f"\n{result.question}\n\n{result.table()}\n\n{result.about()}")
        if folder is not None:
            click.echo(write(result, folder))
