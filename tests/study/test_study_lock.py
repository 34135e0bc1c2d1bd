"""One writer at a time, which removes temporary files of a killed one."""

import os
import subprocess
import sys
import time

import pytest

from modescape.errors import InputError
from modescape.study import Study


def test_only_temporary_files_are_swept_and_only_under_the_lock(study):
    ours = study.path / "members" / "003" / ".epoch-001.safetensors.4711.tmp"
    zarrs = study.path / "predictions.zarr" / "test" / f"0.{'0f' * 16}.partial"
    variant = study.path / "variants" / "cyclic" / ".state.json.12.tmp"
    others = [study.path / name for name in ("notes.tmp", ".hidden", "mine.partial", ".x.tmp")]
    for path in (ours, zarrs, variant, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    Study.open(study.path)
    assert ours.exists()
    with study.lock():
        assert not ours.exists()
        assert not zarrs.exists()
        assert variant.exists()
        assert all(path.exists() for path in others)


HOLD = """
import sys
from modescape.study import Study
with Study.open(sys.argv[1]).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_and_a_dead_one_forgotten(study):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, study.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        assert child.stdout.readline() == "held\n"
        with (
            pytest.raises(InputError, match=rf"in use by process {child.pid} \(since .*choose another --out"),
            study.lock(),
        ):
            pass
        Study.open(study.path)  # reading is still possible
        child.kill()
    with study.lock():
        pass


def test_the_lock_is_exclusive_within_a_process_and_free_afterwards(study):
    with study.lock(), pytest.raises(InputError, match=f"in use by process {os.getpid()}"), study.lock():
        pass
    with pytest.raises(KeyError), study.lock():
        raise KeyError
    with study.lock():
        pass


def test_a_forked_child_does_not_keep_the_lock(study):
    ready, running = os.pipe()
    with study.lock():
        child = os.fork()
        if child == 0:
            os.write(running, b"x")
            time.sleep(30)
            os._exit(0)
        os.read(ready, 1)
        assert (study.path / ".lock").read_text() != ""
    try:
        with study.lock():
            pass
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(running)


def test_a_folder_without_permission_cannot_be_locked(study, monkeypatch):
    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", fail)  # a file system without locks
    with pytest.raises(InputError, match="Permission denied; choose a folder"), study.lock():
        pass
