"""Machines without fcntl, fork and what else Windows lacks (removed here) give the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modescape.study import Study

from .test_determinism import CLOCKS, files, without_clock

pytestmark = pytest.mark.faults

# Python imports a module of this name first, in every process that is started with the same PYTHONPATH.
BARE = """
import asyncio  # the standard library of this system cannot do without what goes; torch asks for register_at_fork
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
HOLD = """
import sys
from pathlib import Path
from modescape.errors import InputError
from modescape.study.lock import locked
try:
    with locked(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
except InputError as error:
    print(error)
"""


WORK = """
import os
from pathlib import Path
from modescape import durable
from modescape.engines import Processes

def work(item, report):
    return os.kill(os.getpid(), 9) if item == 0 else item

if __name__ == "__main__":
    durable.write_text(Path(__file__).with_name("folder") / "file", "whole", Path(__file__).parent)
    with Processes(workers=1) as engine:
        outcomes = list(engine.map(work, [1, 0, 2]))
    print([one.value for one in outcomes if one.error is None], [one.error[:44] for one in outcomes if one.error])
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine without all of these."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "sitecustomize.py").write_text(BARE)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}


def run(out: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "modescape", "run", "digits", "--quick", "--quiet", "--engine", "processes"]
    subprocess.run([*command, "--out", str(out)], env=environment, stdout=subprocess.DEVNULL, check=True)


@pytest.mark.long
def test_a_bare_machine_gives_the_same_bytes(tmp_path, bare):
    """A whole study, `run digits --quick`, with forked and with spawned workers."""
    usual, other = tmp_path / "usual", tmp_path / "other"
    run(usual, dict(os.environ))
    run(other, bare)
    names = files(usual)
    assert Study.open(usual).trained == Study.open(other).trained != []
    assert names == files(other)
    differing = [name for name in names if (usual / name).read_bytes() != (other / name).read_bytes()]
    assert {Path(name).name for name in differing} <= CLOCKS
    for name in differing:
        assert without_clock(usual / name) == without_clock(other / name), name


def test_a_bare_machine_has_one_writer_at_a_time(tmp_path, bare):
    """The second writer is refused and told who holds the lock; a dead writer's lock is ignored."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": bare}
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == "held\n"
        with subprocess.Popen(command, **pipes) as second:
            assert f"in use by process {first.pid}; wait for it" in second.communicate("")[0]
        first.kill()
        first.wait()
        with subprocess.Popen(command, **pipes) as third:
            assert third.communicate("")[0] == "held\n"
    assert list(tmp_path.iterdir()) == []


def test_a_bare_machine_has_workers_and_whole_files(tmp_path, bare):
    """Workers are spawned; a killed one loses only its own item."""
    script = tmp_path / "script.py"
    script.write_text(WORK)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=bare, check=False)
    assert (done.stdout, done.returncode) == ("[1, 2] ['the worker process died (killed by signal 9)']\n", 0), (
        done.stderr
    )
    assert (tmp_path / "folder" / "file").read_text() == "whole"
