"""Data: sources, the cut into train, validation and test, preparation on the device, the members' order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modescape import recipe
from modescape.engines.base import describe
from modescape.errors import InputError, ModescapeError

if TYPE_CHECKING:
    from modescape.data.dataset import Dataset
    from modescape.data.sources import Report


def load(data: recipe.Data, seed: int, report: Report | None = None, task: recipe.Task | None = None) -> Dataset:
    """The three splits a recipe asks for, from the cache where they were decoded before.

    Args:
        data: the recipe's section.
        seed: the recipe's seed, which fixes the cut.
        report: called with (images decoded, of how many) while a source is decoded for the first time.
        task: the recipe's section on targets.

    Raises:
        InputError: if the source is absent, unreadable or bad; images that are too few for the cut.
    """
    try:
        return _load(data, seed, report, task or recipe.Task())
    except (ModescapeError, MemoryError):
        raise
    except Exception as error:  # of whatever reads it
        raise InputError(f"data.source '{data.source}' cannot be loaded: {describe(error)}") from error


def _load(data: recipe.Data, seed: int, report: Report | None, task: recipe.Task) -> Dataset:
    from modescape.data import sources
    from modescape.data.cache import cache_key, cached, fingerprint
    from modescape.data.dataset import check_source
    from modescape.data.pictures import Pictures
    from modescape.data.splits import cut
    from modescape.data.tables import SUFFIXES
    from modescape.data.targets import without_ignored

    settings = Pictures.of(data)
    if data.source in recipe.BUILTIN_SOURCES:  # a folder that bears the name is written ./digits
        source = sources.resized(sources.digits(), settings, "digits")
        return cut(without_ignored(source, task, "digits"), data, seed, fingerprint(source), task)
    if not data.source.strip():
        raise InputError("data.source is empty; expected a folder, a file, or a name of the hub")
    path = Path(data.source)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"data.source '{path}' is not an ordinary file; expected a file or a folder")
    if path.is_file() and path.suffix.lower() not in (".npz", *SUFFIXES):
        raise InputError(
            f"data.source '{path}' is a file of another kind; expected .npz, {', '.join(SUFFIXES)}, a folder, or a "
            "name of the hub"
        )
    if path.suffix.lower() in (".npz", *SUFFIXES) and not path.exists():
        raise InputError(f"data.source '{path}' does not exist")
    if path.is_file() and path.suffix.lower() == ".npz":  # read as fast as a cache would be
        name = f"'{path}'"
        source = without_ignored(sources.resized(sources.npz(path, task), settings, name), task, name)
        return cut(check_source(source, name), data, seed, fingerprint(source), task)
    key = cache_key(data)
    source, digest = cached(key, lambda: check_source(sources.pictures(data, report), f"'{data.source}'"))
    return cut(without_ignored(source, task, f"'{data.source}'"), data, seed, digest, task)
