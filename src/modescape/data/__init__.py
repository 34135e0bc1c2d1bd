"""Data: sources, the split into train, validation and test, preparation on the device, the members' order."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from modescape import recipe
from modescape.engines.base import describe
from modescape.errors import InputError, ModescapeError
from modescape.plain import nearest, shown

if TYPE_CHECKING:
    from modescape.data.dataset import Dataset
    from modescape.data.sources import Report


def load(data: recipe.Data, seed: int, report: Report | None = None, task: recipe.Task | None = None) -> Dataset:
    """Load the three splits of a recipe, from the cache if they were decoded before.

    Args:
        data: the recipe's section.
        seed: the recipe's seed, which fixes the split.
        report: called with (images decoded, total) while a source of images is decoded for the first time.
        task: the recipe's section on targets.

    Raises:
        InputError: if the source is missing, unreadable or invalid, or has too few examples for the split.
    """
    try:
        return _load(data, seed, report, task or recipe.Task())
    except (ModescapeError, MemoryError):
        raise
    except Exception as error:  # of whatever reads it
        raise InputError(f"data.source '{data.source}' cannot be loaded: {describe(error)}") from error


def _load(data: recipe.Data, seed: int, report: Report | None, task: recipe.Task) -> Dataset:
    from modescape.data.inputs import READERS
    from modescape.data.splits import cut
    from modescape.tasks import TASKS

    _check_there(data.source)
    _check_known("data.inputs", data.inputs, READERS)
    _check_known("task.kind", task.kind, TASKS)
    module, _, function = READERS[data.inputs or _found(data)].partition(":")
    source, digest = getattr(importlib.import_module(module), function)(data, task, report)
    return cut(source, data, seed, digest, task)


def _check_known(setting: str, name: str | None, known: Iterable[str]) -> None:
    if name is not None and name not in known:
        raise InputError(f"{setting} is {shown(repr(name), 60)}; {nearest(name, [*known])}")


def _check_there(source: str) -> None:
    """Refuse what cannot be a source of any kind of examples."""
    from modescape.data.tables import SUFFIXES

    path = Path(source)
    if source in (*recipe.BUILTIN_SOURCES, *recipe.TABLE_SOURCES, *recipe.TEXT_SOURCES):
        return
    if not source.strip():
        raise InputError("data.source is empty; expected a folder, a file, or a name of the hub")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"data.source '{path}' is not an ordinary file; expected a file or a folder")
    if path.suffix.lower() in (".npz", *SUFFIXES) and not path.exists():
        raise InputError(f"data.source '{path}' does not exist")


def kind_of(data: recipe.Data) -> str:
    """``data.inputs``, or the kind detected from the source; images if it cannot be inspected."""
    try:
        return data.inputs or _found(data)
    except ModescapeError:
        return "image"


def _found(data: recipe.Data) -> str:
    """The kind of inputs where a recipe names none: images, unless it names a text or a target, or a file x and y."""
    from modescape.data.embedded import array_names

    path = Path(data.source)
    if data.source in recipe.TEXT_SOURCES or data.text is not None:
        return "tokens"
    if data.source in recipe.TABLE_SOURCES or data.target is not None:
        return "table"
    if path.suffix.lower() == ".npz" and {"x", "y"} <= (names := array_names(path)) and "image" not in names:
        return "table"
    return "image"
