"""Files that appear complete or not at all, also after a power cut, and the sweeping of what a killed writer left."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from modescape.errors import InputError, WorkError
from modescape.study.layout import VARIANTS

# ours (.<name>.<pid>.tmp) and those of zarr's own store (<name>.<32 hex digits>.partial)
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp|.+\.[0-9a-f]{32}\.partial", re.DOTALL)

_waiting = threading.local()  # folders of this thread that are confirmed later


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Replace a file: temporary name in the same folder, fsync, rename, fsync of the folder.

    Raises:
        InputError: if the folder is not writable.
        WorkError: if writing fails otherwise (a full disk).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        make_folder(path.parent)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _explained(path, error) from error
        raise


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8."""
    write_bytes(path, text.encode())


@contextlib.contextmanager
def together(folder: Path) -> Iterator[None]:
    """A block that writes several files into one folder: its names are confirmed once, at the end.

    Each file is still whole or not there. A file system keeps the order of renames, so after a power cut those that
    are there are the first ones.
    """
    waiting = _waiting.__dict__.setdefault("folders", set())
    waiting.add(folder)
    try:
        yield
    finally:
        waiting.discard(folder)
        if folder.is_dir():
            _sync_folder(folder)


def keep_as(path: Path, other: Path) -> None:
    """Give a file a second name, in the place of what had it, before the first is replaced; nothing if it is absent."""
    temporary = other.with_name(f".{other.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        os.link(path, temporary)
        temporary.replace(other)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _explained(other, error) from error


def make_folder(folder: Path) -> None:
    """Create a folder and its parents; each new name is on the disk before this returns."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        try:
            new.mkdir()
        except FileExistsError:  # a file of that name, or another process was faster
            if not new.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(new)) from None
        _sync_folder(new.parent)


def sweep(folder: Path) -> int:
    """Delete temporary files below a study's folder and count them; call it as the only writer.

    Studies inside it (``variants``) are left alone: their own writer sweeps them.
    """
    count = 0
    for root, folders, files in os.walk(folder):
        if Path(root) == folder and VARIANTS in folders:
            folders.remove(VARIANTS)
        for name in files:
            if _TEMPORARY.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    (Path(root) / name).unlink()
                count += 1
    return count


def _sync_folder(folder: Path) -> None:
    if folder in _waiting.__dict__.get("folders", ()):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explained(path: Path, error: OSError) -> InputError | WorkError:
    where = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.ENAMETOOLONG)
    if error.errno in where:
        return InputError(f"cannot write '{path}': {error.strerror}; choose a folder that you may write to with --out")
    return WorkError(f"cannot write '{path}': {error.strerror or error}")
