"""Real text that lies on every machine with Python: sentences of the standard library's docstrings, by subject.

The files are read and parsed; nothing of them is imported or run.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = "docstrings"  # as data.source names them
SUBJECTS = {  # packages and modules that every Python from 3.11 on has, slim distributions too
    "internet": (
        *("email", "html", "http", "imaplib", "ipaddress", "mailbox", "mimetypes", "poplib", "smtplib", "socket"),
        *("socketserver", "ssl", "ftplib", "urllib", "webbrowser", "wsgiref", "xmlrpc"),
    ),
    "numbers": (
        *("_pydatetime", "_pydecimal", "_strptime", "bisect", "calendar", "colorsys", "datetime", "decimal"),
        *("fractions", "heapq", "numbers", "operator", "random", "statistics", "zoneinfo"),
    ),
    "tasks": (
        *("asyncio", "concurrent", "contextvars", "multiprocessing", "queue", "sched", "selectors", "signal"),
        *("subprocess", "threading"),
    ),
}
LEAST_WORDS, MOST_LETTERS = 4, 96  # of a sentence
MOST_SENTENCES = 1_000  # of a subject, by a digest: other versions of Python have mostly the same


def docstrings() -> dict[str, list[Any]]:
    """Columns ``text`` and ``subject``; each sentence once."""
    columns: dict[str, list[Any]] = {"text": [], "subject": []}
    root, seen = Path(sysconfig.get_paths()["stdlib"]), set[str]()
    for subject, modules in SUBJECTS.items():
        files = [file for module in modules for file in _files(root, module)]
        found = {sentence for file in files for sentence in _sentences(file)} - seen
        seen |= found
        chosen = sorted(found, key=_digest)[:MOST_SENTENCES]
        columns["text"] += chosen
        columns["subject"] += [subject] * len(chosen)
    return columns


def _digest(sentence: str) -> bytes:
    return hashlib.sha256(sentence.encode()).digest()


def _files(root: Path, module: str) -> list[Path]:
    """Those of a package without its tests, or of a module; none where there is no such."""
    folder = root / module
    if not folder.is_dir():
        return [file for file in [root / f"{module}.py"] if file.is_file()]
    return [file for file in folder.rglob("*.py") if not {"test", "tests"} & {*file.relative_to(folder).parts}]


def _sentences(file: Path) -> Iterator[str]:
    """Sentences of the docstrings of a file, blanks made single."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler, about escapes
        tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            for text in re.split(r"(?<=[.!?])\s+|\n\s*\n", ast.get_docstring(node) or ""):
                sentence = " ".join(text.split())
                if len(sentence.split()) >= LEAST_WORDS and len(sentence) <= MOST_LETTERS and sentence.isascii():
                    yield sentence
