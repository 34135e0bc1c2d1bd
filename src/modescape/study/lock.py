"""One writer at a time."""

from __future__ import annotations

import contextlib
import importlib.util
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


def locked(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Hold the study in ``folder`` for writing, until the block ends or its process dies. Not re-entrant.

    By ``flock``, which the kernel releases with its holder; where there is none (Windows), by the library filelock,
    which uses the system's own lock; in an object store, by a lease, which expires (`modescape.storage.lease`).

    Raises:
        InputError: if another process (or this one) holds it, or the folder is not writable.
    """
    if isinstance(folder, ObjectPath):
        return lease.held(str(folder))
    if importlib.util.find_spec("fcntl") is not None:
        return _by_flock(folder)
    from modescape.study.lock_elsewhere import by_library

    return by_library(folder)


@contextlib.contextmanager
def _by_flock(folder: Path) -> Iterator[None]:
    import fcntl

    file = _open(folder)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise in_use(folder, _holder(file)) from None
        except OSError as error:  # a file system without locks (some network disks)
            raise not_writable(folder, error) from error
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
        raise not_writable(folder, error) from error


def in_use(folder: Path, holder: str) -> InputError:
    """The error for a second writer."""
    return InputError(f"study '{folder}' is in use by {holder}; wait for it or choose another --out")


def not_writable(folder: Path, error: OSError) -> InputError:
    """The error if no lock can be taken."""
    why = error.strerror or str(error)
    return InputError(f"cannot write to the study '{folder}': {why}; choose a folder that you may write to with --out")


def _holder(file: BinaryIO) -> str:
    """Who holds the lock, in words; the holder may not have written itself down yet."""
    try:
        holder = json.loads(os.pread(file.fileno(), 1000, 0))
        return f"process {holder['pid']} (since {holder['start']})"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _let_go() -> None:
    """Release the lock in a forked child, which could outlive its parent."""
    for file in _held:
        file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_let_go)
