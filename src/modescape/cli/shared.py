"""Shared by commands: the look of help, the options of a study, messages when one stops."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from modescape.cli import completing
from modescape.engines import ENGINE_NAMES, ENGINES
from modescape.errors import DamageError
from modescape.storage import place
from modescape.trackers import TRACKER_NAMES

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from modescape.progress import Progress
    from modescape.study import Study


class FolderType(click.ParamType):
    """A folder, or a URL such as ``s3://bucket/study``."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Its path; nothing is looked at."""
        return place(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Studies, and any folder."""
        return completing.folders(incomplete)


ENGINE_HELP = "Where the work runs: in this process (here), in worker processes, or on a Ray cluster."
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Command(click.Command):
    """A command whose help keeps the lines of its examples: click would fill them into a paragraph."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        text = inspect.cleandoc(self.help or "")
        self.help = re.sub(r"^(?=Examples?:$)", "\b\n", text, flags=re.MULTILINE)  # click's mark for lines that stay


class Group(Command, click.Group):
    """A group of such commands and groups."""

    command_class = Command
    group_class = type


@dataclass(frozen=True)
class Work:
    """The values of the options of `study_options`."""

    settings: tuple[str, ...]
    engine: str | None
    address: str | None
    device: str | None
    track: tuple[str, ...]
    quiet: bool

    def overrides(self) -> list[str]:
        """Overrides of the recipe, in the order in which they apply."""
        chosen = [f"compute.engine={self.engine}"] if self.engine else []
        chosen += [f"compute.address={self.address}"] if self.address else self._without_cluster()
        chosen += [f"compute.device={self.device}"] if self.device else []
        return [*self.settings, *chosen, *([f"compute.track=[{', '.join(self.track)}]"] if self.track else [])]

    def _without_cluster(self) -> list[str]:
        """An engine that has no cluster goes on with a study that was begun on one."""
        named = any(setting.startswith("compute.address") for setting in self.settings)
        clustered = self.engine in ENGINES and ENGINES[self.engine].clustered
        return ["compute.address=null"] if self.engine and not named and not clustered else []

    def progress(self) -> Progress:
        """Who tells the user how far it is."""
        from modescape.progress import BarProgress, Progress

        progress = Progress() if self.quiet else BarProgress()
        progress.details = bool(click.get_current_context().obj)  # --debug
        return progress


def study_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--set, --engine, --device and --quiet, the same on every command that works on a study, as one `Work`."""

    @functools.wraps(command)
    def called(*arguments: Any, **rest: Any) -> Any:
        names = ("settings", "engine", "address", "device", "track", "quiet")
        said = {name: rest.pop(name) for name in names}
        return command(*arguments, work=Work(**said), **rest)

    options = [
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY.PATH=VALUE",
            help="Change a setting of the recipe, such as train.members=5; repeatable.",
        ),
        click.option("--engine", type=click.Choice(ENGINE_NAMES), help=ENGINE_HELP),
        click.option("--address", help="Address of a Ray cluster, with --engine ray. [one is started here]"),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="What networks run on."),
        click.option(
            "--track",
            multiple=True,
            type=click.Choice(TRACKER_NAMES),
            help="Also log epochs and results to this tracker; repeatable.",
        ),
        click.option("--quiet", is_flag=True, help="No progress on standard error."),
    ]
    for option in reversed(options):
        called = option(called)
    return called


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object (docs/json.md).")


def end(study: Study, said: Mapping[str, Any] | None = None) -> None:
    """Say which members failed, if any: the work is not done.

    Args:
        study: what was worked on.
        said: the answer of the command, where it is to be printed as JSON.

    Raises:
        Unfinished: if a member failed.
    """
    from modescape.cli.answering import Unfinished, say
    from modescape.pipeline import failures

    if lines := failures(study):
        raise Unfinished("\n".join([*lines, "The others are done; the same command tries these again."]), said)
    if said is not None:
        say(said)


@contextlib.contextmanager
def working_on(study: Path, again: str | None = None) -> Iterator[None]:
    """Say after an interrupt, and of damage, the exact command that goes on with the study in this folder.

    Args:
        study: the folder, which need not be there yet.
        again: the command; default: ``modescape run`` of the folder.
    """
    from modescape.study import layout

    try:
        yield
    except KeyboardInterrupt:
        if not (study / layout.MANIFEST).is_file():
            stop("Stopped before anything was written; the same command begins again:", this_command())
        stop("Stopped. Every finished epoch is kept; go on with:", again or layout.run_again(study))
    except DamageError as error:
        if "modescape run" in str(error):
            raise
        raise DamageError(f"{error}\nRecreate it with: {layout.run_again(study)}") from error


def this_command() -> str:
    """The command line that is being carried out."""
    return shlex.join(["modescape", *sys.argv[1:]])


class Stopped(Exception):  # noqa: N818 - said of the work: nothing is wrong
    """The user stopped it; the message ends with the command that goes on."""


def stop(sentence: str, command: str) -> NoReturn:
    """End with a sentence, and the command that goes on."""
    raise Stopped(f"{sentence}\n  {command}")


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--out and --quick, the same on every command that may begin a study."""
    out = click.option("--out", type=FolderType(), help="The study's folder, or a URL. [studies/<recipe name>]")
    quick = click.option(
        "--quick",
        is_flag=True,
        help="A first look in about a tenth of the time: at most 4 networks, fewer epochs, and only the analyses "
        "behind the verdict; the page names what is left out. A study of its own, in "
        "studies/<recipe name>-quick; --set takes precedence.",
    )
    return out(quick(command))
