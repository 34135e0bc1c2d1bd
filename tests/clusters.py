"""A Ray cluster on this machine whose nodes are processes, and how to kill one of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 200.0  # seconds, the timeout of every wait
ATTEMPTS = 4  # to start a node


@contextmanager
def started(nodes: int = 2, **resources: Any) -> Iterator[Any]:
    """A head node without a CPU, and nodes with one CPU or the given resources each."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    bare = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}  # nothing we need
    made = Cluster()
    try:
        patiently(made, num_cpus=0, **bare)
        for _ in range(nodes):
            patiently(made, **{"num_cpus": 1, "include_log_monitor": False, **resources})
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


def patiently(made: Any, **settings: Any) -> None:
    """Add a node; Ray allows it half a minute to start, too little on a busy machine, so this tries again."""
    for attempt in range(ATTEMPTS):
        try:
            made.add_node(**settings)
            return
        except Exception:
            if attempt == ATTEMPTS - 1:
                raise


def workers_of(node: Any) -> list[int]:
    """The processes that a node has started."""
    parent = raylet(node)
    return [pid for pid in _processes() if _parent(pid) == parent]


def raylet(node: Any) -> int:
    """The main process of a node."""
    return node.all_processes["raylet"][0].process.pid


def node_of(made: Any, worker: int) -> Any:
    """The node on which a process runs."""
    return next(node for node in made.worker_nodes if raylet(node) == _parent(worker))


def switch_off(made: Any, node: Any) -> None:
    """Simulate a power loss of a machine: all its processes are killed."""
    for pid in workers_of(node):
        os.kill(pid, signal.SIGKILL)
    made.remove_node(node, allow_graceful=False)


def wait_for(what: Callable[[], bool], words: str) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"{words}: not within {PATIENCE:.0f} s"
        time.sleep(0.01)


def command(*arguments: str, folder: Path | None = None) -> subprocess.Popen:
    """``modescape`` with these arguments, in a session of its own."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    line = [sys.executable, "-m", "modescape", *arguments]
    return subprocess.Popen(line, start_new_session=True, text=True, cwd=folder, **pipes)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1
