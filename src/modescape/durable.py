"""Files that appear complete or not at all, even after a power cut, and the removal of what a killed writer left.

Objects of a store (`modescape.storage`) need none of this: one request puts a whole object.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from modescape.errors import InputError, WorkError
from modescape.storage import ObjectPath, place

# this package's (.<name>.<pid>.tmp) and those of zarr (<name>.<32 hex digits>.partial)
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp|.+\.[0-9a-f]{32}\.partial", re.DOTALL)

_waiting = threading.local()  # folders of this thread whose fsync is due at the end of a block


def write_bytes(path: Path, data: bytes | memoryview, within: Path | None = None, *, confirmed: bool = True) -> None:
    """Replace a file: write under a temporary name in its folder, fsync, rename, fsync the folder.

    Args:
        path: the file.
        data: all of it.
        within: create missing folders below this one, which must exist: a folder that somebody removed is not created
            again by those who still write into it. Default: the file's own folder.
        confirmed: False omits fsync: a killed process leaves whole files, but a power cut may leave torn ones; only for
            files that have a checksum and can be made again.

    Raises:
        InputError: if the folder is not writable.
        WorkError: if writing fails for another reason (a full disk, a deleted folder).
    """
    if isinstance(path, ObjectPath):
        return path.publish(data)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        make_folder(path.parent, within or path.parent, confirmed=confirmed)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            if confirmed:
                os.fsync(file.fileno())
        temporary.replace(path)
        if confirmed:
            _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _explained(path, error) from error
        raise


def write_text(path: Path, text: str, within: Path | None = None) -> None:
    """`write_bytes` of UTF-8."""
    write_bytes(path, text.encode(), within)


@contextlib.contextmanager
def together(folder: Path) -> Iterator[None]:
    """A block that writes several files into one folder, which is synced once, at the end.

    Each file is still complete or absent. A file system keeps the order of renames, so after a power cut those that
    exist are the first ones.
    """
    waiting = _waiting.__dict__.setdefault("folders", set())
    waiting.add(folder)
    try:
        yield
    finally:
        waiting.discard(folder)
        if not isinstance(folder, ObjectPath) and folder.is_dir():
            _sync_folder(folder)


def keep_as(path: Path, other: Path) -> None:
    """Give a file a second name, replacing any file of that name; nothing if the file is absent."""
    if isinstance(path, ObjectPath):
        return path.copy_to(other)
    temporary = other.with_name(f".{other.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        os.link(path, temporary)
        temporary.replace(other)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _explained(other, error) from error


def make_folder(folder: Path, within: Path | None = None, *, confirmed: bool = True) -> None:
    """Create a folder and its parents, those below ``within``; if ``confirmed``, their names are on the disk on return.

    Raises:
        OSError: if ``within`` does not exist, or a folder cannot be created.
    """
    if isinstance(folder, ObjectPath):
        return
    missing: list[Path] = []
    while not folder.is_dir():
        if folder == within:
            code = errno.ENOTDIR if folder.exists() else errno.ENOENT
            raise OSError(code, os.strerror(code), str(folder))
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        try:
            new.mkdir()
        except FileExistsError:  # a file of that name, or another process was faster
            if not new.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(new)) from None
        if confirmed:
            _sync_folder(new.parent)


def check_folder(folder: Path, known_by: str, whose: str, apart: Path | None = None) -> Path:
    """Check that a command may write into a folder.

    Args:
        folder: to write into.
        known_by: name of the file by which an earlier output of the same command is recognised.
        whose: what the command writes, for the message: "an export".
        apart: the study, inside which the folder may not lie.

    Returns:
        the local path: ``/folder`` for ``file:///folder``.

    Raises:
        InputError: if it is a URL, if it or a folder above it is a file, if it holds other files, or lies in the study.
    """
    folder = place(folder)
    if isinstance(folder, ObjectPath):
        raise InputError(f"'{folder}' is a URL, and this is written to a disk; choose a folder with --out")
    if apart is not None and not isinstance(apart, ObjectPath) and folder.resolve().is_relative_to(apart.resolve()):
        raise InputError(f"'{folder}' lies in the study '{apart}'; choose a folder outside it with --out")
    there = next((one for one in (folder, *folder.parents) if one.exists()), Path())
    if not there.is_dir():
        raise InputError(f"'{there}' is a file; choose another folder with --out")
    if there == folder and any(folder.iterdir()) and not (folder / known_by).is_file():
        raise InputError(f"'{folder}' holds files that are not of {whose}; choose another folder with --out")
    return folder


def claim_folder(folder: Path) -> None:
    """`make_folder` for a folder that the user named.

    Raises:
        InputError: without permission to create it.
        WorkError: if creating it fails for another reason.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise _explained(folder, error) from error


def remove_tree(folder: Path, ignore_errors: bool = False) -> None:
    """Delete a folder and its contents, or all objects below a prefix."""
    if isinstance(folder, ObjectPath):
        return folder.remove_tree()
    shutil.rmtree(folder, ignore_errors=ignore_errors)


def sweep(folder: Path, leave: Collection[str] = ()) -> int:
    """Delete temporary files below a folder and count them; the caller must be the only writer.

    Subfolders named in ``leave`` have another writer and are left alone.
    """
    count = 0
    if isinstance(folder, ObjectPath):
        return count
    for root, folders, files in os.walk(folder):
        if Path(root) == folder:
            folders[:] = [name for name in folders if name not in leave]
        for name in files:
            if _TEMPORARY.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    (Path(root) / name).unlink()
                count += 1
    return count


def _sync_folder(folder: Path) -> None:
    if folder in _waiting.__dict__.get("folders", ()) or not hasattr(os, "O_DIRECTORY"):
        return  # Windows cannot open a folder as a file; NTFS journals names itself
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explained(path: Path, error: OSError) -> InputError | WorkError:
    if error.errno == errno.ENOENT:
        return WorkError(f"cannot write '{path}': its folder is gone; was it moved or removed meanwhile?")
    where = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG)
    if error.errno in where:
        return InputError(f"cannot write '{path}': {error.strerror}; choose a folder that you may write to with --out")
    return WorkError(f"cannot write '{path}': {error.strerror or error}")
