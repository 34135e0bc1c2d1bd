"""Images of any source, decoded once and kept."""

from __future__ import annotations

from pathlib import Path

from modescape import recipe
from modescape.data import sources
from modescape.data.cache import cache_key, cached, fingerprint
from modescape.data.dataset import Source, check_source
from modescape.data.pictures import Pictures
from modescape.data.tables import SUFFIXES
from modescape.data.targets import without_ignored
from modescape.errors import InputError


def read(data: recipe.Data, task: recipe.Task, report: sources.Report | None = None) -> tuple[Source, str]:
    """The images of a source and the fingerprint of its content, from the cache where they were decoded before.

    Raises:
        InputError: if the source is absent, unreadable or bad.
    """
    settings = Pictures.of(data)
    if data.source in recipe.BUILTIN_SOURCES:  # a folder that bears the name is written ./digits
        if data.group is not None:
            raise InputError(f"data.group names {data.group!r}, and 'digits' has no groups; leave it out")
        source = sources.resized(sources.digits(), settings, "digits")
        return without_ignored(source, task, "digits"), fingerprint(source)
    path = Path(data.source)
    if path.is_file() and path.suffix.lower() not in (".npz", *SUFFIXES):
        raise InputError(
            f"data.source '{path}' is a file of an unknown kind; expected .npz, {', '.join(SUFFIXES)}, a folder, or a "
            "name of the hub"
        )
    if path.is_file() and path.suffix.lower() == ".npz":  # read as fast as a cache would be
        name = f"'{path}'"
        source = without_ignored(sources.resized(sources.npz(path, task, data.group), settings, name), task, name)
        return check_source(source, name), fingerprint(source)
    key = cache_key(data, task)
    source, digest = cached(key, lambda: check_source(sources.pictures(data, report, task), f"'{data.source}'"))
    return without_ignored(source, task, f"'{data.source}'"), digest
