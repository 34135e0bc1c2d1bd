"""Paths of objects in a store: the path operations that a study uses, carried out by requests."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Generator
from pathlib import Path, PosixPath, PurePath
from typing import TYPE_CHECKING, Any, NoReturn

from modescape.storage import lease, store

if TYPE_CHECKING:
    _Path = PosixPath
else:
    _Path = type(Path())  # of this system

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://+(.*)", re.DOTALL)
_WRITTEN_AS_PATH = re.compile(r"([a-z][a-z0-9+.-]+):/(.*)", re.DOTALL)  # a Path collapses two slashes


def place(path: str | os.PathLike[str]) -> Path:
    """The path of a folder or a file, or the `ObjectPath` of a URL; no request is made.

    >>> place("studies/first"), place("file:///tmp/first"), str(place("s3://bucket/first") / "study.yaml")
    (PosixPath('studies/first'), PosixPath('/tmp/first'), 's3://bucket/first/study.yaml')
    """
    if isinstance(path, ObjectPath):
        return path
    # a Path of a URL, unless its first part is a folder that is there; that of this folder has no parts
    begun = os.path.lexists(path.parts[0]) if isinstance(path, PurePath) and path.parts else True
    form = _URL if begun else _WRITTEN_AS_PATH
    found = form.fullmatch(os.fspath(path))
    if found is None:
        return Path(path)
    if found[1] in ("file", "local"):
        return Path("/" + found[2])
    return ObjectPath(f"{found[1]}://{found[2]}")


class ObjectPath(_Path):
    """A name in an object store. Folders are common prefixes of names and need not be created.

    It is a `Path` for its syntax (``/``, ``name``, ``parent``) and implements what a study needs of its files; other
    methods of `Path` would mean the local disk and are refused.
    """

    __slots__ = ()

    def __str__(self) -> str:
        """The URL."""
        protocol, *rest = self.parts or ("",)
        return f"{protocol}//{'/'.join(rest)}"

    def __fspath__(self) -> str:
        """The URL: opening it as a local file fails."""
        return str(self)

    def __repr__(self) -> str:
        """For people at a prompt."""
        return f"ObjectPath({str(self)!r})"

    def __reduce__(self) -> Any:
        """By its URL."""
        return ObjectPath, (str(self),)

    # ---- what is there

    def info(self) -> dict[str, Any] | None:
        """The store's metadata of the object; None if there is none."""
        return store.about(str(self)) if len(self.parts) > 1 else None

    def exists(self) -> bool:  # type: ignore[override]
        """Whether there is an object, or any below it."""
        return self.info() is not None

    def is_file(self) -> bool:  # type: ignore[override]
        """Whether there is such an object."""
        return (self.info() or {}).get("type") == "file"

    def is_dir(self) -> bool:  # type: ignore[override]
        """Whether there are objects below it."""
        return (self.info() or {}).get("type") == "directory"

    def is_symlink(self) -> bool:
        """There are none."""
        return False

    def stat(self, **options: Any) -> os.stat_result:
        """Size, and as inode a number that changes with the content, as far as the store reports it.

        Raises:
            FileNotFoundError: if there is no object.
        """
        found = self.info()
        if found is None:
            raise FileNotFoundError(2, "there is no such object", str(self))
        digest = hashlib.sha256(repr(sorted((key, str(value)) for key, value in found.items())).encode()).digest()
        size, number = int(found.get("size") or 0), int.from_bytes(digest[:7], "big")
        return os.stat_result((0o100644, number, 0, 1, 0, 0, size, 0, 0, 0))

    def names(self) -> list[str]:
        """Sorted names in this folder."""
        return store.listed(str(self))

    def below(self) -> list[str]:
        """Names of all objects below this folder, relative to it."""
        return store.below(str(self))

    def iterdir(self) -> Generator[ObjectPath]:
        """What is in this folder."""
        yield from (self / name for name in self.names())

    def read_bytes(self, end: int | None = None, start: int = 0) -> bytes:
        """The object, or its bytes from ``start`` to ``end``."""
        return store.fetch(str(self), end, start)

    def read_text(self, encoding: str | None = None, errors: str | None = None, **more: Any) -> str:
        """The object as text."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    # ---- what is written, by whom the lease allows

    def publish(self, data: bytes | memoryview) -> None:
        """Replace the object: readers see either the old content or all of the new."""
        store.publish(str(self), bytes(data), self._allowed)

    def unlink(self, missing_ok: bool = False) -> None:
        """Delete the object."""
        try:
            store.remove(str(self), self._allowed)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def remove_tree(self) -> None:
        """Delete all objects below it."""
        try:
            store.remove(str(self), self._allowed, tree=True)
        except FileNotFoundError:
            return

    def copy_to(self, other: Path) -> None:
        """Copy the object inside the store; nothing where there is none."""
        try:
            store.copy(str(self), str(other), self._allowed)
        except FileNotFoundError:
            return

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: folders need not be made."""

    def _allowed(self) -> None:
        lease.check(str(self))

    # ---- what has no other meaning

    def absolute(self) -> ObjectPath:
        """Itself."""
        return self

    def resolve(self, strict: bool = False) -> ObjectPath:
        """Itself."""
        return self

    def _refused(self, *arguments: Any, **options: Any) -> NoReturn:
        raise NotImplementedError(f"'{self}' is an object of a store; this is for files on a disk")

    open = glob = rglob = rename = replace = touch = rmdir = symlink_to = hardlink_to = chmod = lstat = _refused
    write_bytes = write_text = readlink = expanduser = samefile = owner = group = _refused  # type: ignore[assignment]
