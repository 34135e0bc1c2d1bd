"""Answers of a study's commands with --json, also when one fails; see docs/json.md."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modescape.answers import answer, as_json
from modescape.errors import WorkError
from modescape.plain import visible

if TYPE_CHECKING:
    from modescape.study import Member, Study, StudyStatus
    from modescape.study.status import MemberStatus


class Unfinished(WorkError):  # noqa: N818 - said of the work
    """Part of the work failed; the rest is done and in the answer."""

    def __init__(self, message: str, said: Mapping[str, Any] | None) -> None:
        super().__init__(message)
        self.said = said


def say(content: Mapping[str, Any]) -> None:
    """Print the answer of a command."""
    click.echo(as_json(content))


def is_wanted() -> bool:
    """Whether this command line asks for an answer in JSON, also where it cannot be read."""
    words = sys.argv[1:]
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def say_error(group: click.Group, message: str, exit_code: int, said: Mapping[str, Any] | None = None) -> None:
    """Print what failed, where JSON was asked for: the one object there is then.

    Args:
        group: the whole command line, which tells what the command is.
        message: the plain lines that stand on standard error, too.
        exit_code: of the command.
        said: what it answers in spite of it.
    """
    if is_wanted():
        content = dict(said or answer(_command(group, sys.argv[1:]), verdict=[]))
        content["error"] = {"message": visible(message), "exit_code": exit_code}
        say(content)


def _command(group: click.Command, words: list[str]) -> str:
    """The name of the command in a command line, "" where it has none: "recipes show"."""
    named: list[str] = []
    for word in words:
        inner = group.commands.get(word) if isinstance(group, click.Group) else None
        if inner is not None:
            named, group = [*named, word], inner
        elif not word.startswith("-"):
            break
    return " ".join(named)


def of_status(status: StudyStatus) -> dict[str, Any]:
    """Study, page, members and analyses, as they are on the disk."""
    from dataclasses import asdict

    from modescape.study import layout

    path = status.path.absolute()
    page = path / layout.REPORT
    return {
        "study": str(path),
        "page": str(page) if status.report else None,
        "members": [asdict(member) for member in status.members],
        "analyses": [_analysis(path, name, name not in status.missing_results) for name in status.expected_results],
    }


def _analysis(study: Path, name: str, done: bool) -> dict[str, Any]:
    from modescape.study import layout

    figures = [layout.figure_path(study, name, suffix) for suffix in layout.FIGURE_SUFFIXES]
    return {
        "name": name,
        "done": done,
        "result": str(layout.result_path(study, name)),
        "figures": [str(path) for path in figures if path.is_file()],
    }


def say_status(status: StudyStatus | None, problems: list[str] | None, again: str) -> None:
    """Print how a study is.

    Args:
        status: of the study; None: its recipe is damaged.
        problems: what is damaged; None: it was not looked for.
        again: the command that mends it.

    Raises:
        Unfinished: if the recipe is damaged, with what could be said.
    """
    looked = [] if problems is None else [*problems] or ["every checksum matches"]
    more = {} if problems is None else {"problems": problems}
    if status is None:
        message = "\n".join([*looked, f"repair with: {again}"])
        raise Unfinished(message, answer("status", verdict=looked, again=again, **more))
    on = None if status.complete and not problems else again if problems else status.again
    verdict = ["complete" if status.complete else f"incomplete; go on with: {status.again}", *looked]
    said = answer("status", verdict=verdict, warnings=_lost(status.members))
    predictions = {split: {"done": rows.done, "expected": rows.expected} for split, rows in status.predictions.items()}
    about = {"name": status.name, "recipe_hash": status.recipe_hash, "complete": status.complete, "again": on}
    say({**said, **of_status(status), **about, "predictions": predictions, **more})


def of_study(command: str, study: Study) -> dict[str, Any]:
    """The answer of a command that trained or analysed: the page's verdict, its scores, and the parts of the study."""
    from modescape.pipeline.reporting import page_content
    from modescape.report.scored import scored
    from modescape.report.verdict import judge
    from modescape.study import summary
    from modescape.wording.examples import in_words_of

    content = page_content(study)
    verdict = judge(content.results, imported=content.imported)
    lines = filter(None, [verdict.answer, *verdict.sentences, verdict.covers])
    spoken = [in_words_of(study.word, line, "groups" in study.manifest) for line in lines]
    left_out = [f"{name}: {note}" for name, note in content.notes.items()]
    warnings = [content.quick, *_lost(study.members), *left_out, *content.manifest.get("data_notes", [])]
    said = answer(command, verdict=spoken, warnings=[line for line in warnings if line])
    return {**said, **of_status(summary(study.path)), **scored(content.results)}


def of_training(study: Study) -> dict[str, Any]:
    """The answer after training alone."""
    from modescape.study import summary

    parts = of_status(summary(study.path))
    trained = f"{len(study.trained)} of {len(parts['members'])} networks are trained."
    warnings = [*_lost(study.members), *study.manifest.get("data_notes", [])]
    said = answer("train", verdict=[trained], warnings=warnings)
    return {**said, **{name: parts[name] for name in ("study", "members")}}


def _lost(members: Iterable[Member | MemberStatus]) -> list[str]:
    """One line per member that is not to be had."""
    lost = [one for one in members if one.status in ("diverged", "failed", "damaged")]
    return [f"member {one.number} {one.status}: {one.message}" for one in lost]
