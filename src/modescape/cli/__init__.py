"""The command line: ``modescape`` and its commands, errors as plain lines and exit codes."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import Any, NoReturn

import click

# one file per command; importing it is what makes it known
from modescape.cli import bench, compare, decide, export, figures, importing, seeds  # noqa: F401
from modescape.cli.answering import Unfinished, say_error
from modescape.cli.commands import cli
from modescape.cli.shared import Stopped, this_command
from modescape.errors import ModescapeError
from modescape.plain import shown, visible

__all__ = ["cli", "command", "main"]


NO_OUTPUT = "cannot write the output"


def command() -> None:
    """The program: `main`, and then the end of the process at once.

    Python would first take torch, SciPy and others apart, piece by piece, for half a second.
    """
    code: Any = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    atexit._run_exitfuncs()
    try:
        with contextlib.suppress(BrokenPipeError, ValueError):  # nobody reads it any more, or it was closed
            sys.stdout.flush()
    except OSError as error:  # a full disk
        sys.stderr.write(f"modescape: {NO_OUTPUT}: {error.strerror}\n")
        os._exit(1)
    os._exit(code or 0)


def main() -> None:
    """Entry point: turn errors into one or two plain lines and an exit code (0 done, 1 failed, 2 wrong input)."""
    debug = "--debug" in sys.argv[1:]
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]  # allowed anywhere on the line
    try:
        cli.main(args=arguments, prog_name="modescape", standalone_mode=False, obj=debug)
    except (click.exceptions.Abort, KeyboardInterrupt):  # before or after all work
        _stopped(f"Stopped; run the same command again to resume or restart:\n  {this_command()}")
    except Stopped as stopped:
        _stopped(str(stopped))
    except click.ClickException as error:
        error.show()
        say_error(cli, error.format_message(), 2)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except ModescapeError as error:
        if debug:
            raise
        click.echo(f"modescape: {visible(str(error))}", err=True)
        say_error(cli, str(error), error.exit_code, error.said if isinstance(error, Unfinished) else None)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and _while_printing(error):
            click.echo(f"modescape: {NO_OUTPUT}: {error.strerror}", err=True)
            sys.exit(1)
        message = f"{type(error).__name__}: {shown(error)}\nThis is a bug in modescape; --debug shows where."
        click.echo(f"modescape: {message}", err=True)
        say_error(cli, message, 1)
        sys.exit(1)


def _stopped(message: str) -> NoReturn:
    click.echo(f"\n{message}", err=True)
    say_error(cli, message, 1)
    sys.exit(1)


def _while_printing(error: OSError) -> bool:
    """Whether text could not be written to where output goes; what waits there is given up, not tried again."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    if place is None or not place.tb_frame.f_globals.get("__name__", "").startswith(("click.", "rich.")):
        return False
    with contextlib.suppress(OSError, ValueError):  # an output that is no file of the system
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True
