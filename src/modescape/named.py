"""Code named in a recipe: imports what ``package.module:attribute`` stands for.

Networks, analyses and functions that return examples are named this way; nothing else imports them.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modescape.errors import InputError
from modescape.plain import SESSION, in_session


def foreign_module(name: str) -> str | None:
    """The user's module that a name in a recipe stands for; None for modescape's own.

    None also for a built-in name, and for what the running session defines itself (``__main__:callable``), where
    nothing is imported.
    """
    module, root = name.partition(":")[0], name.partition(":")[0].partition(".")[0]
    known = {"modescape", SESSION, *sys.stdlib_module_names}
    return None if ":" not in name or root in known else module


@contextmanager
def importable(name: str, last: bool = False) -> Iterator[None]:
    """Put the current folder on ``sys.path`` while the user's code runs; this package's own does not need it.

    The user's code may import neighbouring files when it is called, not only when it is imported.

    Args:
        name: of the user's code, as in the recipe.
        last: put the folder last, for long work, so that a neighbouring ``datasets.py`` hides no library; else first,
            as ``python -m`` does.
    """
    folder = str(Path.cwd())
    if foreign_module(name) is None or (last and folder in sys.path):
        yield
        return
    importlib.invalidate_caches()  # a file may be younger than Python's listing of the folder
    sys.path.insert(len(sys.path) if last else 0, folder)
    try:
        yield
    finally:
        if folder in sys.path:  # the imported module may have tidied up itself
            sys.path.remove(folder)


def of_session(name: str, setting: str) -> bool:
    """Whether code is defined in a session without a file, such as a notebook, so that no worker can import it.

    Raises:
        InputError: if it names a callable of the session that is not defined there; the message names ``setting``.
    """
    if not in_session(name):
        return False
    find_named(name, setting)
    file = getattr(sys.modules[SESSION], "__file__", None)
    return file is None or not Path(file).is_file()


def find_named(name: str, setting: str, expected: str = "") -> Any:
    """Import "package.module:attribute"; ``setting`` is the recipe's key, for messages.

    Raises:
        InputError: if it cannot be imported, does not exist, or is part of Python's standard library.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise InputError(f"{setting} '{name}' is incomplete, expected package.module:callable")
    if module_name.partition(".")[0] in sys.stdlib_module_names:
        raise InputError(f"{setting} '{name}' belongs to Python's standard library{', ' * bool(expected)}{expected}")
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise InputError(
            f"{setting} '{name}': cannot import '{module_name}' ({reason(error)}); "
            "it must be installed or lie in the current folder"
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part) and module_name == SESSION:
            raise InputError(
                f"{setting} '{name}': this session defines no '{attribute}'; define it before the run, or put it "
                f"into a file such as net.py and name it net:{attribute}"
            )
        if not hasattr(found, part):
            close = difflib.get_close_matches(part, dir(found), n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise InputError(f"{setting} '{name}': '{module_name}' has no '{attribute}'{hint}")
        found = getattr(found, part)
    return found


def reason(error: BaseException) -> str:
    """The error on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
