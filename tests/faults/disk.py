"""Runs of modescape on a disk whose operations are watched and recorded, or that is full or read-only (`disk.c`)."""

import contextlib
import mmap
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# Fields of the struct in disk.c, 8 bytes each.
FIELDS = ("operations", "space", "failing", "clock", "ready", "wanted", "spared", "held")
PATH_BYTES = 4096
PATIENCE = 200.0  # seconds, the timeout of every wait


def compiled(folder: Path) -> Path:
    """Compile the library."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("a C compiler is needed to watch a disk")
    library = folder / "disk.so"
    source = Path(__file__).with_name("disk.c")
    command = [
        compiler,
        "-O1",
        "-Wall",
        "-Werror",
        "-shared",
        "-fPIC",
        str(source),
        "-o",
        str(library),
        "-ldl",
        "-lpthread",
    ]
    subprocess.run(command, check=True)
    return library


@dataclass
class Disk:
    """Operations below a folder, in all processes of the runs that are started here."""

    library: Path
    root: Path  # the watched folder
    log: Path | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = self.root.resolve()
        shared = self.root.with_name(f"{self.root.name}.shared")
        shared.write_bytes(bytes(8 * len(FIELDS) + PATH_BYTES + 4096))
        with shared.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self.set("space", -1)
        self.environment = {
            "LD_PRELOAD": str(self.library),
            "DISK_ROOT": str(self.root),
            "DISK_SHARED": str(shared),
            **({"DISK_LOG": str(self.log)} if self.log else {}),
        }

    def get(self, name: str) -> int:
        return struct.unpack_from("<q", self._memory, 8 * FIELDS.index(name))[0]

    def set(self, name: str, value: int) -> None:
        struct.pack_into("<q", self._memory, 8 * FIELDS.index(name), value)

    def await_operation(self, places: Sequence[str], number: int, spared: int = 0) -> None:
        """Hold the process, except the spared one, that does this operation (from 1) below one of these places.

        ``get("held")`` is then its id, and all others wait before their next write until ``set("held", 0)``.
        """
        text = "".join(f"{self.root}/{place}\n" for place in places).encode() + b"\0"
        self.set("wanted", 0)
        start = 8 * len(FIELDS)
        self._memory[start : start + len(text)] = text
        self.set("spared", spared)
        self.set("held", 0)
        self.set("wanted", number)

    @contextlib.contextmanager
    def within(self, run: "Run", place: str) -> Iterator[None]:
        """Hold a run at its next operation in a place for the duration of the block."""
        self.await_operation((place,), 1)
        assert run.held(self), f"nothing was written in {place}"
        yield
        self.set("held", 0)

    def start(self, *arguments: str, watched: bool = True) -> "Run":
        """Start ``modescape`` with these arguments; if unwatched, it can write while another run is held."""
        command = [sys.executable, "-m", "modescape", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        environment = {**os.environ, **(self.environment if watched else {})}
        return Run(subprocess.Popen(command, env=environment, start_new_session=True, text=True, **pipes))

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run to the end: exit code and output."""
        return self.start(*arguments).end()


@dataclass
class Run:
    """A run in a session of its own, all of whose processes must end with it."""

    process: subprocess.Popen

    def end(self) -> tuple[int, str]:
        """Wait for the end: exit code and output."""
        text, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, text

    def held(self, disk: "Disk") -> bool:
        """Wait until the awaited operation is held, or the run is over (False)."""
        deadline = time.monotonic() + PATIENCE
        while disk.get("held") == 0:
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, "nothing happened"
            time.sleep(0.0005)
        return True

    def kill(self) -> tuple[int, str]:
        """Send ``kill -9`` to the run; its workers end by themselves."""
        self.process.send_signal(signal.SIGKILL)
        result = self.end()
        assert gone(self.process.pid), "workers outlived the run"
        return result


def gone(session: int) -> bool:
    """Whether all processes of a session end within a few seconds."""
    deadline = time.monotonic() + 20
    while members := [pid for pid in _processes() if _session(pid) == session]:
        if time.monotonic() > deadline:
            return not members
        time.sleep(0.02)
    return True


def _processes() -> Sequence[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _session(pid: int) -> int:
    try:
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return -1
        return os.getsid(pid)
    except OSError:
        return -1
