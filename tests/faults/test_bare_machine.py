"""Machines without fcntl, fork and what else Windows lacks: taken away here, the bytes are the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modescape.study import Study

from .conftest import settings
from .test_determinism import CLOCKS, files, without_clock

pytestmark = pytest.mark.faults

# Python imports a module of this name before anything else, in every process that is started with the same PYTHONPATH.
BARE = """
import asyncio  # the standard library of a system of this kind cannot do without what goes
import multiprocessing.reduction
import os
import signal
import subprocess
import sys

for module in ("fcntl", "resource"):
    sys.modules[module] = None  # to import it is an ImportError

for name in (
    *("fork", "forkpty", "sched_getaffinity", "sysconf", "getuid", "pread", "pwrite", "statvfs"),
    *("O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC"),
):
    delattr(os, name)
del signal.pthread_sigmask
multiprocessing.reduction.HAVE_SEND_HANDLE = False  # no forkserver
"""
SMALL = settings("train.members=2", "train.epochs=1", "compute.workers=2", "analyses=[training, ensemble_size]")

HOLD = """
import sys
from modescape.errors import InputError
from modescape.study import Study
try:
    with Study.open(sys.argv[1]).lock():
        print("held", flush=True)
        sys.stdin.read()
except InputError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine that has nothing of all that."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "sitecustomize.py").write_text(BARE)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}


def run(out: Path, environment: dict[str, str], *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "modescape", "run", "digits", "--quiet", "--out", str(out)]
    return subprocess.Popen([*command, "--engine", "processes", *options], env=environment, stdout=subprocess.DEVNULL)


@pytest.fixture(
    scope="module", params=[SMALL, pytest.param(["--quick"], marks=pytest.mark.long)], ids=["small", "quick"]
)
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bare: dict[str, str]
) -> tuple[Path, Path]:
    """The same study made as usual and on a bare machine."""
    folder = tmp_path_factory.mktemp("runs")
    outs = folder / "usual", folder / "bare"
    started = [run(outs[0], dict(os.environ), *request.param), run(outs[1], bare, *request.param)]
    assert [process.wait(timeout=280) for process in started] == [0, 0]
    return outs


def test_a_bare_machine_gives_the_same_bytes(runs):
    usual, other = runs
    names = files(usual)
    assert Study.open(usual).trained == Study.open(other).trained != []
    assert names == files(other)
    differing = [name for name in names if (usual / name).read_bytes() != (other / name).read_bytes()]
    assert {Path(name).name for name in differing} <= CLOCKS
    for name in differing:
        assert without_clock(usual / name) == without_clock(other / name), name


def test_a_bare_machine_has_one_writer_at_a_time(runs, bare):
    """The second is refused and told who holds it; a dead one is forgotten."""
    command = [sys.executable, "-c", HOLD, str(runs[1])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": bare}
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == "held\n"
        with subprocess.Popen(command, **pipes) as second:
            assert f"in use by process {first.pid}; wait for it" in second.communicate("")[0]
        first.kill()
        first.wait()
        with subprocess.Popen(command, **pipes) as third:
            assert third.communicate("")[0] == "held\n"
    assert not [path for path in runs[1].iterdir() if path.name.startswith(".lock-")]
