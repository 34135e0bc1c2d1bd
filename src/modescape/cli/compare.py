"""``modescape compare``: predictions of any origin, no training."""

from __future__ import annotations

from pathlib import Path

import click

from modescape.cli import completing
from modescape.cli.answering import say
from modescape.cli.commands import cli
from modescape.cli.shared import json_option, this_command
from modescape.errors import InputError


@cli.command(short_help="Compare models by their predictions.")
@click.argument("files", nargs=-1, required=True, metavar="FILE ...", shell_complete=completing.files)
@click.option("--labels", metavar="FILE[:COLUMN]", help="The true classes or numbers. [a column of the files]")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the page. [comparisons/<folder of the files>]")
@click.option(
    "--kind",
    default="",
    metavar="KIND",
    help="probabilities, log-probabilities, logits or labels; for a regression means, 'means and variances'. "
    "[detected]",
)
@click.option("--task", default="", metavar="TASK", help="classification or regression. [detected]")
@click.option(
    "--id", "id_column", default="", metavar="COLUMN", help="Column of example ids. [a column named id, idx, uid, ...]"
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="METHOD=NAMES",
    help="Models that belong together, such as runs of one method: names or patterns, separated by commas, such as "
    "'swag=swag-*'; repeatable.",
)
@click.option(
    "--parts", default="", metavar="COLUMN|FILE", help="Subsets of the examples, such as regions, reported separately."
)
@click.option(
    "--examples-group",
    default="",
    metavar="COLUMN|FILE",
    help="Groups of examples, such as patients; intervals are then for new groups.",
)
@click.option("--seed", default=0, type=click.IntRange(min=0), help="Seed of random draws. [0]")
@json_option
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def compare(
    files: tuple[str, ...],
    labels: str | None,
    out: Path | None,
    kind: str,
    task: str,
    id_column: str,
    groups: tuple[str, ...],
    parts: str,
    examples_group: str,
    seed: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Compare models by their predictions, wherever they come from: which to keep, and what averaging them gains.

    Each FILE is a model: .npy, .npz, .csv, .tsv, .txt, .json, .jsonl, .parquet, .arrow, .zarr or .pt; FILE:COLUMN names
    one of several arrays. "-" is standard input. Rows are matched by an id column where there is one.

    Examples:
      modescape compare net-*.npy --labels labels.npy
      modescape compare runs/*.csv --labels test.csv:label --id id --parts region
      modescape compare a-*.npz b-*.npz --labels y.npy --group 'a=a-*' --group 'b=b-*' --out comparisons/ab
      cat answers.jsonl | modescape compare - --json
    """
    from modescape.pipeline.comparison import compare as compared_of
    from modescape.pipeline.comparison import folder_for
    from modescape.printing import print_comparison
    from modescape.progress import BarProgress, Progress

    compared = compared_of(
        files,
        labels,
        out=out or folder_for(files),
        kind=kind,
        task=task,
        id=id_column,
        groups=_groups(groups),
        parts=parts,
        examples_group=examples_group,
        seed=seed,
        command=this_command(),
        progress=Progress() if quiet else BarProgress(),
    )
    if as_json:
        from modescape.pipeline.comparison_answer import answer_of

        say(answer_of(compared))
    else:
        print_comparison(compared)


def _groups(said: tuple[str, ...]) -> dict[str, str]:
    """Method -> names, of METHOD=NAMES; said twice they are put together."""
    found: dict[str, str] = {}
    for one in said:
        method, equals, names = one.partition("=")
        if not (equals and method and names):
            raise InputError(f"--group is {one!r}; expected METHOD=NAMES, such as --group 'swag=swag-*'")
        found[method] = ",".join(filter(None, [found.get(method, ""), names]))
    return found
