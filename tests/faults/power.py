"""What a disk holds after the power is cut, from the recorded operations of a run.

Data is on the disk once its file is synced, a name once its folder is. What was written since may or may not survive:
`Cut` says which of it does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CUTS = ("nothing", "everything", "names", "prefix", "any")
"""What survives of what was not synced: nothing; everything; names without data (what a rename without fsync leaves);
of each folder's names the first ones (file systems keep the order), of data any part; any of the names, of data any
part."""


@dataclass(frozen=True)
class Operation:
    """One line of the log and its data; paths are relative to the watched folder."""

    what: str
    inode: int
    data: bytes
    path: str
    other: str


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)
    synced: bytes | None = None  # None: never synced


def operations(log: Path, root: Path) -> list[Operation]:
    """The recorded operations, in order."""
    data, place, found = log.read_bytes(), 0, []
    while place < len(data):
        end = data.index(b"\n", place)
        _, what, inode, length, path, other = data[place:end].decode().split("\t")
        place = end + 1 + int(length)
        inside = [str(Path(name).relative_to(root)) if name else "" for name in (path, other)]
        found.append(Operation(what, int(inode), data[end + 1 : place], *inside))
    return found


class Disk:
    """A simulated file system that tracks what is synced; it starts with the contents of a folder."""

    def __init__(self, begin: dict[str, bytes] | None = None) -> None:
        self.files: dict[int, _File] = {}
        self.numbers: dict[int, int] = {}  # inode of the log -> ours, since real inodes are reused
        self.count = 0
        self.names: dict[str, int | None] = {}  # path -> file, or None for a folder
        self.synced: dict[str, int | None] = {}
        self.pending: list[tuple[str, str, int | None]] = []  # folder, path, the file it now names (-1: none)
        for path, content in (begin or {}).items():
            for folder in reversed(Path(path).parents):
                self.names[str(folder)] = self.synced[str(folder)] = None
            self.names[path] = self.synced[path] = self._new(bytearray(content))
            self.files[self.names[path]].synced = content

    def _new(self, content: bytearray) -> int:
        self.count += 1
        self.files[self.count] = _File(content)
        return self.count

    def apply(self, done: Operation) -> None:
        """Apply an operation."""
        if done.what in ("create", "open"):
            number = self.names.get(done.path)
            if number is None:
                number = self._new(bytearray())
                self._name(done.path, number)
            elif done.what == "create":
                self.files[number].content.clear()
            self.numbers[done.inode] = number
        elif done.what == "write":
            self.files[self.numbers[done.inode]].content += done.data
        elif done.what == "truncate":
            self.files[self.numbers[done.inode]].content.clear()
        elif done.what == "sync" and self.names.get(done.path, None if done.path == "." else -1) is None:
            for _, path, number in (one for one in self.pending if one[0] == done.path):
                self._settle(self.synced, path, number)
            self.pending = [one for one in self.pending if one[0] != done.path]
        elif done.what == "sync":
            file = self.files[self.numbers[done.inode]]
            file.synced = bytes(file.content)
        elif done.what == "mkdir":
            if done.path != ".":
                self._name(done.path, None)
        elif done.what == "link":
            self._name(done.other, self.names[done.path])
        elif done.what == "rename":
            number = self.names[done.path]
            self._name(done.other, number)
            self._name(done.path, -1)
        elif done.what == "unlink":
            self._name(done.path, -1)
        else:
            raise AssertionError(f"{done.what} is not known")

    def _name(self, path: str, number: int | None) -> None:
        self._settle(self.names, path, number)
        self.pending.append((str(Path(path).parent), path, number))

    @staticmethod
    def _settle(names: dict[str, int | None], path: str, number: int | None) -> None:
        if number == -1:
            names.pop(path, None)
        else:
            names[path] = number

    def after(self, cut: str, seed: int = 0, only: set[str] | None = None) -> dict[str, tuple[bytes, bytes]]:
        """Path -> contents of the file if power is lost now, and its contents before the cut.

        Args:
            cut: one of `CUTS`.
            seed: decides what survives.
            only: consider only these files.
        """
        draw = random.Random(seed)
        names = dict(self.synced) if only is None else {path: self.synced[path] for path in only & self.synced.keys()}
        there = dict.fromkeys((folder for folder, _, _ in self.pending), 0)
        for folder, _, _ in self.pending:
            there[folder] += 1
        there = {folder: draw.randint(0, count) for folder, count in there.items()}
        for folder, path, number in self.pending:
            there[folder] -= 1
            ordered, lucky = there[folder] >= 0, draw.random() < 0.5
            if {"nothing": False, "everything": True, "names": True, "prefix": ordered, "any": lucky}[cut]:
                self._settle(names, path, number)
        found = {}
        for path, number in names.items():
            if number is not None and (only is None or path in only) and self._reached(path, names):
                file = self.files[number]
                full, safe = bytes(file.content), file.synced or b""
                parts = {"nothing": safe, "everything": full, "names": safe}
                held = full if full == safe else parts.get(cut) or draw.choice([safe, full, full[: len(full) // 2]])
                found[path] = (held, full)
        return found

    def _reached(self, path: str, names: dict[str, int | None]) -> bool:
        """Whether all parent folders exist."""
        while path := path.rpartition("/")[0]:
            if path not in names and path not in self.synced:
                return False
        return True


def cuts(done: list[Operation], begin: dict[str, bytes] | None = None) -> Iterator[tuple[int, Disk, set[str]]]:
    """The disk before the first and after every operation, and the files that may have changed since the cut before."""
    disk = Disk(begin)
    yield 0, disk, set(disk.names)
    for number, operation in enumerate(done, 1):
        touched = {operation.path, operation.other} | {path for _, path, _ in disk.pending}
        disk.apply(operation)
        yield number, disk, touched | {path for _, path, _ in disk.pending}
