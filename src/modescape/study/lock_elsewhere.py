"""One writer at a time on machines without ``fcntl``, by the library filelock."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from modescape.study import layout
from modescape.study.lock import in_use, not_writable

PATIENCE_SECONDS = 0.3  # in which the lock of a holder that is dead is found out and taken over


@contextlib.contextmanager
def by_library(folder: Path) -> Iterator[None]:
    """As `modescape.study.lock.locked`.

    On Windows the system drops the lock with its holder. Where a system has neither lock, filelock leaves a file that
    names its holder, and whoever comes next sees whether that process lives.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "only soft file lock is available": said above
        import filelock
    lock = filelock.FileLock(folder / layout.LOCK_ELSEWHERE)
    try:
        lock.acquire(timeout=PATIENCE_SECONDS)
    except filelock.Timeout:
        pid = getattr(lock, "pid", None)  # a lock of the system does not say
        raise in_use(folder, f"process {pid}" if pid else "another process") from None
    except OSError as error:
        raise not_writable(folder, error) from error
    try:
        yield
    finally:
        lock.release()
