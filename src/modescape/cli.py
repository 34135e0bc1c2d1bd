"""The command line: parsing and printing, nothing else. Heavy modules are imported inside the commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import modescape
from modescape.errors import DamageError, ModescapeError, WorkError
from modescape.plain import shown, visible

if TYPE_CHECKING:
    from modescape.progress import Progress
    from modescape.study import Study

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=HELP)
@click.version_option(modescape.__version__, prog_name="modescape")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    r"""Why do deep ensembles work, and what would one buy on your data?

    Trains many networks, keeps their trajectories, and shows where each lands in the loss landscape and what function
    it has become, in one page.

    \b
    Examples:
      modescape run                                   # embedded digits, two minutes
      modescape run cifar10-smallcnn --out studies/c10
      modescape run cifar10-smallcnn --set data.source=path/to/cifar10 --set train.members=4
      modescape status studies/c10
    """


def study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--set, --engine, --device and --quiet, the same on every command that works on a study."""
    options = [
        click.option(
            "--set", "settings", multiple=True, metavar="KEY.PATH=VALUE", help="Change a setting; repeatable."
        ),
        click.option("--engine", type=click.Choice(["auto", "here", "processes", "ray"]), help="Where the work runs."),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="What members are trained on."),
        click.option("--quiet", is_flag=True, help="No progress on standard error."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _overrides(settings: tuple[str, ...], engine: str | None, device: str | None) -> list[str]:
    chosen = [f"compute.engine={engine}"] if engine else []
    return [*settings, *chosen, *([f"compute.device={device}"] if device else [])]


def _progress(quiet: bool) -> Progress:
    from modescape.progress import BarProgress, Progress

    progress = Progress() if quiet else BarProgress()
    progress.details = bool(click.get_current_context().obj)  # --debug
    return progress


def _end(study: Study) -> None:
    """Say which members failed, if any: the work is not done."""
    from modescape.pipeline import failures

    if lines := failures(study):
        raise WorkError("\n".join([*lines, "The others are done; the same command tries these again."]))


out_option = click.option("--out", type=click.Path(path_type=Path), help="The study's folder. [studies/<recipe name>]")


@cli.command()
@click.argument("recipe", default="digits")
@out_option
@study_options
def run(recipe: str, out: Path | None, settings: tuple[str, ...], engine: str, device: str, quiet: bool) -> None:
    r"""Train, analyse and report: from a RECIPE (a name or a YAML file; default "digits") to a page.

    Given an existing study, finishes what is missing and repeats nothing.

    \b
    Examples:
      modescape run
      modescape run digits --out studies/first --set train.members=3
      modescape run my.yaml --set 'analyses=[tsne, ensemble_size]' --engine here
    """
    from modescape import pipeline
    from modescape.printing import print_summary

    study = pipeline.run(recipe, out, overrides=_overrides(settings, engine, device), progress=_progress(quiet))
    print_summary(study)
    _end(study)


@cli.command()
@click.argument("recipe")
@out_option
@study_options
def train(recipe: str, out: Path | None, settings: tuple[str, ...], engine: str, device: str, quiet: bool) -> None:
    r"""Train the members of a RECIPE and keep their checkpoints; no analyses.

    \b
    Examples:
      modescape train digits --out studies/digits
      modescape train cifar10-smallcnn --set train.epochs=4
    """
    from modescape import pipeline
    from modescape.printing import print_members

    study = pipeline.train(recipe, out, overrides=_overrides(settings, engine, device), progress=_progress(quiet))
    print_members(study)
    _end(study)


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[NAME ...]")
@study_options
def analyse(
    directory: Path, names: tuple[str, ...], settings: tuple[str, ...], engine: str, device: str, quiet: bool
) -> None:
    r"""Make one or more analyses of a study: those NAMEd anew, or all that are missing.

    \b
    Examples:
      modescape analyse studies/digits
      modescape analyse studies/digits tsne --set settings.tsne.examples=512
    """
    from modescape import pipeline

    overrides = _overrides(settings, engine, device)
    study = pipeline.analyse(directory, names, overrides=overrides, progress=_progress(quiet))
    for name in names or study.recipe.analyses or ():
        click.echo(study.path / "results" / f"{name}.nc")


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
def report(directory: Path) -> None:
    r"""Write the page of a study from its results, without training or measuring anything.

    \b
    Example:
      modescape report studies/digits
    """
    from modescape import pipeline

    click.echo(pipeline.report(directory))


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Check every checksum; exit code 1 when something is damaged.")
def status(directory: Path, verify: bool) -> None:
    r"""Say what a study holds, what is missing and what failed.

    \b
    Examples:
      modescape status studies/digits
      modescape status --verify studies/digits
    """
    from modescape.errors import InputError
    from modescape.printing import status_text
    from modescape.study import summary

    problems: list[str] = []
    recipe = str(directory / "study.yaml")
    if verify:
        from modescape.study import verify as find_damage

        problems = find_damage(directory)
    try:
        click.echo(status_text(summary(directory)))
    except InputError:  # a damaged recipe is among the problems
        if not problems:
            raise
        recipe = "<the recipe and settings it was begun with>"
    for problem in problems:
        click.echo(visible(problem))
    if problems:
        click.echo(f"mended by: modescape run {recipe} --out {directory}")
        sys.exit(1)
    if verify:
        click.echo("every checksum is right")


@cli.group(invoke_without_command=True)
@click.pass_context
def recipes(context: click.Context) -> None:
    r"""List the built-in recipes, or show one.

    \b
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
    r"""Print a built-in recipe as YAML, to be changed and run.

    \b
    Example:
      modescape recipes show digits > mine.yaml && modescape run mine.yaml
    """
    from modescape.recipe import builtin_text

    click.echo(builtin_text(name), nl=False)


@cli.command()
@click.argument("names", nargs=-1, metavar="[NAME ...]")
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Turns; medians are of these."
)
@click.option("--data", metavar="SOURCE", help="A dataset to train on. [random images of CIFAR-10's shape]")
@click.option("--json", "folder", type=click.Path(path_type=Path), help="Keep each result as FOLDER/NAME.json.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def bench(names: tuple[str, ...], repeats: int, data: str | None, folder: Path | None, quiet: bool) -> None:
    r"""Measure this machine: training, digits, layers, pairwise, growth, precision, startup, corruptions, load.

    Without a NAME, all. Each is measured against its peers in the same run, in turns; read the ratios. They take about
    half an hour together on two cores; load writes 4 GB to the folder for temporary files.

    \b
    Examples:
      modescape bench digits
      modescape bench training --data path/to/cifar10 --repeats 3
      modescape bench pairwise layers --json results
    """
    from modescape.bench import BENCHMARKS, benchmark
    from modescape.bench.harness import Options, write

    chosen = [(name, benchmark(name)) for name in names or BENCHMARKS]
    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    for name, measure in chosen:
        say(f"{name} ...")
        result = measure(Options(repeats=repeats, data=data, say=say))
        click.echo(f"\n{result.question}\n\n{result.table()}\n\n{result.about()}")
        if folder is not None:
            click.echo(write(result, folder))


def main() -> None:
    """Entry point: turn errors into one or two plain lines and an exit code (0 done, 1 failed, 2 wrong input)."""
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]  # allowed anywhere on the line
    try:
        cli.main(args=arguments, prog_name="modescape", standalone_mode=False, obj=debug)
    except click.exceptions.Abort:
        _interrupted()
    except KeyboardInterrupt:
        _interrupted()
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except ModescapeError as error:
        if debug:
            raise
        text = visible(str(error))
        if isinstance(error, DamageError) and "modescape run" not in text:
            text += "\nmodescape run makes it again."
        click.echo(f"modescape: {text}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        click.echo(
            f"modescape: {type(error).__name__}: {shown(error)}\nThis is a fault of the program; --debug shows where.",
            err=True,
        )
        sys.exit(1)


def _interrupted() -> None:
    """Every finished epoch is on the disk: the same command goes on from there."""
    import shlex

    again = shlex.join(["modescape", *sys.argv[1:]])
    click.echo(f"\nStopped. Every finished epoch is kept; go on with:\n  {again}", err=True)
    sys.exit(1)
