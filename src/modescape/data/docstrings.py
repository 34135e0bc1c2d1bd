"""Real text that lies on every machine with Python: sentences of the standard library's docstrings, by package.

The files are read and parsed; nothing of them is imported or run.
"""

from __future__ import annotations

import ast
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = "docstrings"  # as data.source names them
PACKAGES = ("asyncio", "email", "tkinter", "unittest")  # with some hundred sentences each, of other things
LEAST_WORDS, MOST_LETTERS = 4, 96  # of a sentence
MOST_SENTENCES = 600  # of a package: the first in the order of files


def docstrings() -> dict[str, list[Any]]:
    """Columns ``text`` and ``package``; each sentence once, without those that name their package."""
    columns: dict[str, list[Any]] = {"text": [], "package": []}
    root, seen = Path(sysconfig.get_paths()["stdlib"]), set[str]()
    for package in PACKAGES:
        found = [one for one in _sentences(root / package) if package not in one.lower() and one not in seen]
        found = list(dict.fromkeys(found))[:MOST_SENTENCES]
        seen.update(found)
        columns["text"] += found
        columns["package"] += [package] * len(found)
    return columns


def _sentences(folder: Path) -> Iterator[str]:
    """Sentences of the docstrings below a folder, blanks made single."""
    for path in sorted(folder.rglob("*.py")):
        if {"test", "tests"} & {*path.relative_to(folder).parts}:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, about escapes
            tree = ast.parse(path.read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for text in re.split(r"(?<=[.!?])\s+|\n\s*\n", ast.get_docstring(node) or ""):
                    sentence = " ".join(text.split())
                    if len(sentence.split()) >= LEAST_WORDS and len(sentence) <= MOST_LETTERS and sentence.isascii():
                        yield sentence
