"""Shared by all tests: one thread per process, and studies made once, by the first worker that needs them."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# Two workers with two threads each on two cores lose half of their time waiting for one another. Tests of threads ask
# for two themselves. This must be set before anything imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from browsing import chromium  # noqa: F401 - a fixture, here alone: a process can hold one of them

# Without cached bytecode, each worker compiles all tests, and each process that a test starts compiles the whole
# package: a fifth of the time of a small run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Modules, tests and torch are half a million objects that live until the end, and every full garbage collection would
# visit all of them: a fifth of the time of a run. So it is off until they are loaded, and they are frozen then.
gc.disable()

# Tests that a shell starts in the background ignore Ctrl-C, and so would all processes that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore_glob = ["*conftest.py"]  # they hold no doctests, and only one module can be imported by that name

Made = Callable[[str, Callable[[Path], object]], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread out the files that use the slowest fixture, so that workers do not wait for the one that makes it."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    needing = [path for path, own in files.items() if any(map(_needs_networks, own))]
    order = [path for path in files if path not in needing]
    apart = len(order) // (len(needing) or 1) + 1
    for place, path in enumerate(needing):
        order.insert(place * apart, path)
    items[:] = [item for path in order for item in files[path]]


def _needs_networks(item: pytest.Item) -> bool:
    """Whether a test uses `networks` of analyses/conftest.py, or `own` of analyses/test_contract.py, which uses it."""
    return bool({"networks", "own"} & set(getattr(item, "fixturenames", ())))


def pytest_collection_finish() -> None:
    """Freeze the objects that exist now, so that only those that tests make are collected."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A function (name, make) -> a folder that ``make(folder)`` filled, once for all workers.

    Tests must not write into it: one that changes something works on a copy (``shutil.copytree``). At the end, each
    worker checks that no file has changed.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once"
    shared.mkdir(exist_ok=True)
    used: dict[str, dict[str, tuple[int, int]]] = {}

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # other workers wait until the folder is complete
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # left by a worker that failed
                make(folder)
                done.touch()
        used.setdefault(name, _files(folder))
        return folder

    yield made
    for name, before in used.items():
        assert _files(shared / name) == before, f"a test wrote into '{name}', which all tests share; let it take a copy"


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, int], None]:
    """A function (module, size) that makes the module work in blocks of that many numbers."""

    def set_size(module: object, size: int) -> None:
        monkeypatch.setattr(module, "BLOCK", size)  # so that small arrays take several blocks

    return set_size


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and modification time of every file, by its path relative to the folder."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".lock":
            about = path.stat()
            found[str(path.relative_to(folder))] = about.st_size, about.st_mtime_ns
    return found
