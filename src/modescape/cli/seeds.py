"""The command `seeds`."""

from __future__ import annotations

import click

from modescape.cli import completing
from modescape.cli.commands import cli
from modescape.cli.shared import json_option


class Group(click.ParamType):
    """METHOD=PATTERN."""

    name = "METHOD=PATTERN"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The method and the pattern."""
        method, mark, pattern = str(value).partition("=")
        if not (method and mark and pattern):
            self.fail(f"{value!r} is not METHOD=PATTERN, such as resnet='resnet*'", param, ctx)
        return method, pattern


@cli.command(short_help="Say whether scores differ by more than noise.")
@click.argument("files", nargs=-1, required=True, metavar="FILE ...", shell_complete=completing.files)
@click.option("--method", metavar="COLUMN", help="The column of methods. [found by name]")
@click.option("--run", metavar="COLUMN", help="The column of runs or seeds. [found by name]")
@click.option("--score", multiple=True, metavar="COLUMN", help="The column of scores; repeatable. [columns of numbers]")
@click.option("--task", metavar="COLUMN", help="The column of tasks. [found by name]")
@click.option("--without", multiple=True, metavar="COLUMN", help="Leave a column out; repeatable.")
@click.option(
    "--group", "groups", multiple=True, type=Group(), help="The runs of a method, such as resnet='resnet*'; repeatable."
)
@click.option("--against", metavar="METHOD", help="Compare all methods with this one only. [every pair]")
@click.option("--paired/--unpaired", default=None, help="Pair the runs. [where their names match]")
@click.option("--lower-is-better", is_flag=True, help="Scores are losses or errors.")
@click.option("--width", type=float, help="Report how many runs give intervals no wider than this.")
@click.option("--power", type=float, help="Report how many runs detect a difference with this power. [.8]")
@click.option("--difference", type=float, help="The difference to detect. [the one observed]")
@click.option(
    "--best", "best_of", type=click.IntRange(1, 1_000_000), help="What the best of this many runs gains by luck. [5]"
)
@click.option("--mean-of-tasks", is_flag=True, help="Also compare each method's mean over tasks.")
@click.option("--sequential", is_flag=True, help="Also a sequential test, valid after every run.")
@json_option
def seeds(files: tuple[str, ...], as_json: bool, **asked: object) -> None:
    """Say whether differences between methods are more than seed noise, and how many runs would settle it.

    FILE is a table of scores (CSV, TSV, Parquet, JSON lines; "-" is standard input): one row per score, with columns of
    methods, seeds and scores, or one row per run and one column per method. Exports of W&B, MLflow and TensorBoard (one
    file per run) are read as well. All numbers are in the unit of the file.

    Examples:
      modescape seeds scores.csv
      modescape seeds scores.csv --method model --run seed --score accuracy --against baseline
      modescape seeds scores.csv --width 0.5
      modescape seeds scores.csv --power .9 --difference 0.3 --sequential
      cat scores.csv | modescape seeds - --json
    """
    from modescape.pipeline.seeds import seeds as judged
    from modescape.printing import print_seeds

    found = judged(list(files), **asked)  # pyright: ignore[reportArgumentType]
    if as_json:
        from modescape.cli.answering import say

        say(found.as_dict())
    else:
        print_seeds(found)
