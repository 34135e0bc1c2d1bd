"""Checks for files of unknown origin: plain names, plain YAML, bounded numbers, text safe to show.

Standard library only: ``status`` reads the files of a study without the recipe's schema, under the same limits.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from modescape.errors import InputError
from modescape.keeping import MOST_EPOCHS
from modescape.storage import ObjectPath

MOST_MEMBERS = 100_000
MOST_CLASSES = 100_000
MOST_NAME = 10_000  # characters in the name of a class, a tensor, a version
MOST_NUMBER = 1e100  # size of a feature or a target: sums of squares stay finite
MOST_GROUP_NAME = 128  # bytes in the name of a group of examples, as stored with predictions
MOST_PIXELS = 1 << 24  # values of an image, over all channels: 4096 x 4096 grey
MOST_YAML = 1 << 18  # bytes of a recipe; the longest built-in one has 2,500
MOST_YAML_DEPTH = 32  # the C parser of PyYAML has no limit of its own and ends the process at some thousands
MOST_SCALAR = 10_000  # characters of one value of a recipe

_HOW = ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # do not wait for a pipe's other end; the last exists on Windows only
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in _HOW)

SESSION = "__main__"  # the module in which a notebook, a prompt or a script defines its names


NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # of recipes, analyses and folders: no path, no blank, no hidden file
NAME_LENGTH = 100
OWN = r"(__main__|[A-Za-z][A-Za-z0-9_]*)(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*"  # a user's analysis

COUNTS = {  # of the recipe's section `train`: lowest and highest
    "members": (1, MOST_MEMBERS),
    "epochs": (1, MOST_EPOCHS),
    "trajectories": (0, MOST_MEMBERS),
    "keep_last": (1, MOST_EPOCHS),
}


class OddYamlError(Exception):
    """YAML with more than keys and plain values."""


def is_name(value: object) -> bool:
    """Whether this is a plain name: letters, digits and ``._-``, so that a path made of it stays where it belongs."""
    return isinstance(value, str) and len(value) <= NAME_LENGTH and re.fullmatch(NAME, value) is not None


def is_analysis(value: object) -> bool:
    """Whether this may name an analysis: a plain name, or ``package.module:analysis`` for one of the user's own."""
    return is_name(value) or is_own(value)


def is_own(value: object) -> bool:
    """Whether this names an analysis of the user's own, ``package.module:analysis``."""
    return isinstance(value, str) and len(value) <= NAME_LENGTH and re.fullmatch(OWN, value) is not None


def file_name(analysis: str) -> str:
    """Name of an analysis's files: its own, or ``package.module-analysis`` for ``package.module:analysis``.

    Module names contain no dash, so no two analyses share a file.
    """
    return analysis.replace(":", "-") if is_own(analysis) else analysis


def plain_name(value: object, what: str) -> str:
    """The name itself.

    Raises:
        InputError: if it is no plain name; the message begins with ``what``.
    """
    if not is_name(value):
        shown = f"{value:.40}" if isinstance(value, str) else type(value).__name__
        raise InputError(f"{what} is {shown!r}, expected only letters, digits and ._-, at most {NAME_LENGTH}")
    return str(value)


def is_count(value: object, lowest: int, highest: int) -> bool:
    """Whether this is an integer, not a boolean, from ``lowest`` to ``highest``."""
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def check_yaml(text: str | bytes, events: Iterable[Any]) -> None:
    """Refuse YAML that grows on reading (aliases, tags, deep nesting, huge values) without building anything.

    Args:
        text: the document.
        events: of ``yaml.parse``, consumed lazily, so that nothing after the first fault is parsed.

    Raises:
        OddYamlError: naming what is not allowed.
    """
    if len(text) > MOST_YAML:
        raise OddYamlError(f"it has {len(text):,} bytes, expected at most {MOST_YAML:,}")
    depth = 0
    for event in events:
        kind = type(event).__name__
        if kind == "AliasEvent":
            raise OddYamlError("YAML aliases (*name) are not supported; write the value out")
        if getattr(event, "tag", None) is not None:
            raise OddYamlError(f"YAML tags ({event.tag[:40]}) are not supported; write a plain value")
        if len(getattr(event, "value", "")) > MOST_SCALAR:
            raise OddYamlError(f"a value has more than {MOST_SCALAR:,} characters")
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > MOST_YAML_DEPTH:
            raise OddYamlError("it is nested too deeply")


def read_regular(path: Path, most: int | None = None) -> bytes:
    """All bytes of a regular file, symbolic links followed; never of a pipe or a device, which may not end.

    Args:
        path: the file.
        most: largest size in bytes; None: no limit.

    Raises:
        OSError: if it cannot be read, is not a regular file, or is larger.
    """
    if isinstance(path, ObjectPath):
        return _read_object(path, most)
    descriptor = os.open(path, _FLAGS)
    about = os.fstat(descriptor)
    fault = "" if stat.S_ISREG(about.st_mode) else "it is not an ordinary file"
    if most is not None and about.st_size > most:
        fault = fault or f"it has {about.st_size:,} bytes, expected at most {most:,}"
    if fault:
        os.close(descriptor)
        raise OSError(0, fault, str(path))
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _read_object(path: ObjectPath, most: int | None) -> bytes:
    data = path.read_bytes(None if most is None else most + 1)
    if most is not None and len(data) > most:
        raise OSError(0, f"it has more than {most:,} bytes", str(path))
    return data


def visible(text: str) -> str:
    """Text in which invisible characters and those that change the reading direction are written out: [U+202E].

    Line breaks and tabs stay, as do all visible characters, and the no-break and joining characters that ordinary text
    of some languages needs.
    """
    if text.isprintable():  # fast, in C: no characters of Unicode's invisible categories
        return text
    odd = {ord(one): f"[U+{ord(one):04X}]" for one in set(text) if not _has_shape(one)}
    return text.translate(odd) if odd else text


def shown(text: object, most: int = 300) -> str:
    """Text of unknown origin on one line of at most ``most`` characters, harmless on a terminal."""
    line = visible(" ".join(str(text)[: 4 * most].split()))
    return line if len(line) <= most else line[: most - 1] + "…"


FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Cells that begin with these run as formulas in spreadsheets; in some, the full-width signs do too."""


def for_spreadsheets(text: str) -> str:
    """A text as a cell of a CSV file: one that would run as a formula gets a leading apostrophe.

    >>> for_spreadsheets(" =1+1"), for_spreadsheets("a-b")
    ("' =1+1", 'a-b')
    """
    runs = text.lstrip(" ").startswith(FORMULA) or text.startswith(("\t", "\r", "\n"))
    return "'" + text if runs else text


def in_session(factory: str) -> bool:
    """Whether a factory is one that the running session defines, ``__main__:callable``."""
    return factory.startswith(f"{SESSION}:")


def nearest(name: str, known: Sequence[str]) -> str:
    """Either "did you mean ...?" or the list of known names."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"


def ranges(numbers: Iterable[int]) -> str:
    """Ascending numbers in words: [0, 1, 2, 5] -> "0-2, 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _has_shape(character: str) -> bool:
    if character in "\n\t\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}":
        return True
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
