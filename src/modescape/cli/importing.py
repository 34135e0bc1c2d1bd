"""``modescape import``: checkpoints of any origin as a study."""

from __future__ import annotations

from pathlib import Path

import click

from modescape.cli import completing
from modescape.cli.commands import cli
from modescape.cli.shared import FolderType, Work, end, json_option, study_options, this_command, working_on

FORMATS = ("auto", "torch", "lightning", "safetensors", "keras")  # as `modescape.interop.checkpoints.held` has them


@cli.command("import", short_help="Make a study of checkpoints.")
@click.argument("format", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("files", nargs=-1, required=True, metavar="FILE ...", shell_complete=completing.files)
@click.option("--factory", metavar="NAME", help="The network: package.module:callable, or a built-in one.")
@click.option(
    "--data", metavar="SOURCE|RECIPE", help="Data to run it on: a source as in data.source, a recipe, or a YAML file."
)
@click.option(
    "--out", type=FolderType(), help="The study's folder, or a URL. [studies/<recipe name>, studies/imported]"
)
@click.option(
    "--weights", type=click.Choice(["raw", "ema"]), default="raw", help="ema: averaged weights in the files. [raw]"
)
@click.option(
    "--first", type=click.IntRange(0, 1), help="What file names call the end of the first epoch. [1; lightning: 0]"
)
@click.option("--no-analyses", is_flag=True, help="Only write the study; modescape run DIR analyses it later.")
@study_options
@json_option
def import_(
    format: str,
    files: tuple[str, ...],
    factory: str | None,
    data: str | None,
    out: Path | None,
    weights: str,
    first: int | None,
    no_analyses: bool,
    work: Work,
    as_json: bool,
) -> None:
    """Make a study of checkpoints trained elsewhere and analyse it; nothing is trained, and no file runs code.

    FORMAT is auto, torch, lightning, safetensors or keras. FILE is a file, a folder (of epochs, or one folder per
    network), or a pattern with {member} and {epoch} in it. With a network and data, every analysis that needs no
    training runs; without them, only the weights are compared.

    Examples:
      modescape import auto a.safetensors b.safetensors c.safetensors
      modescape import torch 'runs/{member}/epoch_{epoch}.pt' --factory net:make --data path/to/images
      modescape import keras 'SmallCNN/*.h5' --data notebook-smallcnn --set data.source=path/to/cifar10
      modescape import torch resnet20.th --factory net:resnet20 --data path/to/cifar10 --no-analyses
    """
    from modescape.cli.answering import of_study
    from modescape.pipeline.import_sources import Wanted
    from modescape.pipeline.importing import written

    wanted = Wanted(files, format, factory, data, work.overrides(), weights, first)
    progress = work.progress()
    where = out if out is not None else Path("studies") / "imported"
    with working_on(where, this_command()):
        study = written(wanted, out, progress)
        if no_analyses:
            if as_json:
                return end(study, of_study("import", study))
            click.echo(study.path)
            return None
        from modescape.pipeline.imported import finish
        from modescape.printing import print_summary

        study = finish(study.path, progress=progress)
        if as_json:
            return end(study, of_study("import", study))
        print_summary(study)
        return end(study)
