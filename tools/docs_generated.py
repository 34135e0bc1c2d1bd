"""Pages of the site that are generated from the package: commands, public names, recipes."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import click

import modescape
from modescape.cli import cli
from modescape.recipe import builtin_names, builtin_text


def generated_pages() -> dict[str, str]:
    """Path in the site -> Markdown of every generated page."""
    return {
        "docs/reference/commands.md": commands_page(),
        "docs/reference/python.md": python_page(),
        "docs/reference/recipes.md": recipes_page(),
    }


# ---- commands ----


def commands_page() -> str:
    """Every command with its help."""
    lines = ["# Commands", "", "What `modescape COMMAND --help` says. Exit codes: 0 done, 1 failed, 2 wrong input.", ""]
    context = click.Context(cli, info_name="modescape", **cli.context_settings)
    return "\n".join([*lines, *_command(cli, context, 2)])


def _command(command: click.Command, context: click.Context, level: int) -> list[str]:
    lines = ["#" * level + f" {context.command_path}", "", *_help(command.help or ""), ""]
    usage = command.get_usage(context).removeprefix("Usage: ")
    lines += ["```text", re.sub(r"\s*\n\s+", " ", usage), "```", ""]
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    lines += ["| option | |", "|---|---|", *(f"| `{_cell(name)}` | {_cell(text)} |" for name, text in records), ""]
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        below = command.get_command(context, name)
        if below is not None and not below.hidden:
            lines += _command(below, click.Context(below, info_name=name, parent=context), min(level + 1, 3))
    return lines


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _help(text: str) -> list[str]:
    """The help as Markdown; paragraphs with click's mark for preserved lines are examples."""
    lines = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("\b\n"):
            lines += [paragraph, ""]
            continue
        title, *examples = paragraph.removeprefix("\b\n").split("\n")
        lines += [title, "", "```sh", *(line.strip() for line in examples), "```", ""]
    return lines


# ---- names ----


def python_page() -> str:
    """The public names under the headings of ``modescape.__all__``."""
    lines = ["# Python", "", "`import modescape as ms`; names are imported when they are first used.", ""]
    for heading, names in public_names().items():
        lines += [f"## {heading}", ""]
        for name in names:
            value: Any = getattr(modescape, name)
            kind, more = ("autoclass", "\n   :members:") if inspect.isclass(value) else ("autofunction", "")
            lines += [f"### ms.{name}", "", "```{eval-rst}", f".. {kind}:: modescape.{name}{more}", "```", ""]
    return "\n".join(lines)


def public_names() -> dict[str, list[str]]:
    """Heading -> names, as the comments in ``__all__`` divide them."""
    text = Path(modescape.__file__).read_text(encoding="utf-8")
    (listed,) = re.findall(r"^__all__ = \[.*?\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    found: dict[str, list[str]] = {}
    for line in map(str.strip, listed.splitlines()):
        if line.startswith("#"):
            found[line.lstrip("# ")] = []
        else:
            found[list(found)[-1]].append(ast.literal_eval(line.rstrip(",")))
    return found


# ---- recipes ----


def recipes_page() -> str:
    """The text of the built-in recipes."""
    lines = ["# Built-in recipes", ""]
    lines += [
        "What `modescape recipes show NAME` prints: a start for your own ([training](../training.md)).",
        "",
    ]
    for name in builtin_names():
        about, *_ = builtin_text(name).split("\n")
        lines += [f"## {name}", "", about.lstrip("# "), "", "```yaml", builtin_text(name).rstrip(), "```", ""]
    return "\n".join(lines)
