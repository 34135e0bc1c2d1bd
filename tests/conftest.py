"""Shared by all tests: one thread per process, and studies that are made once, by the first worker that needs one."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# Two workers on two cores with two threads each wait for one another: half of their time went into that. Tests of
# threads ask for two themselves. Set before anything imports torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from browsing import chromium  # noqa: F401 - a fixture, here alone: a process can hold one of them

# Where Python is told to keep no bytecode, each worker compiles all tests and each process that a test starts the whole
# package: a fifth of the time of a small run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Modules, tests and torch are half a million objects that stay to the end, and each full collection of garbage looked
# at all of them: a fifth of the time of a run. There is none until they are there, and then they are passed over.
gc.disable()

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore_glob = ["*conftest.py"]  # they hold no doctests, and only one module can be imported by that name

Made = Callable[[str, Callable[[Path], object]], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that share the study that takes longest to make lie apart: beside its maker others would wait for it."""
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
    """By the fixtures of analyses/conftest.py and, which asks for it in turn, of analyses/test_contract.py."""
    return bool({"networks", "own"} & set(getattr(item, "fixturenames", ())))


def pytest_collection_finish() -> None:
    """What is there now stays: only what tests make is looked at for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A function (name, make) -> a folder that ``make(folder)`` filled: once, whatever worker came first.

    Nobody writes below it: a test that changes something works on a copy (``shutil.copytree``). At the end of each
    worker it is seen whether all files are as they were made.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made-once"
    shared.mkdir(exist_ok=True)
    used: dict[str, dict[str, tuple[int, int]]] = {}

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait until it is there
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a maker that failed
                make(folder)
                done.touch()
        used.setdefault(name, _files(folder))
        return folder

    yield made
    for name, before in used.items():
        assert _files(shared / name) == before, f"a test wrote into '{name}', which all tests share; let it take a copy"


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, int], None]:
    """A function (module, size): what the module does goes through blocks of that many numbers from now on."""

    def set_size(module: object, size: int) -> None:
        monkeypatch.setattr(module, "BLOCK", size)  # several blocks without millions of numbers

    return set_size


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file, by its name below the folder."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.name != ".lock":
            about = path.stat()
            found[str(path.relative_to(folder))] = about.st_size, about.st_mtime_ns
    return found
