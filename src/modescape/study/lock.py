"""One writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from modescape.errors import InputError
from modescape.storage import ObjectPath, lease
from modescape.study import layout

_held: set[BinaryIO] = set()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the study in ``folder`` for writing.

    The kernel drops an ``flock`` when its holder dies, so nothing is ever left locked; in a store of objects a lease
    ends by itself (`modescape.storage.lease`). Not re-entrant.

    Raises:
        InputError: if another process (or this one) holds it, or the folder is not writable.
    """
    if isinstance(folder, ObjectPath):
        with lease.held(str(folder)):
            yield
        return
    file = _open(folder)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"study '{folder}' is in use by {_holder(file)}; wait for it or choose another --out"
            ) from None
        _held.add(file)
        file.truncate(0)
        holder = {"pid": os.getpid(), "start": datetime.now().isoformat(" ", "seconds")}
        os.pwrite(file.fileno(), json.dumps(holder, sort_keys=True).encode(), 0)
        yield
    finally:
        if file in _held:  # never so in a forked child, nor where another process holds it
            file.truncate(0)
        _held.discard(file)
        file.close()


def _open(folder: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(folder / layout.LOCK, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    except OSError as error:
        raise InputError(
            f"cannot write to the study '{folder}': {error.strerror}; choose a folder that you may write to with --out"
        ) from error


def _holder(file: BinaryIO) -> str:
    """Who holds the lock, in words; the holder may not have written itself down yet."""
    try:
        holder = json.loads(os.pread(file.fileno(), 1000, 0))
        return f"process {holder['pid']} (since {holder['start']})"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _let_go() -> None:
    """A forked worker that outlived its parent would keep the study locked: children let go at once."""
    for file in _held:
        file.close()
    _held.clear()


os.register_at_fork(after_in_child=_let_go)
