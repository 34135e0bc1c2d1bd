"""``modescape bench``."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modescape.answers import answer
from modescape.bench import BENCHMARKS
from modescape.cli import completing
from modescape.cli.answering import say
from modescape.cli.commands import cli
from modescape.cli.shared import json_option

if TYPE_CHECKING:
    from modescape.bench.harness import Result

BENCH_HELP = f"""Measure this machine: {", ".join(BENCHMARKS)}.

Without a NAME, all of these are run, which takes about half an hour on two cores. Each benchmark measures its variants
in turn: compare the ratios, as absolute numbers depend on the machine. load writes 4 GB to the folder for temporary
files.

Examples:
  modescape bench digits
  modescape bench training --data path/to/cifar10 --repeats 3
  modescape bench pairwise layers --out results
"""


@cli.command(help=BENCH_HELP, short_help="Measure this machine.")
@click.argument("names", nargs=-1, metavar="[NAME ...]", shell_complete=completing.benchmarks)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="How often each variant is measured."
)
@click.option("--data", metavar="SOURCE", help="A dataset to train on. [random images of CIFAR-10's shape]")
@click.option(
    "--out", "folder", metavar="FOLDER", type=click.Path(path_type=Path), help="Keep each result as FOLDER/NAME.json."
)
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@json_option
def bench(
    names: tuple[str, ...], repeats: int, data: str | None, folder: Path | None, quiet: bool, as_json: bool
) -> None:
    """Measure this machine."""
    from modescape.bench import benchmark
    from modescape.bench.harness import Options, write

    chosen = [(name, benchmark(name)) for name in names or BENCHMARKS]
    say_line = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    results = []
    for name, measure in chosen:
        say_line(f"{name} ...")
        result = measure(Options(repeats=repeats, data=data, say=say_line))
        results.append(result)
        if not as_json:
            click.echo(f"\n{result.question}\n\n{result.table()}\n\n{result.about()}")
        if folder is not None:
            kept = write(result, folder)
            click.echo(kept, err=as_json)
    if as_json:
        found = [result.as_dict() for result in results]
        say(answer("bench", verdict=[line for result in results for line in _sentences(result)], results=found))


def _sentences(result: Result) -> list[str]:
    """A row each: its median."""
    return [f"{result.name}, {row.name}: {statistics.median(row.values):.4g} {result.unit}" for row in result.rows]
