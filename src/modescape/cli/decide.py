"""``modescape decide``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from modescape.cli.answering import say
from modescape.cli.commands import cli
from modescape.cli.shared import FolderType, json_option, this_command, working_on
from modescape.errors import InputError

UNITS = {"": 1, "B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@cli.command(short_help="Say what to do with a study's networks.")
@click.argument("directory", type=FolderType(), metavar="DIR")
@click.option("--passes", type=float, metavar="N", help="At most N forward passes of one network per prediction.")
@click.option("--memory", metavar="BYTES", help="At most this much memory for weights, such as 200MB.")
@click.option("--latency", type=float, metavar="SECONDS", help="At most this many seconds per example on this machine.")
@click.option(
    "--set",
    "thresholds",
    multiple=True,
    metavar="NAME=SHARE",
    help="Change a threshold (docs/decision.md), such as pass_price=0.01; repeatable.",
)
@json_option
def decide(
    directory: Path,
    passes: float | None,
    memory: str | None,
    latency: float | None,
    thresholds: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what to do with the networks of DIR: average them, calibrate, train longer or wider, or keep one.

    DIR is the folder of a study, of an import that has predictions, or of a comparison. Nothing is trained. Candidates
    are chosen on validation examples and judged on test examples, after subtracting their price. If these are too few
    to decide, the answer estimates how many test examples would be enough.

    Examples:
      modescape decide studies/digits
      modescape decide studies/digits --passes 3
      modescape decide studies/digits --memory 10MB --latency 0.005 --json
      modescape decide comparisons/mine --set pass_price=0
    """
    from modescape.decision import Budget
    from modescape.pipeline import deciding

    budget = Budget(passes=passes, memory=_bytes(memory), latency=latency)
    with working_on(directory, this_command()):
        found = deciding.decide(directory, budget=budget, thresholds=_thresholds(thresholds))
    if as_json:
        return say(deciding.answer_of(found))
    click.echo("\n".join([*found.sentences, *found.warnings]))


def _bytes(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"\s*([0-9.]+(?:e[0-9]+)?)\s*([a-z]*)\s*", text, re.IGNORECASE)
    unit = UNITS.get(found[2].upper()) if found else None
    try:
        if found and unit:
            return float(found[1]) * unit
    except ValueError:
        pass
    raise InputError(f"--memory is '{text}'; expected bytes, such as 5000000 or 5MB")


def _thresholds(said: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for one in said:
        name, _, value = one.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise InputError(f"--set is '{one}'; expected NAME=SHARE, such as pass_price=0.01") from None
    return found
