"""The memory that a command holds at most, with all the processes that it starts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from modescape.errors import WorkError

PROC = Path("/proc")
PAUSE_SECONDS = 0.02  # between two looks


def watched(command: Sequence[str]) -> int:
    """Run a command and return the most memory that it held, resident bytes.

    The larger of two: the peak of the process itself, which the kernel keeps (VmHWM), and the largest sum over the
    processes of its tree at one look, memory that several share counted once (Pss: a fork that is about to become
    another program holds what its parent holds). Without ``/proc`` (not Linux) it is 0.

    Raises:
        WorkError: if the command fails.
    """
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            shared = sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in tree(process.pid))
            most = max(most, shared, _kilobytes(process.pid, "status", "VmHWM:"))
            time.sleep(PAUSE_SECONDS)
        assert process.stderr is not None
        error = process.stderr.read()
    if process.returncode:
        raise WorkError(f"{' '.join(command[2:4])} ended with exit code {process.returncode}: {error.strip()}")
    return 1024 * most


def tree(root: int) -> Iterator[int]:
    """A process and all that descend from it, as far as they live."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir() if PROC.is_dir() else ():
        if folder.name.isdigit() and (parent := _parent(folder)) is not None:
            children.setdefault(parent, []).append(int(folder.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])


def _parent(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):  # it has just ended
        return None


def _kilobytes(pid: int, file: str, name: str) -> int:
    try:
        lines = (PROC / str(pid) / file).read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
