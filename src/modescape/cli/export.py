"""``modescape export``."""

from __future__ import annotations

from pathlib import Path

import click

from modescape.answers import answer
from modescape.cli.answering import say
from modescape.cli.commands import cli
from modescape.cli.shared import FolderType, json_option, this_command, working_on
from modescape.errors import InputError

FORMATS = ("pt2", "onnx", "safetensors")
CALIBRATIONS = ("auto", "average", "members", "none")


@cli.command(short_help="Write an ensemble as one file.")
@click.argument("directory", type=FolderType(), metavar="DIR")
@click.option("--to", type=click.Choice(FORMATS), default="pt2", show_default=True, help="Format of the file.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder. [exports/<recipe name>]")
@click.option("--members", metavar="0,1,2", help="The members to export. [all that are trained]")
@click.option(
    "--calibration",
    type=click.Choice(CALIBRATIONS),
    default="auto",
    show_default=True,
    help="What to calibrate on the validation examples: the average, each member first, nothing, or whichever is best.",
)
@json_option
def export(directory: Path, to: str, out: Path | None, members: str | None, calibration: str, as_json: bool) -> None:
    """Write the ensemble of the study in DIR as one file that runs without modescape.

    It takes pictures, rows or tokens as they are in the data, and returns the mean probability, the disagreement, the
    entropies and the mutual information of each example. Beside the file are a model card with the study's scores
    (README.md) and the same for programs (ensemble.json). The file is then run, and its output compared with the
    study's predictions.

    Examples:
      modescape export studies/digits
      modescape export studies/digits --to onnx --out deployed
      modescape export studies/digits --to safetensors --members 0,1,2
    """
    from modescape.pipeline import exporting

    with working_on(directory, this_command()):
        done = exporting.export(directory, to, out=out, members=_numbers(members), calibration=calibration)
    count, about = len(done.about["members"]), done.about
    verdict = [
        f"{count} network{'s' * (count > 1)} in one file, {done.path.stat().st_size:,} bytes.",
        f"Calibration: {about['calibration']['how']}.",
        _checked(about["check"]),
    ]
    if as_json:
        files = [str(path.absolute()) for path in (done.path, done.folder / "README.md", done.folder / "ensemble.json")]
        place = {"study": str(directory.absolute()), "out": str(done.folder.absolute()), "files": files}
        return say(answer("export", verdict=verdict, warnings=done.warnings, **place, ensemble=about))
    click.echo("\n".join([*verdict, *done.warnings, "", str(done.path), str(done.folder / "README.md")]))


def _checked(check: dict[str, float]) -> str:
    what = "Read back, it" if check["read_back"] else "It was not run from the file; as a module it"
    return f"{what} predicts {check['examples']} test examples as the study does, to within {check['difference']:.1e}."


def _numbers(members: str | None) -> list[int]:
    try:
        return [int(number) for number in members.split(",")] if members else []
    except ValueError:
        raise InputError(f"--members is '{members}', expected numbers separated by commas, such as 0,1,2") from None
